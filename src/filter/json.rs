//! Filters as JSON: the tree, or read from its text.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::operand::{Literal, Name, Operand, Term, ValueList};
use super::tree::{Expr, Filter};

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.expr.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Filter {
    /// Takes the tree that was serialized, or a string in the language.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FilterVisitor)
    }
}

struct FilterVisitor;

impl<'de> Visitor<'de> for FilterVisitor {
    type Value = Filter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a filter, as a string or as a tree")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Filter, E> {
        Filter::parse(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Filter, A::Error> {
        // Recursion ends where the reader of JSON sets its limit, 128 levels in serde_json.
        Filter::normal(Expr::deserialize(MapAccessDeserializer::new(map))?).map_err(A::Error::custom)
    }
}

/// A value that is no literal, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reference {
    Param(Box<str>),
    /// Seconds to add to the time of the query.
    Now(i64),
}

impl Serialize for Operand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.term {
            Term::Literal(Literal::Bool(flag)) => serializer.serialize_bool(*flag),
            Term::Literal(Literal::Int(number)) => serializer.serialize_i64(*number),
            Term::Literal(Literal::Uint(number)) => serializer.serialize_u64(*number),
            // JSON has no other numbers, and some writers put null in their place.
            Term::Literal(Literal::Float(number)) if !number.is_finite() => {
                Err(serde::ser::Error::custom(format_args!("the number {number} cannot be part of a filter")))
            }
            Term::Literal(Literal::Float(number)) => serializer.serialize_f64(*number),
            Term::Literal(Literal::Text(text)) => serializer.serialize_str(text),
            Term::Param(name) => Reference::Param(name.clone()).serialize(serializer),
            Term::Now(seconds) => Reference::Now(*seconds).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Operand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OperandVisitor)
    }
}

struct OperandVisitor;

impl<'de> Visitor<'de> for OperandVisitor {
    type Value = Operand;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, a number, a string, {\"param\": name} or {\"now\": seconds} (null is asked for with is_null)")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Operand, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Operand, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Operand, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Operand, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Operand, E> {
        Ok(text.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Operand, A::Error> {
        Ok(Operand::new(match Reference::deserialize(MapAccessDeserializer::new(map))? {
            Reference::Param(name) => Term::Param(name),
            Reference::Now(seconds) => Term::now(seconds),
        }))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum List<E> {
    Each(E),
    Param { param: Name },
}

impl Serialize for ValueList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Each(values) => List::Each(values).serialize(serializer),
            Self::Param(name) => List::<()>::Param { param: name.clone() }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ValueList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match List::<Vec<Operand>>::deserialize(deserializer)? {
            List::Each(values) => Self::Each(values),
            List::Param { param } => Self::Param(param),
        })
    }
}
