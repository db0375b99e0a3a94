//! For tests: filters and rows of all kinds, and an evaluator that takes nothing from the real one.

use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::sample::select;

use super::operand::{Literal, Name, Operand, Term, ValueList};
use super::params::Params;
use super::tree::{Comparison, Expr, Filter, Joint, Quantifier};
use crate::features::{FieldType, ID_FIELD, Row, Schema, Value};
use crate::row;

/// The time of queries in tests.
pub(super) const NOW: f64 = 1_000_000_000.5;

pub(super) fn schema() -> Schema {
    let fields = [
        "t:text",
        "u:text",
        "i:int",
        "j:int",
        "f:float",
        "lat:float",
        "lon:float",
        "b:bool",
        "w:time",
        "tt:list<text>",
        "ii:list<int>",
        "ff:list<float>",
        "bb:list<bool>",
        "ww:list<time>",
    ];
    Schema { fields: fields.iter().map(|field| field.parse().unwrap()).collect(), lenient: false }
}

pub(super) fn params() -> Params {
    Params::from(row! {
        "number" => 5, "half" => 5.5, "text" => "ab", "flag" => true, "time" => "2001-09-09T01:46:40.5Z",
        "numbers" => [5, 7], "texts" => ["a", "ab"], "flags" => [true, false], "times" => [0, 5], "nothing" => Vec::<i64>::new(),
    })
}

/// Numbers where rounding or signs would show.
fn numbers() -> Vec<Value> {
    let edge = 1i64 << 53;
    let ints = [0, 1, -1, 5, edge, edge + 1, edge - 1, -edge - 1, i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1];
    let floats =
        [0.0, -0.0, 0.5, -0.5, 5.0, 5.5, 5e-324, -5e-324, edge as f64, -(edge as f64), 2f64.powi(63), -2f64.powi(63), 2f64.powi(64)];
    let wide = [1u64 << 63, u64::MAX, u64::MAX - 1];
    let mut all: Vec<Value> = ints.into_iter().map(Value::from).collect();
    all.extend(floats.into_iter().chain([1e300, -1e300, f64::MAX]).map(Value::from));
    all.extend(wide.into_iter().map(Value::from));
    all
}

fn texts() -> Vec<&'static str> {
    vec!["", "a", "ab", "AB c", "it's", "c ab", "é", "É!", "z\u{10ffff}", "5", "7", "\"", "-"]
}

fn times() -> Vec<Value> {
    let mut all: Vec<Value> = ["1970-01-01T00:00:05Z", "2001-09-09T01:46:40.5Z", "2001-09-08T01:46:40.5Z"].map(Value::from).into();
    all.extend([Value::from(0), Value::from(5), Value::from(NOW), Value::from(NOW - 604_800.0), Value::from(-1.5)]);
    all
}

/// A value that a field of this type may have.
fn value_of(kind: FieldType) -> BoxedStrategy<Value> {
    if let Some(element) = kind.element() {
        let element = prop_oneof![6 => value_of(element), 1 => Just(Value::Null)];
        return prop::collection::vec(element, 0..4).prop_map(Value::List).boxed();
    }
    match kind {
        FieldType::Text => select(texts()).prop_map(Value::from).boxed(),
        FieldType::Int => {
            let whole: Vec<Value> = numbers().into_iter().filter(|value| !matches!(value, Value::Float(_))).collect();
            select(whole).boxed()
        }
        FieldType::Float => select(numbers()).boxed(),
        FieldType::Bool => any::<bool>().prop_map(Value::from).boxed(),
        _ => select(times()).boxed(),
    }
}

/// A value of any kind: most fields will take it for null.
fn any_value() -> BoxedStrategy<Value> {
    let kinds = [FieldType::Text, FieldType::Float, FieldType::Bool, FieldType::TextList, FieldType::FloatList];
    let one = select(kinds.to_vec()).prop_flat_map(value_of);
    prop_oneof![one, Just(Value::from(f64::NAN)), Just(Value::from(row! { "x" => 1 }))].boxed()
}

/// Rows with every field absent, null, right or of a wrong type.
pub(super) fn rows() -> BoxedStrategy<Row> {
    let mut row = Just(Row::new()).boxed();
    let id = ("id".to_owned(), prop_oneof![value_of(FieldType::Text), Just(Value::from(5)), Just(Value::Null)].boxed());
    let fields = schema().fields.into_iter().map(|field| (field.name, value_of(field.kind)));
    for (name, value) in std::iter::once(id).chain(fields) {
        let value = prop_oneof![8 => value.prop_map(Some), 1 => Just(None), 1 => Just(Some(Value::Null)), 1 => any_value().prop_map(Some)];
        let longer = (row, value).prop_map(move |(row, value)| match value {
            Some(value) => row.with(name.as_str(), value),
            None => row,
        });
        row = longer.boxed();
    }
    row
}

fn literal(value: &Value) -> Operand {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) => (*number).into(),
        Value::Uint(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) => (&**text).into(),
        _ => panic!("no literal"),
    }
}

fn param(name: &str) -> Operand {
    Operand::new(Term::Param(name.into()))
}

/// Values that a field of this type may be compared with.
fn operand_for(kind: FieldType) -> BoxedStrategy<Operand> {
    match kind {
        FieldType::Text => prop_oneof![select(texts()).prop_map(Operand::from), Just(param("text"))].boxed(),
        FieldType::Bool => prop_oneof![any::<bool>().prop_map(Operand::from), Just(param("flag"))].boxed(),
        FieldType::Time => {
            let now = select(vec![0i64, -604_800, 86_400, -1]).prop_map(|seconds| Operand::new(Term::Now(seconds)));
            prop_oneof![select(times()).prop_map(|value| literal(&value)), now, Just(param("time"))].boxed()
        }
        _ => {
            let number = select(numbers()).prop_map(|value| literal(&value));
            prop_oneof![4 => number, 1 => Just(param("number")), 1 => Just(param("half"))].boxed()
        }
    }
}

fn list_for(kind: FieldType) -> BoxedStrategy<ValueList> {
    let name = match kind {
        FieldType::Text => "texts",
        FieldType::Bool => "flags",
        FieldType::Time => "times",
        _ => "numbers",
    };
    let each = prop::collection::vec(operand_for(kind), 0..4).prop_map(ValueList::Each);
    prop_oneof![4 => each, 1 => select(vec![name, "nothing"]).prop_map(|name| ValueList::Param(name.into()))].boxed()
}

fn comparison() -> impl Strategy<Value = Comparison> {
    select(vec![Comparison::Eq, Comparison::Ne, Comparison::Lt, Comparison::Le, Comparison::Gt, Comparison::Ge])
}

/// Tests of one field that bind.
fn tests_of(name: String, kind: FieldType) -> BoxedStrategy<Expr> {
    let name = Name::from(name.as_str());
    let field = move || name.clone();
    let quantifier = select(vec![Quantifier::Any, Quantifier::All, Quantifier::None]);
    let null = Just(Expr::IsNull(field())).boxed();
    let mut all = vec![null];
    let scalar = kind.element().unwrap_or(kind);
    if kind.element().is_some() {
        let field = field.clone();
        all.push((quantifier, list_for(scalar)).prop_map(move |(which, values)| Expr::Has { field: field(), which, values }).boxed());
    } else if kind == FieldType::Bool {
        all.push(Just(Expr::IsTrue(field())).boxed());
        let (field, equal) = (field.clone(), select(vec![Comparison::Eq, Comparison::Ne]));
        all.push((equal, operand_for(kind)).prop_map(move |(op, value)| Expr::Compare { field: field(), op, value }).boxed());
    } else {
        let (one, two, three) = (field.clone(), field.clone(), field.clone());
        let ends = (operand_for(kind), operand_for(kind));
        all.push((comparison(), operand_for(kind)).prop_map(move |(op, value)| Expr::Compare { field: one(), op, value }).boxed());
        all.push(ends.prop_map(move |(low, high)| Expr::Between { field: two(), low, high }).boxed());
        all.push(list_for(kind).prop_map(move |values| Expr::In { field: three(), values }).boxed());
    }
    if kind == FieldType::Text {
        let field = field.clone();
        all.push(operand_for(kind).prop_map(move |prefix| Expr::StartsWith { field: field(), prefix }).boxed());
    }
    if scalar == FieldType::Text {
        let words = select(vec!["a", "ab", "C, ab!", "É", "it s"]).prop_map(Operand::from);
        all.push(words.prop_map(move |words| Expr::Match { field: field(), words }).boxed());
    }
    proptest::strategy::Union::new(all).boxed()
}

fn joined(test: BoxedStrategy<Filter>) -> BoxedStrategy<Filter> {
    test.prop_recursive(4, 24, 3, |inner| {
        let (one, two) = (inner.clone(), inner.clone());
        prop_oneof![
            (one.clone(), two.clone()).prop_map(|(a, b)| a.join(Joint::And, b)),
            (one, two).prop_map(|(a, b)| a.join(Joint::Or, b)),
            inner.prop_map(Filter::negate),
        ]
    })
    .boxed()
}

/// Filters that fit [`schema`] and [`params`].
pub(super) fn fitting() -> BoxedStrategy<Filter> {
    let mut tests: Vec<BoxedStrategy<Expr>> = schema().fields.into_iter().map(|field| tests_of(field.name, field.kind)).collect();
    tests.push(tests_of("id".to_owned(), FieldType::Text));
    tests.push(Just(Expr::InList("seen".into())).boxed());
    let place = (-90i32..=90, -180i32..=180, 0u32..20_000);
    let within = |(lat, lon, km): (i32, i32, u32)| Expr::Within {
        fields: ["lat".into(), "lon".into()],
        center: [lat.into(), lon.into()],
        km: km.into(),
    };
    tests.push(place.prop_map(within).boxed());
    joined(proptest::strategy::Union::new(tests).prop_map(Filter::test).boxed())
}

/// Filters of any names and values, most of which fit nothing.
pub(super) fn any_filter() -> BoxedStrategy<Filter> {
    let keywords = ["and", "NOT", "In", "is", "null", "true", "between", "list", "within", "now", "has", "any", "match", "starts"];
    let word = prop_oneof![
        3 => "[a-z_][a-z0-9_]{0,5}",
        1 => select(keywords.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
        1 => any::<String>(),
    ];
    let name = word.clone().prop_map(|text| Name::from(text.as_str())).boxed();
    let literal = prop_oneof![
        any::<bool>().prop_map(Operand::from),
        any::<i64>().prop_map(Operand::from),
        any::<u64>().prop_map(Operand::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Operand::from),
        word.clone().prop_map(Operand::from),
    ];
    let now = prop_oneof![any::<i64>(), (-1000i64..1000).prop_map(|days| days * 86_400)];
    let value = prop_oneof![
        5 => literal,
        1 => word.prop_map(|name| Operand::new(Term::Param(name.into()))),
        1 => now.prop_map(|seconds| Operand::new(Term::now(seconds))),
    ]
    .boxed();
    let list = || {
        let each = prop::collection::vec(value.clone(), 0..4).prop_map(ValueList::Each);
        prop_oneof![3 => each, 1 => name.clone().prop_map(ValueList::Param)]
    };
    let (n, v) = (|| name.clone(), || value.clone());
    let quantifier = select(vec![Quantifier::Any, Quantifier::All, Quantifier::None]);
    let test = prop_oneof![
        n().prop_map(Expr::IsTrue),
        n().prop_map(Expr::IsNull),
        (n(), comparison(), v()).prop_map(|(field, op, value)| Expr::Compare { field, op, value }),
        (n(), v(), v()).prop_map(|(field, low, high)| Expr::Between { field, low, high }),
        (n(), list()).prop_map(|(field, values)| Expr::In { field, values }),
        (n(), quantifier, list()).prop_map(|(field, which, values)| Expr::Has { field, which, values }),
        (n(), v()).prop_map(|(field, prefix)| Expr::StartsWith { field, prefix }),
        (n(), v()).prop_map(|(field, words)| Expr::Match { field, words }),
        (n(), n(), v(), v(), v()).prop_map(|(a, b, c, d, km)| Expr::Within { fields: [a, b], center: [c, d], km }),
        v().prop_map(Expr::InList),
    ];
    joined(test.prop_map(Filter::test).boxed())
}

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
