//! Rows and values as JSON, through serde.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize, de};
use serde_json::Value as Json;

use super::error::FeatureError;
use super::row::{MAX_FIELDS, Row};
use super::value::{MAX_DEPTH, Value};

impl Row {
    /// Reads a JSON object.
    ///
    /// A name that comes twice, NaN, an infinity, a number beyond f64 and nesting beyond 64 levels are errors. An integer beyond 64 bits is read
    /// as a float.
    ///
    /// # Errors
    /// [`FeatureError::Malformed`] (row 0; see [`FeatureError::at_row`]) with what is wrong and where.
    pub fn from_json(text: &str) -> Result<Self, FeatureError> {
        serde_json::from_str(text).map_err(|error| FeatureError::malformed(0, format!("expected a JSON object: {error}")))
    }

    /// Takes over a JSON object.
    ///
    /// # Errors
    /// [`FeatureError::Malformed`] (row 0) when it is no object, or nested too deep.
    pub fn from_json_value(json: Json) -> Result<Self, FeatureError> {
        match Value::try_from(json) {
            Ok(Value::Object(row)) => Ok(row),
            Ok(other) => Err(FeatureError::malformed(0, format!("expected a JSON object, got {}", other.describe()))),
            Err(problem) => Err(FeatureError::malformed(0, problem)),
        }
    }

    /// The row as a JSON object, in order. NaN and infinities, which JSON has not, become null.
    #[must_use]
    pub fn to_json(&self) -> Json {
        Json::Object(self.iter().map(|(name, value)| (name.to_owned(), value.to_json())).collect())
    }
}

impl Value {
    /// The value as JSON; NaN and infinities become null.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::from(*flag),
            Self::Int(number) => Json::from(*number),
            Self::Uint(number) => Json::from(*number),
            Self::Float(number) => Json::from(*number),
            Self::Text(text) => Json::from(&**text),
            Self::List(values) => Json::Array(values.iter().map(Self::to_json).collect()),
            Self::Object(row) => row.to_json(),
        }
    }
}

impl TryFrom<Json> for Value {
    type Error = String;

    /// The error says what is wrong: too deep a nesting, or too many fields.
    fn try_from(json: Json) -> Result<Self, String> {
        Deserialize::deserialize(json).map_err(|error| error.to_string())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Uint(number) => serializer.serialize_u64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(row) => row.serialize(serializer),
        }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Nested { left: MAX_DEPTH }.deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor { left: MAX_DEPTH })
    }
}

/// Reads a value that may hold `left` more levels of lists and objects.
#[derive(Clone, Copy)]
struct Nested {
    left: usize,
}

impl Nested {
    fn inner<E: de::Error>(self) -> Result<Self, E> {
        let left = self.left.checked_sub(1).ok_or_else(|| E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")))?;
        Ok(Self { left })
    }
}

impl<'de> DeserializeSeed<'de> for Nested {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a bool, a number, a string, a list or an object")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        // The hint may come from hostile bytes.
        let mut values = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1024));
        while let Some(value) = seq.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        RowVisitor { left: self.left }.visit_map(map).map(Value::Object)
    }
}

struct RowVisitor {
    left: usize,
}

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of named values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let inner = Nested { left: self.left }.inner()?;
        let mut row = Row::new();
        // A few names are compared one by one, many through a set.
        let mut names: Option<HashSet<Box<str>>> = None;
        while let Some(name) = map.next_key::<Box<str>>()? {
            if row.len() == MAX_FIELDS {
                return Err(de::Error::custom(format_args!("an object of more than {MAX_FIELDS} fields")));
            }
            if row.len() == 32 {
                names = Some(row.iter().map(|(name, _)| name.into()).collect());
            }
            let fresh = match &mut names {
                Some(names) => names.insert(name.clone()),
                None => !row.contains(&name),
            };
            if !fresh {
                return Err(de::Error::custom(format_args!("the field {name:?} comes twice")));
            }
            row.push(name, map.next_value_seed(inner)?);
        }
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row;

    fn problem(text: &str) -> String {
        Row::from_json(text).map_or_else(|error| error.to_string(), |row| format!("{row:?}"))
    }

    #[test]
    fn json_comes_back_as_it_was() {
        let text =
            r#"{"i":-7,"u":18446744073709551615,"f":0.1,"g":5.0,"t":"ñ\n","n":null,"b":true,"l":[1,["x",null],{}],"o":{"z":1,"a":2}}"#;
        let row = Row::from_json(text).map(|row| row.to_json().to_string());
        assert_eq!(row.as_deref(), Ok(text));
        assert_eq!(Row::from_json(text).map(|row| serde_json::to_string(&row).ok()), Ok(Some(text.to_owned())));
        assert_eq!(Row::from_json("{\"a\": 1}").ok(), Some(row! { "a" => 1 }));
    }

    #[test]
    #[expect(clippy::excessive_precision, reason = "the digits are the case")]
    fn floats_are_read_to_the_last_bit() {
        // A case that a reader without exact rounding gets wrong.
        let row = Row::from_json(r#"{"x": 122.416294033786585, "y": 8.5e-5}"#);
        assert_eq!(row, Ok(row! { "x" => 122.416_294_033_786_585, "y" => 8.5e-5 }));
    }

    #[test]
    fn integers_beyond_64_bits_are_floats() {
        assert_eq!(Row::from_json("{\"x\": 100000000000000000000}").ok(), Some(row! { "x" => 1e20 }));
        assert!(Value::from(1e20).describe().contains("has to be given as text"));
    }

    #[test]
    fn what_is_no_row_is_refused_with_the_reason() {
        assert_eq!(problem(r#"{"a":1,"b":2,"a":3}"#), r#"row 0: expected a JSON object: the field "a" comes twice at line 1 column 16"#);
        let many: String = (0..100).map(|n| format!("\"f{n}\":0,")).collect();
        assert!(problem(&format!("{{{many}\"f50\":1}}")).contains("the field \"f50\" comes twice"));
        assert!(problem(&format!("{{\"o\":{{{many}\"f50\":1}}}}")).contains("the field \"f50\" comes twice"));
        for text in [
            "",
            "[1]",
            "1",
            "null",
            "{",
            "{\"a\":NaN}",
            "{\"a\":Infinity}",
            "{\"a\":-Infinity}",
            "{\"a\":1e400}",
            "{\"a\":1} x",
            "{\"a\":\"\\ud800\"}",
        ] {
            assert!(problem(text).starts_with("row 0: expected a JSON object"), "{text}: {}", problem(text));
        }
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(Row::from_json(&nested(MAX_DEPTH - 1)).is_ok_and(|row| row.check_storable(0).is_ok()));
        assert!(problem(&nested(MAX_DEPTH)).contains("nested deeper than 64 levels"));
        assert!(problem(&nested(100_000)).contains("row 0"));
        let wide: String = (0..=MAX_FIELDS).map(|n| format!("\"f{n}\":0,")).collect();
        assert!(problem(&format!("{{{}}}", wide.trim_end_matches(','))).contains("more than 4096 fields"));
        assert!(Row::from_json_value(Json::from(3)).is_err());
    }
}
