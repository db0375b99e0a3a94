//! A commit that panics: storage may then hold changes that the snapshot does not show, and would be given their row numbers again.
//! So the writer stops for good, and says why; opening the database again reads what storage holds.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::{Error, Result};
use crate::ingest::Writer;
use crate::ingest::writer::State;

impl Writer {
    /// Runs what must not be left half done: from the commit to storage to the new snapshot. If it panics, the writer is poisoned,
    /// `tell` gets the first reason, and the panic goes on.
    pub(super) fn guard<R>(&self, state: &mut State, commit: impl FnOnce(&mut State) -> R, tell: impl FnOnce(&str)) -> R {
        catch_unwind(AssertUnwindSafe(|| commit(state))).unwrap_or_else(|panic| {
            let reason = state.poison.get_or_insert_with(|| message(&*panic));
            tracing::error!(collection = %self.shared.name(), %reason, "writing has stopped: a commit panicked");
            tell(reason);
            resume_unwind(panic)
        })
    }

    /// Refuses what would change a collection whose writer is poisoned.
    ///
    /// # Errors
    /// [`Error::Poisoned`] with the first reason.
    pub(super) fn check(&self, state: &State) -> Result<()> {
        state.poison.as_ref().map_or(Ok(()), |reason| Err(self.poisoned(reason)))
    }

    pub(super) fn poisoned(&self, reason: &str) -> Error {
        Error::Poisoned { name: self.shared.name().to_string(), reason: reason.to_owned() }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}
