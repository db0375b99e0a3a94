//! The further fields of a collection, those that no tower need read, and what they hold.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::{FeatureError, InvalidOption};
use super::row::Row;
use super::spec::FeatureSpec;
use super::time::unix_seconds;
use super::value::Value;

/// The field of an item's row that holds its id.
pub const ID_FIELD: &str = "id";
/// The field of a row that holds the caller's vector, in a collection without towers.
pub const VECTOR_FIELD: &str = "vector";

/// What a declared field holds. Written `text`, `int`, `float`, `bool`, `time`, or `list<...>` of one of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum FieldType {
    /// A string.
    Text,
    /// A whole number.
    Int,
    /// A finite number.
    Float,
    /// True or false.
    Bool,
    /// Unix seconds or RFC 3339 text.
    Time,
    /// A list of strings.
    TextList,
    /// A list of whole numbers.
    IntList,
    /// A list of finite numbers.
    FloatList,
    /// A list of true and false.
    BoolList,
    /// A list of times.
    TimeList,
}

impl FieldType {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Text, "text"),
        (Self::Int, "int"),
        (Self::Float, "float"),
        (Self::Bool, "bool"),
        (Self::Time, "time"),
        (Self::TextList, "list<text>"),
        (Self::IntList, "list<int>"),
        (Self::FloatList, "list<float>"),
        (Self::BoolList, "list<bool>"),
        (Self::TimeList, "list<time>"),
    ];

    /// As it is written on the command line and in stored settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The type of a list's elements; `None` for a field that is no list.
    #[must_use]
    pub fn element(self) -> Option<Self> {
        match self {
            Self::TextList => Some(Self::Text),
            Self::IntList => Some(Self::Int),
            Self::FloatList => Some(Self::Float),
            Self::BoolList => Some(Self::Bool),
            Self::TimeList => Some(Self::Time),
            _ => None,
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Int => "a whole number",
            Self::Float => "a finite number",
            Self::Bool => "true or false",
            Self::Time => "unix seconds or RFC 3339 text",
            _ => "a list",
        }
    }

    /// Checks a value that is not null; the error says what was expected and what came.
    fn check(self, value: &Value) -> Result<(), (&'static str, String)> {
        if let (Some(element), Value::List(values)) = (self.element(), value) {
            return values.iter().try_for_each(|value| element.check(value));
        }
        let fits = match self {
            Self::Text => matches!(value, Value::Text(_)),
            Self::Int => matches!(value, Value::Int(_) | Value::Uint(_)),
            Self::Float => value.as_f64().is_some_and(f64::is_finite),
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::Time => unix_seconds(value).is_some(),
            _ => false,
        };
        if fits { Ok(()) } else { Err((self.expected(), value.describe())) }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FieldType {
    type Err = InvalidOption;
    fn from_str(text: &str) -> Result<Self, InvalidOption> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind);
        found.ok_or_else(|| InvalidOption::new("field type", text, "text, int, float, bool, time, or list<...> of one of them"))
    }
}

impl From<FieldType> for String {
    fn from(kind: FieldType) -> Self {
        kind.name().to_owned()
    }
}

impl TryFrom<String> for FieldType {
    type Error = InvalidOption;
    fn try_from(text: String) -> Result<Self, InvalidOption> {
        text.parse()
    }
}

/// A declared field. Read from `NAME:TYPE`; the name may hold colons itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Field {
    /// The row's field.
    pub name: String,
    /// What it holds.
    pub kind: FieldType,
}

impl FromStr for Field {
    type Err = InvalidOption;
    fn from_str(text: &str) -> Result<Self, InvalidOption> {
        match text.rsplit_once(':') {
            Some((name, kind)) if !name.is_empty() => Ok(Self { name: name.to_owned(), kind: kind.parse()? }),
            _ => Err(InvalidOption::new("field", text, "NAME:TYPE")),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.kind)
    }
}

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

    fn schema(fields: &[&str]) -> Schema {
        Schema { fields: fields.iter().map(|field| field.parse().unwrap()).collect(), lenient: false }
    }

    #[test]
    fn types_are_read_and_written() {
        for (kind, name) in FieldType::ALL {
            assert_eq!(name.parse::<FieldType>().unwrap(), kind);
            assert_eq!(serde_json::from_str::<FieldType>(&serde_json::to_string(&kind).unwrap()).unwrap(), kind);
        }
        let field: Field = "a:b:list<time>".parse().unwrap();
        assert_eq!((field.name.as_str(), field.kind, field.to_string().as_str()), ("a:b", FieldType::TimeList, "a:b:list<time>"));
        for bad in ["", "a", ":int", "a:list<list<int>>", "a:string"] {
            assert!(bad.parse::<Field>().is_err(), "{bad}");
        }
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
