//! What holds for a whole batch.

use super::at::{At, given, time};
use super::options::Lookup;
use crate::error::FeatureError;
use crate::op::Piece;
use crate::row::Row;

/// What holds for a whole batch.
pub(super) struct Context<'a> {
    pub first_row: usize,
    pub lookup: Option<&'a dyn Lookup>,
    /// Unix seconds, for rows that do not say it themselves.
    pub now: f64,
}

impl Context<'_> {
    /// Now, for an operation that counts from it: what the row says, else the time of the call.
    pub(super) fn now(&self, piece: &Piece, row: &Row, number: usize) -> Result<f64, FeatureError> {
        let Some(field) = piece.now() else { return Ok(self.now) };
        match given(row.get(field)) {
            None => Ok(self.now),
            value => time(value, At { field, row: number }),
        }
    }
}
