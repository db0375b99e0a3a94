//! The subcommands and their arguments.

use clap::{Args, Parser, Subcommand};

use super::target::Target;
use super::{check, keep, measure};
use crate::repl::command as repl;
use crate::repl::{list, ranker, rules};
use crate::train;

/// An embedded vector database with the two towers of a recommender built in.
#[derive(Parser, Debug)]
#[command(name = "torre", version, about, long_about = None)]
#[command(override_usage = "torre DB [-c COMMAND]...    the shell\n       torre COMMAND DB ...       one command")]
#[command(
    after_help = "`torre DB` opens the shell, where the same commands work and `.help` lists them; a database named as a command is ./NAME, one in memory\n\
                        is :memory:. Every command takes --json. Exit codes: 0 done, 1 failed (one line on standard error says why), 2 bad arguments."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Subcommands,
}

#[derive(Subcommand, Debug)]
#[command(disable_help_subcommand = true)]
pub(super) enum Subcommands {
    /// Open the shell; `torre DB` does too
    Shell(Shell),
    /// Make a collection, and the database where there is none
    Create(With<repl::Create>),
    /// Import rows (.jsonl, .json, .csv, .tsv, .parquet) or vectors (.npy, .fvecs)
    Import(With<repl::Import>),
    /// Train the quantizer and seal everything, now instead of in the background
    Build(With<repl::Build>),
    /// Recommend items to a user, given as a row of raw features
    Recommend(With<repl::Recommend>),
    /// Find the items most like a stored one
    Similar(With<repl::Similar>),
    /// Find the items nearest to a vector
    Search(With<repl::Search>),
    /// Show stored items
    Get(With<repl::Get>),
    /// Insert items, or replace those that have the same id
    Put(With<repl::Put>),
    /// Set some fields of an item; a null removes a field
    Patch(With<repl::Patch>),
    /// Delete items
    Delete(With<repl::Delete>),
    /// Count the items, or those of which a filter is true
    Count(With<repl::Count>),
    /// Count the values that items have in indexed fields
    Facets(With<repl::Facets>),
    /// Index a field, so that filters can ask for it
    Index(With<repl::Index>),
    /// Put ids on a stored list, take them off, show or drop it
    #[command(subcommand, disable_help_subcommand = true)]
    List(List),
    /// Measure recommendations against what users really chose
    Eval(With<repl::Eval>),
    /// Compare the index with an exact scan, by nprobe
    Recall(With<repl::Recall>),
    /// Show the state of a collection in numbers
    Stats(With<Nothing>),
    /// Show what rows hold: the fields of the towers and of the collection
    Schema(With<Nothing>),
    /// Attach a second-stage model, list those there are, or detach one
    #[command(subcommand, disable_help_subcommand = true)]
    Ranker(Ranker),
    /// Keep rules for the order of hits under a name, show, list or drop them
    #[command(subcommand, disable_help_subcommand = true)]
    Policy(Policy),
    /// Merge all segments and drop what was deleted
    Compact(With<Nothing>),
    /// Read everything and name each damage; exits 1 when there is any
    Verify(keep::Verify),
    /// Write a new database with everything that can still be read
    Salvage(keep::Copy),
    /// Write a consistent copy, while writers go on
    Backup(keep::Copy),
    /// Write rows, towers and settings as JSON lines and files
    Dump(keep::Dump),
    /// Make a database from a dump
    Load(keep::Load),
    /// Check towers as attaching does, and say what was seen; exits 1 when one is refused
    Check(check::Check),
    /// Train the two towers of a recommender on what people chose
    Train(Box<train::Train>),
    /// Train a second stage on what people chose of what the first one finds, attach and measure it
    TrainRanker(Box<With<train::RankerArgs>>),
    /// Make a recommender of files: infer, train, attach, import, build and measure
    Make(Box<Make>),
    /// Train the towers of a collection further on what was chosen since, and let the new ones serve under its name
    Retrain(Box<Retrain>),
    /// Let a collection and another one change names, in one commit
    Swap(Swap),
    /// Compare widths and codes of the vectors on your own data: quality, memory, time
    Report(Box<train::Report>),
    /// Measure the index on vectors from files; no database is needed
    Bench(Box<measure::Bench>),
    /// Make a shop from a seed, recommend to its shoppers and measure it
    Demo(measure::Demo),
}

/// What to do about stored lists.
#[derive(Subcommand, Debug)]
pub(super) enum List {
    /// Put ids on a list, which need not be there yet
    Add(With<list::ListIds>),
    /// Take ids off a list
    Remove(With<list::OffList>),
    /// Show the ids on a list, or all lists
    Show(With<list::ShowList>),
    /// Remove a list
    Drop(With<list::DropList>),
}

/// What to do about rankers.
#[derive(Subcommand, Debug)]
pub(super) enum Ranker {
    /// Check a ranker, replay its golden rows, and store it under a name
    Attach(With<ranker::AttachRanker>),
    /// List the rankers with what they read
    List(With<Nothing>),
    /// Remove a ranker
    Detach(With<ranker::DetachRanker>),
}

/// What to do about policies.
#[derive(Subcommand, Debug)]
pub(super) enum Policy {
    /// Keep rules under a name; a policy that has it is replaced
    Set(Box<With<rules::SetPolicy>>),
    /// Show a policy's rules
    Show(With<rules::PolicyName>),
    /// List the policies with their versions
    List(With<Nothing>),
    /// Remove a policy
    Drop(With<rules::PolicyName>),
}

/// A command of the shell with the database it goes to.
#[derive(Args, Clone, Debug)]
pub(super) struct With<A: Args> {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) args: A,
}

/// Which database to make, and of what.
#[derive(Args, Clone, Debug)]
pub(super) struct Make {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) shop: train::Shop,
}

/// Which collection's towers to train further, and on what.
#[derive(Args, Clone, Debug)]
pub(super) struct Retrain {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) again: train::Retrain,
}

/// Which collections change names.
#[derive(Args, Clone, Debug)]
pub(super) struct Swap {
    #[command(flatten)]
    pub(super) target: Target,
    /// The other collection
    #[arg(value_name = "OTHER")]
    pub(super) other: String,
}

/// No further arguments.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Nothing {}

/// The shell's own arguments.
#[derive(Args, Clone, Debug)]
pub(super) struct Shell {
    #[command(flatten)]
    pub(super) target: Target,
    /// Run this command and leave; can be given several times, up to the first that fails
    #[arg(short = 'c', long = "command", value_name = "COMMAND")]
    pub(super) commands: Vec<String>,
}

/// The arguments with `shell` put before a database: `torre DB` is the shell. `torre help COMMAND` is `torre COMMAND --help`.
pub(super) fn with_shell(mut arguments: Vec<std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    let Some(first) = arguments.get(1).map(|first| first.to_string_lossy().into_owned()) else { return arguments };
    let known = <Arguments as clap::CommandFactory>::command().get_subcommands().any(|command| command.get_name() == first);
    if first == "help" && arguments.len() <= 3 {
        arguments.remove(1);
        arguments.push("--help".into());
        return arguments;
    }
    let about_torre = ["-h", "--help", "-V", "--version"].contains(&first.as_str());
    // A word followed by other words is a mistyped command, unless it is a path: clap then says which command was meant.
    let followed = arguments.get(2).is_some_and(|next| !next.to_string_lossy().starts_with('-'));
    let path = first.starts_with('-') || first.contains(['/', '\\', ':', '.']) || std::path::Path::new(&first).exists();
    if !known && !about_torre && (path || !followed) {
        arguments.insert(1, "shell".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    fn shelled(words: &[&str]) -> Vec<String> {
        with_shell(words.iter().map(Into::into).collect()).into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn the_arguments_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_database_alone_is_the_shell() {
        assert_eq!(shelled(&["torre", "shop"]), ["torre", "shell", "shop"]);
        assert_eq!(shelled(&["torre", "shop", "-c", "get 1"]), ["torre", "shell", "shop", "-c", "get 1"]);
        assert_eq!(shelled(&["torre", "-c", "get 1", "shop"]), ["torre", "shell", "-c", "get 1", "shop"]);
        assert_eq!(shelled(&["torre", "./stats"]), ["torre", "shell", "./stats"]);
        assert_eq!(shelled(&["torre", "stats", "shop"]), ["torre", "stats", "shop"]);
        assert_eq!(shelled(&["torre", "recomend", "shop"]), ["torre", "recomend", "shop"]);
        assert_eq!(shelled(&["torre", "--help"]), ["torre", "--help"]);
        assert_eq!(shelled(&["torre", "help"]), ["torre", "--help"]);
        assert_eq!(shelled(&["torre", "help", "create"]), ["torre", "create", "--help"]);
        assert_eq!(shelled(&["torre"]), ["torre"]);
    }
}
