//! The further fields of a collection, those that no tower need read.

use serde::{Deserialize, Serialize};

use super::error::FeatureError;
use super::field::Field;
use super::row::Row;
use super::spec::FeatureSpec;

/// The field of an item's row that holds its id.
pub const ID_FIELD: &str = "id";
/// The field of a row that holds the caller's vector, in a collection without towers.
pub const VECTOR_FIELD: &str = "vector";

/// The fields a collection has besides those its item tower reads.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Schema {
    /// Declared fields; their values are checked. Any of them may be absent or null.
    pub fields: Vec<Field>,
    /// Whether rows may have any further field, of any kind.
    pub lenient: bool,
}

impl Schema {
    /// Whether the schema declares this field.
    #[must_use]
    pub fn names(&self, field: &str) -> bool {
        self.fields.iter().any(|known| known.name == field)
    }

    /// The fields that are indexed.
    pub fn indexed(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.indexed)
    }

    /// Checks what can be checked without encoding: names (`id`, the item's own, is always known), the types of declared fields, and that the row can be kept (finite numbers, bounded
    /// nesting). Fields of the spec are checked by the spec when the row is encoded.
    ///
    /// # Errors
    /// [`FeatureError`] with `row_number`.
    pub fn check(&self, row: &Row, spec: Option<&FeatureSpec>, row_number: usize) -> Result<(), FeatureError> {
        row.check_storable(row_number)?;
        for (name, value) in row.iter() {
            match self.fields.iter().find(|field| field.name == name) {
                Some(field) if !value.is_null() => {
                    field.kind.check(value).map_err(|(expected, got)| FeatureError::value(name, row_number, expected, got))?;
                }
                None if !self.lenient && name != ID_FIELD && !spec.is_some_and(|spec| spec.reads(name)) => {
                    return Err(FeatureError::UnknownField { field: name.to_owned(), row: row_number });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::row;
    use crate::value::Value;

    fn schema(fields: &[&str]) -> Schema {
        Schema { fields: fields.iter().map(|field| field.parse().unwrap()).collect(), lenient: false }
    }

    #[test]
    fn declared_fields_are_checked() {
        let schema = schema(&["t:text", "i:int", "f:float", "b:bool", "w:time", "tags:list<text>"]);
        let good = row! { "id" => "1", "t" => "x", "i" => 5, "f" => 2, "b" => true, "w" => "2011-11-21T09:10:00Z", "tags" => ["a"] };
        assert_eq!(schema.check(&good, None, 0), Ok(()));
        assert_eq!(schema.check(&row! { "t" => null }, None, 0), Ok(()));
        for (row, text) in [
            (row! { "t" => 5 }, r#"feature "t" (row 7): expected a string, got the number 5"#),
            (row! { "i" => 5.5 }, r#"feature "i" (row 7): expected a whole number, got the number 5.5"#),
            (row! { "f" => true }, r#"feature "f" (row 7): expected a finite number, got true"#),
            (row! { "f" => f64::INFINITY }, r#"feature "f" (row 7): expected a finite number, got the number inf"#),
            (row! { "b" => 1 }, r#"feature "b" (row 7): expected true or false, got the number 1"#),
            (row! { "w" => "now" }, r#"feature "w" (row 7): expected unix seconds or RFC 3339 text, got the string "now""#),
            (row! { "tags" => "a" }, r#"feature "tags" (row 7): expected a list, got the string "a""#),
            (row! { "tags" => ["a", "b"], "t" => [1] }, r#"feature "t" (row 7): expected a string, got a list"#),
            (row! { "tags" => vec![Value::Null] }, r#"feature "tags" (row 7): expected a string, got nothing"#),
            (row! { "t" => row! { "x" => 1 } }, r#"feature "t" (row 7): expected a string, got an object"#),
            (row! { "other" => 1 }, r#"feature "other" (row 7): unknown field"#),
        ] {
            assert_eq!(schema.check(&row, None, 7).map_err(|error| error.to_string()), Err(text.to_owned()));
        }
    }

    #[test]
    fn lenient_rows_keep_anything_that_is_finite() {
        let schema = Schema { lenient: true, ..schema(&["i:int"]) };
        assert_eq!(schema.check(&row! { "other" => row! { "x" => [1, 2] } }, None, 0), Ok(()));
        assert!(schema.check(&row! { "other" => f64::NAN }, None, 0).is_err());
        assert!(schema.check(&row! { "i" => "x" }, None, 0).is_err());
    }
}
