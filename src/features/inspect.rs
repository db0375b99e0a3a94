//! What a spec made of a row, for `explain`: a missing or unknown feature is no error, but it weakens the answer.

use serde::Serialize;

use super::op::{Missing, Op, Piece};
use super::row::Row;
use super::schema::Schema;
use super::spec::FeatureSpec;
use super::value::{Digits, Value};

/// Features of a row that the tower could not use in full.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct FeatureReport {
    /// Fields that the tower reads and the row has not (or has as null).
    pub missing: Vec<String>,
    /// Categories that the tower was not trained on, as `field=value`, the first 100: they went to a hash bucket of their own, or counted as
    /// missing.
    pub unknown_values: Vec<String>,
    /// Fields of the row that neither the tower nor the collection knows.
    pub unknown_fields: Vec<String>,
}

impl FeatureReport {
    /// Unknown values listed at most.
    const MOST: usize = 100;
}

impl FeatureSpec {
    /// Looks through a row that has been (or will be) encoded.
    pub(crate) fn inspect(&self, row: &Row, schema: Option<&Schema>) -> FeatureReport {
        let mut report = FeatureReport {
            missing: self.fields().filter(|field| row.get(field).is_none_or(Value::is_null)).map(str::to_owned).collect(),
            unknown_values: Vec::new(),
            unknown_fields: self.unknown_fields(row, schema).map(str::to_owned).collect(),
        };
        for piece in self.pieces() {
            let values = match row.get(&piece.field) {
                None => continue,
                Some(Value::List(values)) => piece.kept(values),
                Some(value) => std::slice::from_ref(value),
            };
            for value in values {
                let mut digits = Digits::default();
                let Some(text) = value.as_category(&mut digits).filter(|text| piece.knows(text) == Some(false)) else { continue };
                let unknown = format!("{}={text}", piece.field);
                if report.unknown_values.len() < FeatureReport::MOST && !report.unknown_values.contains(&unknown) {
                    report.unknown_values.push(unknown);
                }
            }
        }
        report
    }
}

impl Piece {
    /// The part of a list that the tower sees.
    fn kept<'v>(&self, values: &'v [Value]) -> &'v [Value] {
        match self.list {
            Some(list) if list.keep_last => &values[values.len().saturating_sub(list.max)..],
            Some(list) => &values[..values.len().min(list.max)],
            None => values,
        }
    }

    /// Whether a category is one of those listed in the spec; `None` where the operation lists none.
    fn knows(&self, text: &str) -> Option<bool> {
        match &self.op {
            Op::Vocab { vocab, .. } | Op::OneHot(vocab) => Some(vocab.position(text).is_some()),
            _ => None,
        }
    }
}

impl FeatureSpec {
    /// Whether a row without this field can be encoded.
    pub(crate) fn is_optional(&self, field: &str) -> bool {
        self.pieces().filter(|piece| *piece.field == *field).all(|piece| !matches!(piece.missing, Missing::Error))
    }
}
