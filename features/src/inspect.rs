//! What a spec made of a row, for `explain`: a missing or unknown feature is no error, but it weakens the answer.

use serde::Serialize;

use super::op::{Keep, Op, Piece};
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
    pub fn inspect(&self, row: &Row, schema: Option<&Schema>) -> FeatureReport {
        let mut report = FeatureReport {
            missing: self
                .fields()
                .filter(|field| !self.inner.clocks.contains(*field) && row.get(field).is_none_or(Value::is_null))
                .map(str::to_owned)
                .collect(),
            unknown_values: Vec::new(),
            unknown_fields: self.unknown_fields(row, schema).map(str::to_owned).collect(),
        };
        for piece in self.pieces() {
            match row.get(piece.field()) {
                None => {}
                Some(Value::List(values)) => piece.kept(values).iter().for_each(|value| report.note(piece, value)),
                Some(Value::Object(bag)) if matches!(piece.op, Op::Bag(_)) => {
                    bag.iter().filter(|(_, weight)| !weight.is_null()).for_each(|(name, _)| report.note_text(piece, name))
                }
                Some(value) => report.note(piece, value),
            }
        }
        report
    }
}

impl FeatureReport {
    fn note(&mut self, piece: &Piece, value: &Value) {
        let mut digits = Digits::default();
        if let Some(text) = value.as_category(&mut digits) {
            self.note_text(piece, text);
        }
    }

    fn note_text(&mut self, piece: &Piece, text: &str) {
        if piece.knows(text) == Some(false) && self.unknown_values.len() < Self::MOST {
            let unknown = format!("{}={text}", piece.field());
            if !self.unknown_values.contains(&unknown) {
                self.unknown_values.push(unknown);
            }
        }
    }
}

impl Piece {
    /// The part of a list that the tower sees.
    fn kept<'v>(&self, values: &'v [Value]) -> &'v [Value] {
        match self.list {
            Some(list) if list.keep == Keep::First => &values[..values.len().min(list.max)],
            Some(list) => &values[values.len().saturating_sub(list.max)..],
            None => values,
        }
    }

    /// Whether a category is one of those listed in the spec; `None` where the operation lists none.
    fn knows(&self, text: &str) -> Option<bool> {
        match &self.op {
            Op::Category(category) | Op::Bag(category) => category.knows(text),
            Op::OneHot(vocab) => Some(vocab.position(text).is_some()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row;
    use crate::vectors::every_op;

    #[test]
    fn missing_and_unknown_features_are_named() {
        let spec = every_op();
        let row = row! {
            "id" => "999", "history" => [Value::from("old"), "50".into(), Value::Null, "x".into(), 1.into(), 172.into(), "x".into()],
            "brand" => null, "genres" => ["Action", "Opera"], "extra" => 1, "price" => 3, "title" => "never seen",
        };
        let report = spec.inspect(&row, None);
        // "old" was cut from the history before the tower saw it.
        assert_eq!(report.unknown_values, ["id=999", "history=x", "genres=Opera"]);
        assert_eq!(report.missing, ["brand", "at", "place"]);
        assert_eq!(report.unknown_fields, ["extra"]);
        let schema = Schema { fields: vec!["extra:int".parse().unwrap_or_else(|_| unreachable!())], lenient: false };
        assert!(spec.inspect(&row, Some(&schema)).unknown_fields.is_empty());
    }

    #[test]
    fn a_report_stays_short() {
        let row = row! { "genres" => (0..1000).map(|n| format!("g{n}")).collect::<Vec<_>>() };
        assert_eq!(every_op().inspect(&row, None).unknown_values.len(), FeatureReport::MOST);
    }
}
