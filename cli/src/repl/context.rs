//! What a command works on.

use torre::{Collection, Database, Progress};

use super::failure::Failure;

/// What a command works on.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) database: &'a Database,
    /// Name of the collection.
    pub(crate) collection: &'a str,
    pub(crate) progress: &'a dyn Progress,
}

impl Context<'_> {
    pub(super) fn open(&self) -> Result<Collection, Failure> {
        Ok(self.database.collection(self.collection)?)
    }
}
