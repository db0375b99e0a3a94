//! From files to events and rows, cut into parts.

use std::path::{Path, PathBuf};

use torre::Progress;
use torre_train::{Log, Sources, Split, read_events, read_sets, read_table};

use super::args::DataArgs;
use crate::repl::Failure;

/// What was read, and how it is cut.
pub(super) struct Loaded {
    pub(super) sources: Sources,
    pub(super) split: Split,
    /// What was read and what was not, a line each.
    pub(super) notes: Vec<String>,
}

pub(super) fn load(args: &DataArgs, seed: u64, progress: &dyn Progress) -> Result<Loaded, Failure> {
    let files = args.event_files();
    let all: Vec<&PathBuf> = files.iter().map(|(path, _)| path).chain(&args.items).chain(&args.users).collect();
    if all.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::usage("standard input can be read once"));
    }
    let (log, ends) = events(args, &files.iter().map(|(path, _)| path.as_path()).collect::<Vec<_>>(), progress)?;
    let mut notes = Vec::new();
    told("events", &log.report, &mut notes);
    let rule = args.rule(log.timed, ends)?;
    let split = Split::new(&log, &rule, seed)?;
    let items = args.items.as_deref().map(|path| Ok::<_, Failure>(read_table(path, &args.item_options()?, progress)?)).transpose()?;
    let users = args.users.as_deref().map(|path| Ok::<_, Failure>(read_table(path, &args.user_options()?, progress)?)).transpose()?;
    items.iter().for_each(|table| told("rows of items", &table.report, &mut notes));
    users.iter().for_each(|table| told("rows of users", &table.report, &mut notes));
    notes.extend(split.report.to_string().lines().map(str::to_owned));
    Ok(Loaded { sources: Sources { log, items, users }, split, notes })
}

/// The events of all files, and where each file ends among them.
fn events(args: &DataArgs, files: &[&Path], progress: &dyn Progress) -> Result<(Log, Vec<usize>), Failure> {
    if args.is_sets() {
        return Ok(read_sets(files)?);
    }
    Ok(read_events(files, &args.interaction_options()?, progress)?)
}

fn told(what: &str, report: &torre_train::ReadReport, notes: &mut Vec<String>) {
    let mut line = format!("{} {what}", report.rows);
    if report.broken > 0 {
        let first = report.first_broken.as_deref().unwrap_or_default();
        line += &format!(", {} broken ones left out, the first: {first}", report.broken);
    }
    notes.push(line);
    notes.extend(report.notes.iter().cloned());
}
