//! The shell, without a terminal: a line becomes a [`Command`](command::Command), the command calls the database, and the result
//! becomes text.
//!
//! The commands and their options are the binary's subcommands too; `cli` adds the path of the database and the terminal.

mod audience;
pub(crate) mod command;
mod complete;
mod context;
pub(crate) mod create;
mod dot;
mod eval;
mod everyone;
mod failure;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod help;
mod import;
pub(crate) mod list;
pub(crate) mod output;
mod parse;
mod policy;
mod query;
pub(crate) mod ranker;
mod recall;
pub(crate) mod render;
pub(crate) mod rules;
mod run;
mod schema;
mod session;
mod spread;
mod stages;
mod users;
pub(crate) mod values;
mod words;

pub(crate) use context::Context;
pub(crate) use failure::Failure;
pub(crate) use run::run;
pub(crate) use session::DEFAULT_COLLECTION;
pub use session::{Fed, Reply, Session};
