//! Stored vectors of items, for towers whose histories arrive as vectors.

use super::{Shared, Snapshot};
use crate::features::{Lookup, LookupError};

/// Looks item vectors up in one snapshot.
pub(crate) struct SnapshotLookup<'s> {
    pub(crate) shared: &'s Shared,
    pub(crate) snapshot: &'s Snapshot,
}

impl Lookup for SnapshotLookup<'_> {
    fn vector(&self, id: &str, out: &mut [f32]) -> Result<bool, LookupError> {
        match self.snapshot.locate(id) {
            Some(place) => Ok(self.shared.vector(self.snapshot, place, out).map(|()| true)?),
            None => Ok(false),
        }
    }
}
