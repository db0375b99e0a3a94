//! From a path to an open database.

use std::path::Path;

use super::print;
use super::target::Target;
use crate::repl::Failure;
use torre::{Database, DatabaseBuilder};

/// What the database is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// One command that changes nothing.
    Read,
    /// One command that does not want work of other kinds beside it.
    Command,
    /// A long command: seals and trains in the background.
    Import,
    /// The shell: the same, and it reads where nothing can be written.
    Session,
    /// To make a collection; the database is made where there is none.
    Create,
}

/// Opens the database of `target`; `:memory:` is one in memory. Where nothing can be written, what only reads is opened for that, and told.
pub(super) fn open(target: &Target, purpose: Purpose) -> Result<Database, Failure> {
    let path = target.db.as_path();
    if path == Path::new(":memory:") {
        return Ok(Database::in_memory()?);
    }
    if purpose != Purpose::Create {
        must_exist(path)?;
    }
    let background = matches!(purpose, Purpose::Session | Purpose::Import);
    let builder = Database::builder(path).create(purpose == Purpose::Create).background(background).trim_memory(true);
    if matches!(purpose, Purpose::Read | Purpose::Session) {
        return open_to_read(builder, target.read_only);
    }
    Ok(builder.read_only(target.read_only).open()?)
}

/// Opens a database as it is set, or for reading only where that is asked for or nothing can be written.
pub(super) fn open_to_read(builder: DatabaseBuilder, read_only: bool) -> Result<Database, Failure> {
    match builder.clone().read_only(read_only).open() {
        Err(refused) if refused.can_be_read() && !read_only => {
            let database = builder.read_only(true).open()?;
            print::note(&format!("opened for reading only: {refused}"));
            Ok(database)
        }
        opened => Ok(opened?),
    }
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
