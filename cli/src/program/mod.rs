//! The `torre` binary: arguments, the terminal, exit codes. What the commands do is in the shell's module.

mod args;
mod check;
mod interrupt;
mod keep;
mod measure;
mod open;
mod print;
mod progress;
mod shell;
mod target;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::repl::command::{Command, Create};
use crate::repl::create;
use crate::repl::output::Output;
use crate::repl::render::{Mode, render};
use crate::repl::rules::PolicyCommand;
use crate::repl::{Context, Failure, run};
use crate::repl::{list, ranker};
use crate::train;
use args::{Arguments, List, Make, Policy, Ranker, Retrain, Subcommands, Swap, With};
use open::{Purpose, open};
use progress::Bar;
use target::Target;
use torre::Database;

/// Runs the binary with these arguments, the program's name first, and returns its exit code: 0 when it did what was asked, 1 when it
/// failed, 2 for arguments that make no command.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    log_to_standard_error();
    leave_panics_of_storage_to_it();
    let arguments = args::with_shell(arguments.into_iter().collect());
    match Arguments::try_parse_from(arguments) {
        Ok(arguments) => dispatch(arguments.command),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            print::out(&error.render().to_string());
            ExitCode::SUCCESS
        }
        Err(error) => {
            // clap prints to standard error; a failure to do so cannot be reported.
            let _ = error.print();
            ExitCode::from(2)
        }
    }
}

/// Logs of the library: errors, or what `TORRE_LOG` asks for.
fn log_to_standard_error() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TORRE_LOG").unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    // Set already when a test calls `main` twice.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).try_init();
}

/// A panic on one of storage's threads comes back as an error, and is told by that.
fn leave_panics_of_storage_to_it() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name().is_some_and(|name| matches!(name, "torre-store" | "torre-read")) {
            tracing::debug!(%panic, "in storage");
        } else {
            others(panic);
        }
    }));
}

fn dispatch(command: Subcommands) -> ExitCode {
    interrupt::watch();
    match command {
        Subcommands::Shell(args) => shell::run(&args),
        Subcommands::Create(with) => show(&with.target, make(&with.target, with.args)),
        Subcommands::Import(with) => one(with, Purpose::Import, Command::Import),
        Subcommands::Build(with) => one(with, Purpose::Command, Command::Build),
        Subcommands::Recommend(with) => one(with, Purpose::Read, Command::Recommend),
        Subcommands::Similar(with) => one(with, Purpose::Read, Command::Similar),
        Subcommands::Search(with) => one(with, Purpose::Read, Command::Search),
        Subcommands::Get(with) => one(with, Purpose::Read, Command::Get),
        Subcommands::Put(with) => one(with, Purpose::Command, Command::Put),
        Subcommands::Patch(with) => one(with, Purpose::Command, Command::Patch),
        Subcommands::Delete(with) => one(with, Purpose::Command, Command::Delete),
        Subcommands::Count(with) => one(with, Purpose::Read, Command::Count),
        Subcommands::Facets(with) => one(with, Purpose::Read, Command::Facets),
        Subcommands::List(List::Add(with)) => one(with, Purpose::Command, |args| Command::List(list::List::Add(args))),
        Subcommands::List(List::Remove(with)) => one(with, Purpose::Command, |args| Command::List(list::List::Remove(args))),
        Subcommands::List(List::Show(with)) => one(with, Purpose::Read, |args| Command::List(list::List::Show(args))),
        Subcommands::List(List::Drop(with)) => one(with, Purpose::Command, |args| Command::List(list::List::Drop(args))),
        Subcommands::Index(with) => one(with, Purpose::Command, Command::Index),
        Subcommands::Eval(with) => one(with, Purpose::Read, Command::Eval),
        Subcommands::Recall(with) => one(with, Purpose::Read, Command::Recall),
        Subcommands::Stats(with) => one(with, Purpose::Read, |_| Command::Stats),
        Subcommands::Schema(with) => one(with, Purpose::Read, |_| Command::Schema),
        Subcommands::Ranker(Ranker::Attach(with)) => one(with, Purpose::Command, |args| Command::Ranker(ranker::Ranker::Attach(args))),
        Subcommands::Ranker(Ranker::List(with)) => one(with, Purpose::Read, |_| Command::Ranker(ranker::Ranker::List)),
        Subcommands::Ranker(Ranker::Detach(with)) => one(with, Purpose::Command, |args| Command::Ranker(ranker::Ranker::Detach(args))),
        Subcommands::Policy(Policy::Set(with)) => one(*with, Purpose::Command, |args| Command::Policy(PolicyCommand::Set(Box::new(args)))),
        Subcommands::Policy(Policy::Show(with)) => one(with, Purpose::Read, |args| Command::Policy(PolicyCommand::Show(args))),
        Subcommands::Policy(Policy::List(with)) => one(with, Purpose::Read, |_| Command::Policy(PolicyCommand::List)),
        Subcommands::Policy(Policy::Drop(with)) => one(with, Purpose::Command, |args| Command::Policy(PolicyCommand::Drop(args))),
        Subcommands::Compact(with) => one(with, Purpose::Command, |_| Command::Compact),
        Subcommands::Verify(args) => keep::verify(&args),
        Subcommands::Salvage(args) => keep::salvage(&args),
        Subcommands::Backup(args) => print_result(args.json, keep::backup(&args)),
        Subcommands::Dump(args) => print_result(args.json, keep::dump(&args)),
        Subcommands::Load(args) => print_result(args.json, keep::load(&args)),
        Subcommands::Check(args) => print_result(args.json, check::check(&args)),
        Subcommands::Train(args) => print_result(args.json, train::train(&args, &Bar::new())),
        Subcommands::TrainRanker(with) => show(&with.target, second_stage(&with)),
        Subcommands::Report(args) => print_result(args.json, train::report(&args, &Bar::new())),
        Subcommands::Make(args) => show(&args.target, recommender(&args)),
        Subcommands::Retrain(args) => show(&args.target, retrained(&args)),
        Subcommands::Swap(args) => show(&args.target, swap(&args)),
        Subcommands::Bench(args) => measure::bench(&args),
        Subcommands::Demo(args) => measure::demo(&args),
    }
}

/// Opens the database, runs one command of the shell and shows what came of it.
fn one<A: clap::Args>(with: With<A>, purpose: Purpose, command: impl FnOnce(A) -> Command) -> ExitCode {
    let With { target, args } = with;
    let command = command(args);
    let result = open(&target, purpose).and_then(|database| {
        let progress = Bar::new();
        run(&command, &Context { database: &database, collection: &target.collection, progress: &progress })
    });
    show(&target, result)
}

/// Everything is checked before a database is made: what is refused leaves nothing behind.
fn make(target: &Target, args: Create) -> Result<Output, Failure> {
    let options = create::options(&args)?;
    Database::check_name(args.name.as_deref().unwrap_or(&target.collection))?;
    let database = open(target, Purpose::Create)?;
    let progress = Bar::new();
    let context = Context { database: &database, collection: &target.collection, progress: &progress };
    create::create(&context, args.name.as_deref(), options)
}

/// Everything is read and trained before the database is made: what is refused leaves none behind.
fn recommender(args: &Make) -> Result<Output, Failure> {
    let Make { target, shop } = args;
    [target.collection.clone(), train::making(&target.collection)].iter().try_for_each(|name| Database::check_name(name))?;
    if target.db.exists() && open(target, Purpose::Read)?.contains_collection(&target.collection) {
        let name = target.collection.clone();
        return Err(torre::Error::CollectionExists { name }.into());
    }
    let out = shop.out.clone().unwrap_or_else(|| beside(target, ".towers"));
    train::make(shop, out, &target.collection, || open(target, Purpose::Create), &Bar::new())
}

fn retrained(args: &Retrain) -> Result<Output, Failure> {
    let Retrain { target, again } = args;
    let database = open(target, Purpose::Command)?;
    let out = again.out.clone().unwrap_or_else(|| beside(target, ".retrained"));
    train::retrain(again, &database, &target.collection, &out, &Bar::new())
}

fn swap(args: &Swap) -> Result<Output, Failure> {
    let (name, other) = (args.target.collection.as_str(), args.other.as_str());
    open(&args.target, Purpose::Command)?.rename_collections([(name, other), (other, name)])?;
    let swapped = serde_json::json!({"collection": name, "other": other});
    Ok(Output::note(&swapped, format!("what was {other:?} is {name:?} now, and the other way around")))
}

/// A path beside the database, without a slash at the end of that.
fn beside(target: &Target, ending: &str) -> std::path::PathBuf {
    let mut path = target.db.components().as_path().as_os_str().to_owned();
    path.push(ending);
    path.into()
}

fn second_stage(with: &With<train::RankerArgs>) -> Result<Output, Failure> {
    let database = open(&with.target, Purpose::Command)?;
    train::train_ranker(&database.collection(&with.target.collection)?, &with.args, &Bar::new())
}

fn show(target: &Target, result: Result<Output, Failure>) -> ExitCode {
    print_result(target.json, result)
}

fn print_result(json: bool, result: Result<Output, Failure>) -> ExitCode {
    match result {
        Ok(output) => {
            print::out(&render(&output, if json { Mode::Json } else { Mode::Table }, print::width()));
            ExitCode::SUCCESS
        }
        Err(failure) => print::fail(&failure),
    }
}
