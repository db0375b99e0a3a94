//! Features of candidates, computed from their scores, their items' fields and the user's row, a column at a time.

use std::borrow::Cow;
use std::collections::HashMap;

use super::origin::{Cross, FeatureOrigin, Operand, TextCode};
use crate::features::{Row, Value, unix_seconds};
use crate::filter::great_circle;

/// One field of the candidates' items, wherever it is kept. Candidates are numbered as their scores are.
pub(crate) trait ItemField {
    /// A candidate's value; `None` where there is none.
    fn value(&self, candidate: usize) -> Option<Cow<'_, Value>>;

    /// A number that only candidates with the same value have; `None` where there is no such number.
    fn code(&self, _candidate: usize) -> Option<u64> {
        None
    }
}

/// The field of a single item whose row is at hand.
impl ItemField for Option<&Value> {
    fn value(&self, _candidate: usize) -> Option<Cow<'_, Value>> {
        self.map(Cow::Borrowed)
    }
}

/// What features are made of. The item's fields are looked up once a column.
pub(super) struct Sources<'r, L> {
    pub(super) scores: &'r [f32],
    pub(super) field: L,
    pub(super) user: &'r Row,
}

/// An operand that was looked up.
enum Source<'u, F> {
    Item(F),
    User(Option<&'u Value>),
}

impl<F: ItemField> Source<'_, F> {
    /// Hands on a candidate's value; nothing where it is missing.
    fn with<T>(&self, candidate: usize, then: impl FnOnce(Option<&Value>) -> T) -> T {
        match self {
            Self::Item(field) => then(field.value(candidate).as_deref().filter(|value| !value.is_null())),
            Self::User(value) => then(value.filter(|value| !value.is_null())),
        }
    }

    fn amount(&self, candidate: usize) -> Option<f64> {
        self.with(candidate, |value| amount(value?))
    }
}

impl<'r, F: ItemField, L: Fn(&str) -> F> Sources<'r, L> {
    /// Hands on a feature of each candidate, in their order; NaN where it is missing.
    pub(super) fn column(&self, from: &FeatureOrigin, put: impl FnMut(f32)) {
        match from {
            FeatureOrigin::Score => self.scores.iter().copied().for_each(put),
            FeatureOrigin::Item(field) => {
                let field = (self.field)(field);
                (0..self.scores.len()).map(|candidate| number(field.value(candidate).as_deref())).for_each(put);
            }
            FeatureOrigin::User(field) => self.same_for_all(number(self.user.get(field)), put),
            FeatureOrigin::Value(_) => self.same_for_all(f32::NAN, put),
            FeatureOrigin::Text(of, code) => {
                let of = [self.source(of)];
                self.each(&of, |candidate| of[0].with(candidate, |value| text(value, code)), put);
            }
            FeatureOrigin::Cross(cross) => {
                let of: Vec<Source<'_, F>> = cross.operands().iter().map(|operand| self.source(operand)).collect();
                self.each(&of, |candidate| crossed(cross, &of, candidate).map_or(f32::NAN, |x| x as f32), put);
            }
        }
    }

    fn source(&self, of: &Operand) -> Source<'r, F> {
        match of {
            Operand::Item(field) => Source::Item((self.field)(field)),
            Operand::User(field) => Source::User(self.user.get(field)),
        }
    }

    fn same_for_all(&self, x: f32, mut put: impl FnMut(f32)) {
        self.scores.iter().for_each(|_| put(x));
    }

    /// What is made of one field of the items is made once of each of its values, where it is known which are the same.
    fn each(&self, sources: &[Source<'_, F>], of: impl Fn(usize) -> f32, put: impl FnMut(f32)) {
        let mut items = sources.iter().filter_map(|source| if let Source::Item(field) = source { Some(field) } else { None });
        let candidates = 0..self.scores.len();
        match (items.next(), items.next()) {
            (Some(field), None) => {
                let mut known: HashMap<u64, f32> = HashMap::new();
                let feature = |candidate| match field.code(candidate) {
                    Some(code) => *known.entry(code).or_insert_with(|| of(candidate)),
                    None => of(candidate),
                };
                candidates.map(feature).for_each(put);
            }
            (None, _) if self.scores.is_empty() => {}
            (None, _) => self.same_for_all(of(0), put),
            _ => candidates.map(of).for_each(put),
        }
    }
}

/// A cross of its operands, in their order.
fn crossed<F: ItemField>(cross: &Cross, of: &[Source<'_, F>], candidate: usize) -> Option<f64> {
    match (cross, of) {
        (Cross::Equal(_), [a, b]) => a.with(candidate, |a| b.with(candidate, |b| Some(f64::from(u8::from(same(a?, b?)?))))),
        (Cross::InList(_), [a, b]) => a.with(candidate, |a| b.with(candidate, |b| share(a?, b?))),
        (Cross::Difference(_), [a, b]) => Some(a.amount(candidate)? - b.amount(candidate)?),
        (Cross::Ratio(_), [a, b]) => Some(a.amount(candidate)? / b.amount(candidate).filter(|&by| by != 0.0)?),
        (Cross::Distance(_), [lat, lon, other_lat, other_lon]) => {
            let place = |lat: &Source<'_, F>, lon: &Source<'_, F>| Some((lat.amount(candidate)?, lon.amount(candidate)?));
            great_circle(place(lat, lon)?, place(other_lat, other_lon)?)
        }
        // A cross has as many operands as it takes.
        _ => None,
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
fn category(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        // A field of floats keeps whole numbers as such; beyond 2^53 they are no longer all there.
        Value::Float(x) if x.fract() == 0.0 && x.abs() < (1u64 << 53) as f64 => Some(Cow::Owned((*x as i64).to_string())),
        Value::Text(text) => Some(Cow::Borrowed(text)),
        value => value.to_id_text().map(Cow::Owned),
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
