//! A declared field and what it holds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::InvalidOption;
use super::time::unix_seconds;
use super::value::Value;

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
    pub(crate) fn check(self, value: &Value) -> Result<(), (&'static str, String)> {
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

/// A declared field. Read from `NAME:TYPE`, or `NAME:TYPE index` for one that is indexed; the name may hold colons itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "Document", try_from = "Document")]
pub struct Field {
    /// The row's field.
    pub name: String,
    /// What it holds.
    pub kind: FieldType,
    /// Whether its values are kept in memory too, for filters.
    pub indexed: bool,
}

/// What follows the type of a field that is indexed.
const INDEX: &str = " index";

/// A field as it is stored: its type as it is written, so that one without an index looks as it did before there were any.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Field")]
struct Document {
    name: String,
    kind: String,
}

impl From<Field> for Document {
    fn from(field: Field) -> Self {
        Self { kind: field.holds(), name: field.name }
    }
}

impl TryFrom<Document> for Field {
    type Error = InvalidOption;
    fn try_from(Document { name, kind }: Document) -> Result<Self, InvalidOption> {
        Self::read(name, &kind)
    }
}

impl Field {
    /// A field that is not indexed.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: FieldType) -> Self {
        Self { name: name.into(), kind, indexed: false }
    }

    /// Its type, and whether it is indexed, as it is written: `float`, `float index`.
    #[must_use]
    pub fn holds(&self) -> String {
        format!("{}{}", self.kind, if self.indexed { INDEX } else { "" })
    }

    fn read(name: String, holds: &str) -> Result<Self, InvalidOption> {
        let kind = holds.strip_suffix(INDEX);
        Ok(Self { name, kind: kind.unwrap_or(holds).parse()?, indexed: kind.is_some() })
    }
}

impl FromStr for Field {
    type Err = InvalidOption;
    fn from_str(text: &str) -> Result<Self, InvalidOption> {
        match text.rsplit_once(':') {
            Some((name, holds)) if !name.is_empty() => Self::read(name.to_owned(), holds),
            _ => Err(InvalidOption::new("field", text, "NAME:TYPE or NAME:TYPE index")),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.holds())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
    fn an_index_is_read_written_and_stored_and_a_field_without_one_looks_as_ever() {
        for (text, stored) in
            [("a:b:float", r#"{"name":"a:b","kind":"float"}"#), ("tags:list<text> index", r#"{"name":"tags","kind":"list<text> index"}"#)]
        {
            let field: Field = text.parse().unwrap();
            assert_eq!((field.to_string().as_str(), field.indexed), (text, text.ends_with(" index")));
            assert_eq!(serde_json::to_string(&field).unwrap(), stored);
            assert_eq!(serde_json::from_str::<Field>(stored).unwrap(), field);
        }
        for bad in ["a:index", "a: index", "a:float  index", "a:float index index", "a:float indexed"] {
            assert!(bad.parse::<Field>().is_err(), "{bad}");
        }
    }
}
