//! How a batch is encoded.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::LookupError;
use crate::schema::Schema;

/// Where `lookup` finds the stored vectors of items.
pub trait Lookup: Sync {
    /// Puts the item's vector into `out` (as wide as the collection) and says whether there is one.
    ///
    /// # Errors
    /// Whatever keeps the vectors from being read; it is passed on.
    fn vector(&self, id: &str, out: &mut [f32]) -> Result<bool, LookupError>;
}

/// How a batch is encoded.
#[derive(Clone, Copy, Default)]
pub struct EncodeOptions<'a> {
    /// The number of the first row, for errors.
    pub first_row: usize,
    /// Stored vectors; needed by specs with a `lookup`.
    pub lookup: Option<&'a dyn Lookup>,
    /// Further fields that a row may have.
    pub schema: Option<&'a Schema>,
    /// Says of a field that neither the spec nor the schema names whether others read it, so that a row may have it.
    pub further: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
    /// Whether a row may have any field.
    pub lenient: bool,
    /// Now, in unix seconds, for `age` in rows that do not say it themselves; `None` is the clock's time of the call. Must be finite.
    pub now: Option<f64>,
}

impl EncodeOptions<'_> {
    /// The same options with the clock read once, so that the parts of a batch that are encoded one by one have the same now.
    #[must_use]
    pub fn at_one_time(self) -> Self {
        Self { now: Some(self.now_or_clock()), ..self }
    }

    /// Unix seconds of now. A clock that stands before 1970 counts as 1970.
    pub(super) fn now_or_clock(&self) -> f64 {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |passed| passed.as_secs_f64());
        self.now.filter(|now| now.is_finite()).unwrap_or_else(clock)
    }
}
