//! What a reader took otherwise than it stands in the file, for the one who sent the file to know.

use super::kind::{CellKind, ColumnKind};
use torre::Value;

/// Floats up to here, 2^53, tell neighbouring integers apart.
pub(super) const EXACT: f64 = 9_007_199_254_740_992.0;

/// Counts of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// Floats without a fraction, taken as the integers they are (`3.0`), ids among them.
    pub whole: u64,
    /// NaN taken as a missing value.
    pub nan: u64,
    /// Columns left out, in the order in which they came.
    pub ignored: Vec<Ignored>,
}

/// A column that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ignored {
    pub column: String,
    pub why: Why,
}

/// Why a column was left out, unasked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// The index of a pandas frame.
    Index,
    /// Nobody declared it.
    Unknown,
    /// It is called `id` or `vector`, and another one was named for that.
    Replaced,
    /// No field can hold it.
    Kind(String),
}

impl Taken {
    pub(super) fn ignore(&mut self, column: &str, why: Why) {
        if !self.ignored.iter().any(|ignored| ignored.column == column) {
            self.ignored.push(Ignored { column: column.to_owned(), why });
        }
    }

    /// The value as a field of this kind wants it: whole floats as integers where floats cannot be, NaN as null. A NaN within a list stays.
    pub(super) fn fit(&mut self, kind: Option<ColumnKind>, value: Value) -> Value {
        match (kind, value) {
            (_, Value::Float(number)) if number.is_nan() => {
                self.nan += 1;
                Value::Null
            }
            (Some(ColumnKind::One(kind)), Value::Float(number)) => self.whole(kind, number),
            (Some(ColumnKind::List(kind)), Value::List(values)) if !matches!(kind, CellKind::Number | CellKind::Time) => {
                let fitted = values.into_iter().map(|value| match value {
                    Value::Float(number) => self.whole(kind, number),
                    other => other,
                });
                Value::List(fitted.collect())
            }
            (_, value) => value,
        }
    }

    fn whole(&mut self, kind: CellKind, number: f64) -> Value {
        let whole = match kind {
            CellKind::Int => whole_number(number).map(Value::Int),
            // Texts and categories count integers as their digits, which beyond 2^53 are not known.
            CellKind::Text => whole_number(number).filter(|_| number.abs() <= EXACT).map(Value::Int),
            CellKind::Bool if number == 0.0 || number == 1.0 => Some(Value::Bool(number == 1.0)),
            CellKind::Bool | CellKind::Number | CellKind::Time => None,
        };
        self.whole += u64::from(whole.is_some());
        whole.unwrap_or(Value::Float(number))
    }
}

/// The integer that a float without a fraction is.
pub(super) fn whole_number(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number)).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_floats_become_integers_where_no_float_can_be() {
        let mut taken = Taken::default();
        let mut one = |kind, number: f64| taken.fit(Some(ColumnKind::One(kind)), Value::Float(number));
        assert_eq!(one(CellKind::Int, 3.0), Value::Int(3));
        assert_eq!(one(CellKind::Int, 1e18), Value::Int(1_000_000_000_000_000_000));
        assert_eq!(one(CellKind::Int, i64::MIN as f64), Value::Int(i64::MIN));
        assert_eq!(one(CellKind::Int, -(i64::MIN as f64)), Value::Float(-(i64::MIN as f64)));
        assert_eq!(one(CellKind::Int, 3.5), Value::Float(3.5));
        assert_eq!(one(CellKind::Int, f64::INFINITY), Value::Float(f64::INFINITY));
        assert_eq!(one(CellKind::Text, 7.0), Value::Int(7));
        assert_eq!(one(CellKind::Text, 1e17), Value::Float(1e17));
        assert_eq!(one(CellKind::Bool, 1.0), Value::Bool(true));
        assert_eq!(one(CellKind::Number, 3.0), Value::Float(3.0));
        assert_eq!(one(CellKind::Number, f64::NAN), Value::Null);
        assert_eq!(taken.fit(None, Value::Float(2.0)), Value::Float(2.0));
        assert_eq!((taken.whole, taken.nan), (5, 1));
    }

    #[test]
    fn lists_keep_their_nans() {
        let mut taken = Taken::default();
        let list = |values: &[f64]| Value::List(values.iter().copied().map(Value::Float).collect());
        assert_eq!(
            taken.fit(Some(ColumnKind::List(CellKind::Int)), list(&[1.0, 2.5])),
            Value::List(vec![Value::Int(1), Value::Float(2.5)])
        );
        let Value::List(kept) = taken.fit(Some(ColumnKind::List(CellKind::Number)), list(&[f64::NAN])) else { return };
        assert!(matches!(kept[..], [Value::Float(x)] if x.is_nan()));
        assert_eq!((taken.whole, taken.nan), (1, 0));
    }
}
