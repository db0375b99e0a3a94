//! For tests: filters and rows of all kinds.

use proptest::prelude::*;
use proptest::sample::select;

use super::operand::{Name, Operand, Term, ValueList};
use super::params::Params;
use super::tree::{Comparison, Expr, Filter, Joint, Quantifier};
use crate::features::{FieldType, Row, Schema, Value};
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
