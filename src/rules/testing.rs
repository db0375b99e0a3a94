//! For tests: candidates, and rules in a plain form of their own.

use proptest::prelude::*;
use proptest::sample::select;

use super::error::RuleProblem;
use super::fuzzing::Setting;
use super::tree::{Condition, Formula};
use crate::features::{Row, Schema, Value};
use crate::filter::Params;
use crate::row;

/// The time of queries in tests.
pub(super) const NOW: f64 = 1_000_000.0;

pub(super) fn schema() -> Schema {
    let fields =
        ["price:float index", "stock:int index", "promo:bool index", "added:time index", "brand:text index", "tags:list<text> index"];
    let fields = fields.iter().map(|field| field.parse().unwrap()).chain(["plain:float".parse().unwrap()]).collect();
    Schema { fields, lenient: false }
}

pub(super) fn params() -> Params {
    Params::from(row! { "p" => 3, "half" => 0.5, "text" => "a", "null" => null })
}

pub(super) fn user() -> Row {
    row! { "age" => 30, "plus" => true, "country" => "NL", "brand" => "a", "likes" => ["x", "y"], "brands" => vec![Value::from("a"), Value::Null], "none" => null, "nothing" => Vec::<String>::new() }
}

/// A candidate whose fields are those of a row.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    pub(super) row: Row,
    pub(super) score: f64,
    pub(super) rank: Option<f64>,
    pub(super) days: Option<f64>,
}

/// What `evaluate` gives of the setting that a candidate is in, or what is wrong in words.
fn seen<T>(plain: &Plain, evaluate: impl Fn(&Setting<'_>) -> Result<T, RuleProblem>) -> Result<T, String> {
    let (schema, params, user) = (schema(), params(), user());
    let Plain { row, score, rank, days } = plain;
    let setting = Setting { schema: &schema, params: &params, user: &user, now: NOW, row, score: *score, rank: *rank, value: *days };
    evaluate(&setting).map_err(|problem| problem.to_string())
}

/// The value of a formula for a candidate, or what is wrong in words.
pub(super) fn number(formula: &Formula, plain: &Plain) -> Result<Option<f64>, String> {
    seen(plain, |setting| setting.number(formula))
}

/// Whether a condition is true of a candidate, or what is wrong in words.
pub(super) fn truth(condition: &Condition, plain: &Plain) -> Result<Option<bool>, String> {
    seen(plain, |setting| setting.truth(condition))
}

pub(super) fn candidate() -> Plain {
    let row = row! { "price" => 9.0, "stock" => 4, "promo" => true, "added" => NOW - 604_800.0, "brand" => "a", "tags" => ["x"] };
    Plain { row, score: 0.5, rank: Some(2.0), days: Some(3.0) }
}

/// Candidates with every value there or not.
pub(super) fn candidates() -> BoxedStrategy<Plain> {
    let numbers = select(vec![None, Some(-1.0), Some(0.0), Some(0.5), Some(2.0), Some(9.0)]);
    let stock = select(vec![None, Some(-1i64), Some(0), Some(3)]);
    let promo = select(vec![None, Some(false), Some(true)]);
    let brand = select(vec![None, Some("a"), Some("b")]);
    let tags = select(vec![None, Some(vec![]), Some(vec!["x"]), Some(vec!["y", "z"])]);
    (numbers.clone(), stock, promo, brand, tags, numbers.clone(), numbers.clone(), numbers)
        .prop_map(|(price, stock, promo, brand, tags, added, rank, days)| {
            let mut row = Row::new();
            let mut put = |name: &str, value: Option<Value>| row.insert(name, value.unwrap_or_default());
            put("price", price.map(Value::from));
            put("stock", stock.map(Value::from));
            put("promo", promo.map(Value::from));
            put("added", added.map(|days| Value::from(NOW - days * 86_400.0)));
            put("brand", brand.map(Value::from));
            put("tags", tags.map(Value::from));
            Plain { row, score: 0.25, rank, days }
        })
        .boxed()
}

/// Expressions in a tree that has nothing of the real one.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    /// What it is written as, and what it is.
    Leaf(&'static str, fn(&Plain) -> Option<f64>),
    Negative(Box<Expression>),
    Binary(char, Box<[Expression; 2]>),
    Call(&'static str, Vec<Expression>),
    If(Box<Question>, Box<[Expression; 2]>),
}

#[derive(Clone, Debug)]
pub(super) enum Question {
    Leaf(&'static str, fn(&Plain) -> Option<bool>),
    Compare(&'static str, Box<[Expression; 2]>),
    And(Vec<Question>),
    Or(Vec<Question>),
    Not(Box<Question>),
}

fn of(plain: &Plain, name: &str) -> Option<f64> {
    match plain.row.get(name)? {
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        value => value.as_f64(),
    }
}

/// What is true of an item's tags, where it has any list of them.
fn has(plain: &Plain, is: impl Fn(&[String]) -> bool) -> Option<bool> {
    let tags = plain.row.get("tags")?.as_list()?;
    Some(is(&tags.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect::<Vec<_>>()))
}

/// What stands at the end of a tree: its text, and what it is.
type Leaf<T> = (&'static str, fn(&Plain) -> Option<T>);

const LEAVES: &[Leaf<f64>] = &[
    ("2", |_| Some(2.0)),
    ("0", |_| Some(0.0)),
    ("0.25", |_| Some(0.25)),
    ("1e3", |_| Some(1000.0)),
    ("2h", |_| Some(7200.0)),
    ("price", |plain| of(plain, "price")),
    ("\"stock\"", |plain| of(plain, "stock")),
    ("promo", |plain| of(plain, "promo")),
    ("added", |plain| of(plain, "added")),
    ("user.age", |_| Some(30.0)),
    ("USER.plus", |_| Some(1.0)),
    ("user.nobody", |_| None),
    ("user.none", |_| None),
    ("score", |plain| Some(plain.score)),
    ("rank_score", |plain| plain.rank),
    ("value.days", |plain| plain.days),
    ("$p", |_| Some(3.0)),
    ("$null", |_| None),
    ("now()", |_| Some(NOW)),
];

const QUESTIONS: &[Leaf<bool>] = &[
    ("promo", |plain| of(plain, "promo").map(|flag| flag == 1.0)),
    ("brand = 'a'", |plain| plain.row.get("brand").and_then(|brand| brand.as_str().map(|brand| brand == "a"))),
    ("brand = user.brand", |plain| plain.row.get("brand").and_then(|brand| brand.as_str().map(|brand| brand == "a"))),
    ("user.brand != brand", |plain| plain.row.get("brand").and_then(|brand| brand.as_str().map(|brand| brand != "a"))),
    ("tags HAS 'x'", |plain| plain.row.get("tags").and_then(|tags| tags.as_list().map(|tags| tags.contains(&Value::from("x"))))),
    ("price IS NOT NULL", |plain| Some(of(plain, "price").is_some())),
    ("stock < 3", |plain| of(plain, "stock").map(|stock| stock < 3.0)),
    ("stock BETWEEN 0 AND $p", |plain| of(plain, "stock").map(|stock| (0.0..=3.0).contains(&stock))),
    ("price < user.age", |plain| of(plain, "price").map(|price| price < 30.0)),
    ("added > now() - 1d", |plain| of(plain, "added").map(|added| added > NOW - 86_400.0)),
    ("user.country = 'NL'", |_| Some(true)),
    ("user.age >= 31", |_| Some(false)),
    ("user.likes HAS ANY ('y', 'q')", |_| Some(true)),
    ("brand IN user.brands", |plain| plain.row.get("brand").and_then(|brand| brand.as_str().map(|brand| brand == "a"))),
    ("brand NOT IN user.brand", |plain| plain.row.get("brand").and_then(|brand| brand.as_str().map(|brand| brand != "a"))),
    ("brand in user.nothing", |plain| plain.row.get("brand").and_then(|brand| brand.as_str().map(|_| false))),
    ("brand IN user.nobody", |_| None),
    ("tags HAS user.likes", |plain| has(plain, |tags| tags.iter().any(|tag| ["x", "y"].contains(&tag.as_str())))),
    ("tags HAS ALL user.likes", |plain| has(plain, |tags| ["x", "y"].iter().all(|liked| tags.iter().any(|tag| tag == liked)))),
    ("tags NOT HAS NONE user.likes", |plain| has(plain, |tags| tags.iter().any(|tag| ["x", "y"].contains(&tag.as_str())))),
    ("stock IN user.age", |plain| of(plain, "stock").map(|stock| stock == 30.0)),
    ("user.nobody = 5", |_| None),
    ("user.nobody IS NULL", |_| Some(true)),
    ("user.plus", |_| Some(true)),
];

/// Expressions of all kinds.
pub(super) fn expressions() -> BoxedStrategy<Expression> {
    let leaf = select(LEAVES).prop_map(|(text, value)| Expression::Leaf(text, value));
    leaf.prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let pair = || (inner.clone(), inner.clone()).prop_map(|(a, b)| Box::new([a, b]));
        prop_oneof![
            1 => inner.clone().prop_map(|one| Expression::Negative(Box::new(one))),
            4 => (select(vec!['+', '-', '*', '/']), pair()).prop_map(|(operator, sides)| Expression::Binary(operator, sides)),
            1 => (select(vec!["abs", "ln1p", "log", "exp", "sqrt"]), inner.clone()).prop_map(|(name, one)| Expression::Call(name, vec![one])),
            1 => (select(vec!["pow", "decay", "min", "MAX", "coalesce"]), two).prop_map(|(name, (a, b))| Expression::Call(name, vec![a, b])),
            1 => (conditions_of(inner.clone()), pair()).prop_map(|(condition, branches)| Expression::If(Box::new(condition), branches)),
        ]
    })
    .boxed()
}

fn conditions_of(numbers: impl Strategy<Value = Expression> + Clone + 'static) -> BoxedStrategy<Question> {
    let pair = (numbers.clone(), numbers).prop_map(|(a, b)| Box::new([a, b]));
    let compare = (select(vec!["=", "!=", "<", "<=", ">", ">="]), pair).prop_map(|(op, sides)| Question::Compare(op, sides));
    let leaf = prop_oneof![select(QUESTIONS).prop_map(|(text, value)| Question::Leaf(text, value)), compare];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Question::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Question::Or),
            inner.prop_map(|one| Question::Not(Box::new(one))),
        ]
    })
    .boxed()
}

/// Conditions of all kinds.
pub(super) fn conditions() -> BoxedStrategy<Question> {
    conditions_of(expressions())
}
