//! Features of a candidate, computed from its score and the two rows.

use super::origin::{Cross, FeatureOrigin, Operand, TextCode};
use crate::features::{Row, Value, unix_seconds};
use crate::filter::great_circle;

/// The rows that features are made of. The item's fields are looked up, wherever they are kept.
pub(super) struct Rows<'r, F> {
    pub(super) item: F,
    pub(super) user: &'r Row,
}

impl<F: Fn(&str) -> Option<Value>> Rows<'_, F> {
    /// A feature; NaN where it is missing.
    pub(super) fn feature(&self, score: f32, from: &FeatureOrigin) -> f32 {
        match from {
            FeatureOrigin::Score => score,
            FeatureOrigin::Item(field) => number((self.item)(field).as_ref()),
            FeatureOrigin::User(field) => number(self.user.get(field)),
            FeatureOrigin::Value(_) => f32::NAN,
            FeatureOrigin::Text(of, code) => self.with(of, |value| text(value, code)),
            FeatureOrigin::Cross(cross) => self.cross(cross).map_or(f32::NAN, |x| x as f32),
        }
    }

    /// Hands on an operand's value; nothing where it is missing.
    fn with<T>(&self, of: &Operand, then: impl FnOnce(Option<&Value>) -> T) -> T {
        match of {
            Operand::Item(field) => then((self.item)(field).as_ref().filter(|value| !value.is_null())),
            Operand::User(field) => then(self.user.get(field).filter(|value| !value.is_null())),
        }
    }

    fn amount(&self, of: &Operand) -> Option<f64> {
        self.with(of, |value| amount(value?))
    }

    fn both<T>(&self, [a, b]: &[Operand; 2], then: impl FnOnce(&Value, &Value) -> Option<T>) -> Option<T> {
        self.with(a, |a| self.with(b, |b| then(a?, b?)))
    }

    fn cross(&self, cross: &Cross) -> Option<f64> {
        match cross {
            Cross::Equal(of) => self.both(of, |a, b| same(a, b).map(|same| f64::from(u8::from(same)))),
            Cross::Difference([a, b]) => Some(self.amount(a)? - self.amount(b)?),
            Cross::Ratio([a, b]) => Some(self.amount(a)? / self.amount(b).filter(|&by| by != 0.0)?),
            Cross::InList(of) => self.both(of, share),
            Cross::Distance([lat, lon, other_lat, other_lon]) => {
                let place = |lat, lon| Some((self.amount(lat)?, self.amount(lon)?));
                great_circle(place(lat, lon)?, place(other_lat, other_lon)?)
            }
        }
    }
}

/// A number as it is, rounded once, also from long integers.
fn number(value: Option<&Value>) -> f32 {
    match value {
        Some(Value::Bool(flag)) => f32::from(u8::from(*flag)),
        Some(Value::Int(number)) => *number as f32,
        Some(Value::Uint(number)) => *number as f32,
        Some(Value::Float(number)) => *number as f32,
        _ => f32::NAN,
    }
}

/// A number, or a time.
fn amount(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        value => unix_seconds(value),
    }
}

/// The decimal text of a whole number, or a text.
fn category(value: &Value) -> Option<String> {
    match value {
        // A field of floats keeps whole numbers as such; beyond 2^53 they are no longer all there.
        Value::Float(x) if x.fract() == 0.0 && x.abs() < (1u64 << 53) as f64 => Some((*x as i64).to_string()),
        value => value.to_id_text(),
    }
}

fn text(value: Option<&Value>, code: &TextCode) -> f32 {
    let Some(value) = value.and_then(category) else { return f32::NAN };
    match code {
        TextCode::Vocab(values) => values.of(&value).map_or(f32::NAN, |at| at as f32),
        TextCode::Buckets(buckets) => buckets.of(&value) as f32,
    }
}

/// Whether two values are the same: numbers as numbers, and a number is the same as its decimal text; `None` of what is no single value.
fn same(a: &Value, b: &Value) -> Option<bool> {
    use Value::{Bool, Float, Int, List, Null, Object, Text, Uint};
    match (a, b) {
        (Null | List(_) | Object(_), _) | (_, Null | List(_) | Object(_)) => None,
        (Bool(a), Bool(b)) => Some(a == b),
        (Bool(_), _) | (_, Bool(_)) => Some(false),
        (Text(a), Text(b)) => Some(a == b),
        (Int(a), Int(b)) => Some(a == b),
        (Uint(a), Uint(b)) => Some(a == b),
        (Float(_), Int(_) | Uint(_) | Float(_)) | (Int(_) | Uint(_), Float(_)) => Some(a.as_f64() == b.as_f64()),
        // Beyond i64::MAX alone.
        (Int(_), Uint(_)) | (Uint(_), Int(_)) => Some(false),
        (Text(text), number) | (number, Text(text)) => Some(category(number).is_some_and(|number| *number == **text)),
    }
}

/// The share of `a`, one value or several, that is in `b`, of which the same holds.
fn share(a: &Value, b: &Value) -> Option<f64> {
    let list = match b {
        Value::List(list) => &list[..],
        Value::Object(_) => return None,
        value => std::slice::from_ref(value),
    };
    let is_in = |value: &Value| list.iter().any(|other| same(value, other) == Some(true));
    match a {
        Value::List(values) if values.is_empty() => None,
        Value::List(values) => Some(values.iter().filter(|value| is_in(value)).count() as f64 / values.len() as f64),
        Value::Object(_) => None,
        value => Some(f64::from(u8::from(is_in(value)))),
    }
}
