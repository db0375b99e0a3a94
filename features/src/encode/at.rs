//! Values of a row, read as what an operation takes, and errors that say where they stand.

use crate::error::FeatureError;
use crate::op::{Keep, ListRule, Piece, Refused};
use crate::time::unix_seconds;
use crate::value::Value;

/// What `time` and `age` expect.
pub(super) const A_TIME: &str = "unix seconds or RFC 3339 text";

/// Names the field and the row when something is wrong there.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub field: &'a str,
    pub row: usize,
}

impl<'a> At<'a> {
    #[cold]
    pub(super) fn bad(self, expected: impl Into<String>, got: Option<&Value>) -> FeatureError {
        let got = got.map_or_else(|| "nothing".to_owned(), Value::describe);
        FeatureError::value(self.field, self.row, expected, got)
    }

    /// The error of a number that a step cannot take.
    pub(super) fn refused<'v>(self, value: Option<&'v Value>) -> impl FnOnce(Refused) -> FeatureError + use<'a, 'v> {
        move |expected| self.bad(expected, value)
    }
}

/// The value, with null as absent.
pub(super) fn given(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

/// A finite number; true is 1 and false is 0.
pub(super) fn number(value: Option<&Value>, at: At<'_>) -> Result<f64, FeatureError> {
    let number = match value {
        Some(Value::Bool(flag)) => f64::from(u8::from(*flag)),
        Some(other) => other.as_f64().ok_or_else(|| at.bad("a number", value))?,
        None => return Err(at.bad("a number", None)),
    };
    if number.is_finite() { Ok(number) } else { Err(at.bad("a finite number", value)) }
}

/// Unix seconds.
pub(super) fn time(value: Option<&Value>, at: At<'_>) -> Result<f64, FeatureError> {
    value.and_then(unix_seconds).ok_or_else(|| at.bad(A_TIME, value))
}

/// The error of a time that has no date.
#[cold]
pub(super) fn no_date(value: Option<&Value>, at: At<'_>) -> FeatureError {
    at.bad(format!("{A_TIME} of the years -9999 to 9999"), value)
}

/// The places of a list that are kept; a missing list is empty where that is allowed.
pub(super) fn cut<'v>(piece: &Piece, list: ListRule, value: Option<&'v Value>, at: At<'_>) -> Result<&'v [Value], FeatureError> {
    match value {
        Some(Value::List(values)) if list.keep == Keep::First => Ok(&values[..values.len().min(list.max)]),
        Some(Value::List(values)) => Ok(&values[values.len().saturating_sub(list.max)..]),
        None if !piece.is_strict() => Ok(&[]),
        other => Err(at.bad("a list", other)),
    }
}
