//! `verify`, `salvage`, `backup`, `dump`, `load`: what keeps a database whole.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value as Json;

use super::open::{must_exist, open_to_read};
use super::print;
use super::progress::Bar;
use crate::repl::Failure;
use crate::repl::output::{Output, count};
use crate::repl::render::{Mode, render};
use torre::Database;

/// Which database to check.
#[derive(Args, Clone, Debug)]
pub(crate) struct Verify {
    /// The database's directory
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Open for reading only, beside other readers; by itself where nothing can be written
    #[arg(long)]
    pub(crate) read_only: bool,
}

/// From where to where.
#[derive(Args, Clone, Debug)]
pub(crate) struct Copy {
    /// The database's directory
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
    /// The new database's directory, which must not exist
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Open for reading only, beside other readers; by itself where nothing can be written
    #[arg(long)]
    pub(crate) read_only: bool,
}

/// What to write, and where.
#[derive(Args, Clone, Debug)]
pub(crate) struct Dump {
    /// The database's directory
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
    /// The directory of the dump, which must not exist [default: DB.dump]
    #[arg(value_name = "OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Open for reading only, beside other readers; by itself where nothing can be written
    #[arg(long)]
    pub(crate) read_only: bool,
}

/// What to read, and into what.
#[derive(Args, Clone, Debug)]
pub(crate) struct Load {
    /// The new database's directory, which must not exist
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
    /// The directory of the dump [default: DB.dump]
    #[arg(value_name = "DUMP")]
    pub(crate) dump: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Opens a database to read all of it, with no other work beside.
fn open(path: &Path, read_only: bool) -> Result<Database, Failure> {
    must_exist(path)?;
    open_to_read(Database::builder(path).background(false), read_only)
}

/// Damage is listed on standard output, and makes the command fail.
pub(super) fn verify(args: &Verify) -> ExitCode {
    let report = match must_exist(&args.db).and_then(|()| Ok(check(args)?)) {
        Ok(report) => report,
        Err(failure) => return print::fail(&failure),
    };
    let mut output = Output::card(&report);
    for record in &mut output.records {
        record.retain(|(name, _)| name != "damage");
    }
    if !report.is_sound() {
        let line =
            |damage: &torre::Damage| vec![("part".to_owned(), Json::from(&*damage.part)), ("what".to_owned(), Json::from(&*damage.what))];
        output = Output { json: output.json, ..Output::list(&report.damage, line) };
    }
    print::out(&render(&output, if args.json { Mode::Json } else { Mode::Table }, print::width()));
    if report.is_sound() {
        return ExitCode::SUCCESS;
    }
    let damages = count(report.damage.len() as u64, "damaged part");
    print::fail(&Failure::new(format!("{}: {damages}; `torre salvage` saves the rest", args.db.display())))
}

fn check(args: &Verify) -> torre::Result<torre::VerifyReport> {
    let progress = Bar::new();
    if args.read_only { Database::open_read_only(&args.db)?.verify(&progress) } else { Database::verify_at(&args.db, &progress) }
}

pub(super) fn backup(args: &Copy) -> Result<Output, Failure> {
    Ok(Output::card(&open(&args.db, args.read_only)?.backup(&args.out, &Bar::new())?))
}

pub(super) fn dump(args: &Dump) -> Result<Output, Failure> {
    Ok(Output::card(&open(&args.db, args.read_only)?.dump(dump_of(args.out.as_deref(), &args.db), &Bar::new())?))
}

pub(super) fn load(args: &Load) -> Result<Output, Failure> {
    Ok(Output::card(&Database::load(&args.db, dump_of(args.dump.as_deref(), &args.db), &Bar::new())?))
}

/// Where a database's dump is when nobody says.
fn dump_of(given: Option<&Path>, db: &Path) -> PathBuf {
    // Without a slash at the end, if there is one.
    let mut beside = db.components().as_path().as_os_str().to_owned();
    beside.push(".dump");
    given.map_or_else(|| beside.into(), Path::to_owned)
}

/// What was lost is listed on standard output, and makes the command fail: a script must not take the copy for the whole.
pub(super) fn salvage(args: &Copy) -> ExitCode {
    let salvaged = must_exist(&args.db).and_then(|()| Ok(Database::salvage(&args.db, &args.out, &Bar::new())?));
    let report = match salvaged {
        Ok(report) => report,
        Err(failure) => return print::fail(&failure),
    };
    let mut output = Output::card(&report);
    for record in &mut output.records {
        record.retain(|(name, _)| name != "lost");
    }
    output.notes = report.lost.iter().map(|damage| format!("lost: {}: {}", damage.part, damage.what)).collect();
    print::out(&render(&output, if args.json { Mode::Json } else { Mode::Table }, print::width()));
    if report.lost.is_empty() {
        return ExitCode::SUCCESS;
    }
    let (kept, lost) = (count(report.rows, "row"), count(report.lost.len() as u64, "part"));
    print::fail(&Failure::new(format!("{}: {kept} saved, {lost} lost", args.out.display())))
}
