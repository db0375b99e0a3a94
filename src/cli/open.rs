//! From a path to an open database.

use std::path::Path;

use super::args::Target;
use crate::db::Database;
use crate::repl::Failure;

/// What the database is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// One command that does not want work of other kinds beside it.
    Command,
    /// Long work or a session: seals and trains in the background.
    Session,
    /// To make a collection; the database is made where there is none.
    Create,
}

/// Opens the database of `target`; `:memory:` is one in memory.
pub(super) fn open(target: &Target, purpose: Purpose) -> Result<Database, Failure> {
    let path = target.db.as_path();
    if path == Path::new(":memory:") {
        return Ok(Database::in_memory()?);
    }
    if purpose != Purpose::Create {
        must_exist(path)?;
    }
    let builder = Database::builder(path).create(purpose == Purpose::Create).background(purpose == Purpose::Session);
    Ok(builder.open()?)
}

/// Says how to make a database, where there is none.
pub(super) fn must_exist(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "there is no database at {0}; make one with `torre create {0} --dim NUMBERS` or with `--item I.onnx --user U.onnx`",
        path.display()
    )))
}
