//! One indexed field of rows found, from memory.

use std::borrow::Cow;

use crate::features::Value;
use crate::query::candidates::Found;
use crate::ranker::ItemField;
use crate::segment::{Column, Place, Snapshot};

/// The columns of a field, one a part of a snapshot: looked up once for many rows.
pub(crate) struct FieldColumns<'s>(Vec<Option<&'s Column>>);

impl<'s> FieldColumns<'s> {
    pub(crate) fn new(snapshot: &'s Snapshot, field: &str) -> Self {
        Self(snapshot.tables().into_iter().map(|table| table.columns().get(field).map(|column| &**column)).collect())
    }

    /// The value of a row; `None` where the field is not indexed.
    pub(crate) fn value(&self, (part, position): Place) -> Option<Value> {
        self.column(part).map(|column| column.value(position as usize))
    }

    fn column(&self, part: u32) -> Option<&'s Column> {
        *self.0.get(part as usize)?
    }
}

/// A field of the items of rows found, as rankers read it.
pub(crate) struct FieldOfFound<'s> {
    pub(crate) columns: FieldColumns<'s>,
    pub(crate) found: &'s [Found],
}

impl ItemField for FieldOfFound<'_> {
    fn value(&self, candidate: usize) -> Option<Cow<'_, Value>> {
        self.columns.value(self.found.get(candidate)?.place).map(Cow::Owned)
    }

    fn code(&self, candidate: usize) -> Option<u64> {
        let (part, position) = self.found.get(candidate)?.place;
        let code = self.columns.column(part)?.code(position as usize)?;
        // Parts have dictionaries of their own.
        Some(u64::from(part) << 32 | u64::from(code))
    }
}
