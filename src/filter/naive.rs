//! For tests: an evaluator straight over the syntax tree, which takes nothing from the real one.

use std::cmp::Ordering;

use super::operand::{Literal, Name, Operand, Term, ValueList};
use super::testing::{NOW, params, schema};
use super::tree::{Comparison, Expr, Quantifier};
use crate::features::{FieldType, ID_FIELD, Row, Value};

/// What a filter says of a row, the plain way: truth as 0, 1 (unknown) or 2, values compared one with the other.
pub(super) fn naive(expr: &Expr, row: &Row, in_list: &dyn Fn(&str, &str) -> bool) -> Option<bool> {
    let truth = Naive { row, in_list }.of(expr);
    [Some(false), None, Some(true)][truth as usize]
}

struct Naive<'a> {
    row: &'a Row,
    in_list: &'a dyn Fn(&str, &str) -> bool,
}

impl Naive<'_> {
    fn of(&self, expr: &Expr) -> u8 {
        match expr {
            Expr::And(parts) => parts.iter().map(|part| self.of(part)).min().unwrap(),
            Expr::Or(parts) => parts.iter().map(|part| self.of(part)).max().unwrap(),
            Expr::Not(inner) => 2 - self.of(inner),
            Expr::IsNull(field) => sure(self.field(field).is_none()),
            Expr::IsTrue(field) => self.if_there(field, |value| *value == Value::Bool(true)),
            Expr::Compare { field, op, value } => self.if_there(field, |here| {
                let order = compare(here, &operand(field, value));
                match op {
                    Comparison::Eq => order.is_eq(),
                    Comparison::Ne => order.is_ne(),
                    Comparison::Lt => order.is_lt(),
                    Comparison::Le => order.is_le(),
                    Comparison::Gt => order.is_gt(),
                    Comparison::Ge => order.is_ge(),
                }
            }),
            Expr::Between { field, low, high } => {
                self.if_there(field, |here| compare(here, &operand(field, low)).is_ge() && compare(here, &operand(field, high)).is_le())
            }
            Expr::In { field, values } => {
                self.if_there(field, |here| operands(field, values).iter().any(|value| compare(here, value).is_eq()))
            }
            Expr::Has { field, which, values } => self.if_there(field, |here| {
                let values = operands(field, values);
                let has = |value: &Value| here.as_list().unwrap().iter().any(|element| compare(element, value).is_eq());
                match which {
                    Quantifier::Any => values.iter().any(has),
                    Quantifier::All => values.iter().all(has),
                    Quantifier::None => !values.iter().any(has),
                }
            }),
            Expr::StartsWith { field, prefix } => self
                .if_there(field, |here| here.as_str().unwrap().as_bytes().starts_with(operand(field, prefix).as_str().unwrap().as_bytes())),
            Expr::Match { field, words } => self.if_there(field, |here| {
                let wanted = words_of(operand(field, words).as_str().unwrap());
                let texts = match here {
                    Value::List(values) => values.iter().filter_map(Value::as_str).collect(),
                    value => vec![value.as_str().unwrap()],
                };
                texts.into_iter().any(|text| wanted.iter().all(|word| words_of(text).contains(word)))
            }),
            Expr::Within { fields: [lat, lon], center: [north, east], km } => {
                let number = |name: &Name| self.field(name).and_then(|value| value.as_f64());
                let (Some(lat1), Some(lon1)) = (number(lat), number(lon)) else { return 1 };
                if lat1.abs() > 90.0 || lon1.abs() > 360.0 {
                    return 1;
                }
                let degree = |field: &Name, value: &Operand| operand(field, value).as_f64().unwrap();
                let (lat2, lon2, km) = (degree(lat, north), degree(lon, east), degree(lat, km));
                sure(chord_km((lat1, lon1), (lat2, lon2)) <= km)
            }
            Expr::InList(name) => {
                let id = Name::from("id");
                self.if_there(&id, |value| (self.in_list)(operand(&id, name).as_str().unwrap(), value.as_str().unwrap()))
            }
            Expr::TooDeep => panic!("no such filter is made here"),
        }
    }

    fn if_there(&self, field: &Name, test: impl Fn(&Value) -> bool) -> u8 {
        self.field(field).map_or(1, |value| sure(test(&value)))
    }

    /// The value as its type has it; `None` for null and what is of another type. Elements of a list that are null or of another type stay in
    /// as null.
    fn field(&self, name: &Name) -> Option<Value> {
        let value = self.row.get(&name.text)?;
        let kind = kind_of(name);
        match (kind.element(), value) {
            (Some(element), Value::List(values)) => {
                Some(Value::List(values.iter().map(|value| typed(element, value).unwrap_or_default()).collect()))
            }
            (Some(_), _) => None,
            (None, value) => typed(kind, value),
        }
    }
}

fn sure(truth: bool) -> u8 {
    if truth { 2 } else { 0 }
}

fn kind_of(name: &Name) -> FieldType {
    if *name.text == *ID_FIELD {
        return FieldType::Text;
    }
    schema().fields.into_iter().find(|field| *field.name == *name.text).unwrap().kind
}

fn typed(kind: FieldType, value: &Value) -> Option<Value> {
    match (kind, value) {
        (FieldType::Bool, Value::Bool(_)) | (FieldType::Text, Value::Text(_)) => Some(value.clone()),
        (FieldType::Int, Value::Int(_) | Value::Uint(_)) => Some(value.clone()),
        (FieldType::Text, Value::Int(number)) => Some(Value::from(number.to_string())),
        (FieldType::Text, Value::Uint(number)) => Some(Value::from(number.to_string())),
        (FieldType::Float | FieldType::Time, Value::Int(number)) => Some(Value::from(*number as f64)),
        (FieldType::Float | FieldType::Time, Value::Uint(number)) => Some(Value::from(*number as f64)),
        (FieldType::Float | FieldType::Time, Value::Float(number)) if number.is_finite() => Some(value.clone()),
        (FieldType::Time, Value::Text(text)) => instant(text).map(Value::from),
        _ => None,
    }
}

/// Of the times in these tests only.
fn instant(text: &str) -> Option<f64> {
    match text {
        "1970-01-01T00:00:05Z" => Some(5.0),
        "2001-09-09T01:46:40.5Z" => Some(NOW),
        "2001-09-08T01:46:40.5Z" => Some(NOW - 86_400.0),
        _ => None,
    }
}

fn operand(field: &Name, operand: &Operand) -> Value {
    let value = match &operand.term {
        Term::Literal(Literal::Bool(flag)) => Value::from(*flag),
        Term::Literal(Literal::Int(number)) => Value::from(*number),
        Term::Literal(Literal::Uint(number)) => Value::from(*number),
        Term::Literal(Literal::Float(number)) => Value::from(*number),
        Term::Literal(Literal::Text(text)) => Value::Text(text.clone()),
        Term::Param(name) => params().get(name).unwrap().clone(),
        Term::Now(seconds) => Value::from(NOW + *seconds as f64),
    };
    timed(field, value)
}

fn operands(field: &Name, values: &ValueList) -> Vec<Value> {
    match values {
        ValueList::Each(values) => values.iter().map(|value| operand(field, value)).collect(),
        ValueList::Param(name) => {
            params().get(&name.text).unwrap().as_list().unwrap().iter().map(|value| timed(field, value.clone())).collect()
        }
    }
}

/// The text of a time as seconds.
fn timed(field: &Name, value: Value) -> Value {
    let time = matches!(kind_of(field), FieldType::Time | FieldType::TimeList);
    if time && value.as_str().is_some() { typed(FieldType::Time, &value).unwrap() } else { value }
}

/// Values of one kind; null is equal to nothing.
fn compare(a: &Value, b: &Value) -> Ordering {
    let whole = |value: &Value| match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) => Some(i128::from(*number)),
        _ => None,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.chars().cmp(b.chars()),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).unwrap(),
        (Value::Float(a), b) if whole(b).is_some() => against(whole(b).unwrap(), *a).reverse(),
        (a, Value::Float(b)) if whole(a).is_some() => against(whole(a).unwrap(), *b),
        (a, b) if whole(a).is_some() && whole(b).is_some() => whole(a).cmp(&whole(b)),
        (Value::Null, _) => Ordering::Less,
        _ => panic!("{a:?} and {b:?} are not compared"),
    }
}

/// A whole number against a float: by the float's own whole part, then by what is behind the point.
fn against(whole: i128, float: f64) -> Ordering {
    if float.abs() > 1e30 {
        return 0.0.partial_cmp(&float).unwrap();
    }
    whole.cmp(&(float.trunc() as i128)).then(0.0.partial_cmp(&float.fract()).unwrap())
}

fn words_of(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The distance along the surface, by the angle between the two places as vectors.
fn chord_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let vector = |(lat, lon): (f64, f64)| {
        let (lat, lon) = (lat.to_radians(), lon.to_radians());
        [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
    };
    let chord = vector(a).into_iter().zip(vector(b)).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
    2.0 * (chord / 2.0).min(1.0).asin() * 6371.0088
}
