//! The syntax tree of rules against a schema, a user and the query's parameters.

use super::bound::{BoundNumber, BoundTruth, Inputs};
use super::error::RuleProblem;
use super::tree::{Condition, Formula, Membership, Number, Truth};
use crate::features::{Field, FieldType, Row, Schema, Value};
use crate::filter::{Comparison, Expr, Filter, Literal, Name, Operand, Params, ValueList};

type Result<T> = std::result::Result<T, RuleProblem>;

/// What names stand for in one query.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) params: &'a Params,
    /// The user; `None` where there is none.
    pub(crate) user: Option<&'a Row>,
    /// Unix seconds.
    pub(crate) now: f64,
    /// Whether the caller computes values for candidates.
    pub(crate) computes: bool,
}

/// Binds the rules of one query, and collects what they read.
pub(crate) struct Binder<'a> {
    scope: Scope<'a>,
    pub(crate) inputs: Inputs,
}

impl<'a> Binder<'a> {
    pub(crate) fn new(scope: Scope<'a>) -> Self {
        Self { scope, inputs: Inputs::default() }
    }

    /// # Errors
    /// [`RuleProblem`]: a field that is not indexed or no number, a parameter or a value that is not there.
    pub(crate) fn formula(&mut self, formula: &Formula) -> Result<BoundNumber> {
        self.number(&formula.0)
    }

    /// # Errors
    /// As [`Binder::formula`], and what is wrong with a test of the user.
    pub(crate) fn condition(&mut self, condition: &Condition) -> Result<BoundTruth> {
        self.truth(&condition.0)
    }

    fn number(&mut self, number: &Number) -> Result<BoundNumber> {
        Ok(match number {
            Number::Literal(literal) => BoundNumber::Constant(number_of(literal)),
            Number::Span(seconds) => BoundNumber::Constant(Some(*seconds as f64)),
            Number::Field(name) => BoundNumber::Field(self.field(name)?),
            Number::User(name) => BoundNumber::Constant(self.user(name)?),
            Number::Value(name) => BoundNumber::Value(self.value(name)?),
            Number::Score => BoundNumber::Score,
            Number::RankScore => BoundNumber::RankScore,
            Number::Param(name) => BoundNumber::Constant(self.param(name)?),
            Number::Now => BoundNumber::Constant(Some(self.scope.now)),
            Number::Negative(inner) => BoundNumber::Negative(Box::new(self.number(inner)?)),
            Number::Binary(operator, sides, at) => BoundNumber::Binary(*operator, self.both(sides)?, *at),
            Number::Call(function, arguments, at) => {
                let arguments = arguments.iter().map(|argument| self.number(argument)).collect::<Result<_>>()?;
                BoundNumber::Call(*function, arguments, self.scope.now, *at)
            }
            Number::If(condition, branches) => BoundNumber::If(Box::new(self.truth(condition)?), self.both(branches)?),
        })
    }

    fn both(&mut self, sides: &[Number; 2]) -> Result<Box<[BoundNumber; 2]>> {
        Ok(Box::new([self.number(&sides[0])?, self.number(&sides[1])?]))
    }

    fn truth(&mut self, truth: &Truth) -> Result<BoundTruth> {
        Ok(match truth {
            Truth::And(parts) => BoundTruth::And(parts.iter().map(|part| self.truth(part)).collect::<Result<_>>()?),
            Truth::Or(parts) => BoundTruth::Or(parts.iter().map(|part| self.truth(part)).collect::<Result<_>>()?),
            Truth::Not(inner) => BoundTruth::Not(Box::new(self.truth(inner)?)),
            Truth::Item(test) => self.test(test.clone()),
            Truth::User(test) => BoundTruth::Known(self.user_test(test)?),
            Truth::Among(field, membership, user) => self.among(field, *membership, user)?,
            Truth::Compare(comparison, sides) => match &**sides {
                [Number::Field(field), Number::User(user)] => self.against_user(field, *comparison, user)?,
                [Number::User(user), Number::Field(field)] => self.against_user(field, mirrored(*comparison), user)?,
                _ => BoundTruth::Compare(*comparison, self.both(sides)?),
            },
        })
    }

    fn test(&mut self, test: Filter) -> BoundTruth {
        BoundTruth::Test(place(&mut self.inputs.tests, |known| *known == test, || test.clone()))
    }

    /// A field of the item against one of the user, whose value is known: texts too.
    fn against_user(&mut self, field: &Name, op: Comparison, user: &Name) -> Result<BoundTruth> {
        let Some(value) = self.of_user(user) else { return Ok(BoundTruth::Known(None)) };
        let Some(value) = operand(user, value)? else { return Ok(BoundTruth::Known(None)) };
        Ok(self.test(Filter::test(Expr::Compare { field: field.clone(), op, value })))
    }

    /// A field of the item against the values that one of the user has: those that are null are none of them.
    fn among(&mut self, field: &Name, membership: Membership, user: &Name) -> Result<BoundTruth> {
        let Some(value) = self.of_user(user) else { return Ok(BoundTruth::Known(None)) };
        let values = value.as_list().unwrap_or(std::slice::from_ref(value));
        let values = ValueList::Each(values.iter().filter_map(|value| operand(user, value).transpose()).collect::<Result<_>>()?);
        let field = field.clone();
        Ok(self.test(Filter::test(match membership {
            Membership::In => Expr::In { field, values },
            Membership::Has(which) => Expr::Has { field, which, values },
        })))
    }

    fn field(&mut self, name: &Name) -> Result<usize> {
        let column = name.at.column().unwrap_or_default();
        let indexed = || self.scope.schema.indexed();
        let Some(field) = indexed().find(|field| *field.name == *name.text) else {
            let indexed = indexed().map(|field| field.name.clone()).collect();
            return Err(RuleProblem::NotIndexed { column: name.at.column(), field: name.text.to_string(), indexed });
        };
        match field.kind {
            FieldType::Int | FieldType::Float | FieldType::Bool | FieldType::Time => {
                Ok(place(&mut self.inputs.fields, |known| *known == name.text, || name.text.clone()))
            }
            kind => Err(RuleProblem::Type { column, field: name.to_string(), got: format!("a field of type {kind}") }),
        }
    }

    fn value(&mut self, name: &Name) -> Result<usize> {
        if !self.scope.computes {
            return Err(RuleProblem::UnknownValue {
                column: name.at.column().unwrap_or_default(),
                name: name.text.to_string(),
                known: Vec::new(),
            });
        }
        Ok(place(&mut self.inputs.values, |(known, _)| *known == name.text, || (name.text.clone(), name.at)))
    }

    /// The user's value, where there is one.
    fn of_user(&mut self, name: &Name) -> Option<&'a Value> {
        let value = self.scope.user.and_then(|user| user.get(&name.text)).filter(|value| !value.is_null());
        if value.is_none() {
            place(&mut self.inputs.missing, |known| *known == name.text, || name.text.clone());
        }
        value
    }

    fn user(&mut self, name: &Name) -> Result<Option<f64>> {
        let Some(value) = self.of_user(name) else { return Ok(None) };
        plain(value).ok_or_else(|| wrong_user(name, value))
    }

    fn param(&self, name: &Name) -> Result<Option<f64>> {
        let wrong = |got: String| RuleProblem::Parameter { column: name.at.column().unwrap_or_default(), name: name.text.to_string(), got };
        let value = self.scope.params.get(&name.text).ok_or_else(|| wrong("no value".to_owned()))?;
        plain(value).ok_or_else(|| wrong(value.describe()))
    }

    /// A test of the user, of whose fields no types are declared: the value has the first of its possible types that the test takes.
    fn user_test(&mut self, test: &Filter) -> Result<Option<bool>> {
        let Some(&name) = test.expr.fields().first() else { return Ok(None) };
        let Some(value) = self.of_user(name) else { return Ok(matches!(test.expr, Expr::IsNull(_)).then_some(true)) };
        let mut problem = None;
        for &kind in kinds(value) {
            let schema = Schema { fields: vec![Field::new(&*name.text, kind)], lenient: false };
            match test.bind(&schema, self.scope.params, self.scope.now) {
                Ok(bound) => return Ok(self.scope.user.and_then(|user| bound.eval(user))),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        problem.map_or_else(|| Err(wrong_user(name, value)), |error| Err(error.into()))
    }
}

/// The place of an entry, which is added where it is not there.
fn place<T>(all: &mut Vec<T>, is: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> usize {
    all.iter().position(is).unwrap_or_else(|| {
        all.push(new());
        all.len() - 1
    })
}

fn number_of(literal: &Literal) -> Option<f64> {
    match literal {
        Literal::Int(number) => Some(*number as f64),
        Literal::Uint(number) => Some(*number as f64),
        Literal::Float(number) => Some(*number),
        // A formula has no others.
        Literal::Bool(_) | Literal::Text(_) => None,
    }
}

/// A value of the user as one that a filter compares with; `None` where it is null or NaN.
fn operand(user: &Name, value: &Value) -> Result<Option<Operand>> {
    Ok(match value {
        Value::Null => None,
        Value::Bool(flag) => Some((*flag).into()),
        Value::Int(number) => Some((*number).into()),
        Value::Uint(number) => Some((*number).into()),
        Value::Float(number) => number.is_finite().then(|| (*number).into()),
        Value::Text(text) => Some((&**text).into()),
        other @ (Value::List(_) | Value::Object(_)) => return Err(wrong_user(user, other)),
    })
}

/// A value as a number, null where it is null or NaN; `None` where it is no number.
fn plain(value: &Value) -> Option<Option<f64>> {
    match value {
        Value::Null => Some(None),
        Value::Bool(flag) => Some(Some(f64::from(u8::from(*flag)))),
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => Some(value.as_f64().filter(|number| number.is_finite())),
        value => value.to_unix_seconds().map(Some),
    }
}

/// The types that a value may have.
fn kinds(value: &Value) -> &'static [FieldType] {
    match value {
        Value::Bool(_) => &[FieldType::Bool],
        Value::Int(_) | Value::Uint(_) => &[FieldType::Int, FieldType::Text, FieldType::Time],
        Value::Float(_) => &[FieldType::Float, FieldType::Time],
        Value::Text(_) => &[FieldType::Text, FieldType::Time],
        Value::List(values) => match values.iter().find(|value| !value.is_null()) {
            Some(Value::Bool(_)) => &[FieldType::BoolList],
            Some(Value::Int(_) | Value::Uint(_) | Value::Float(_)) => &[FieldType::FloatList, FieldType::TextList, FieldType::TimeList],
            Some(Value::Text(_)) => &[FieldType::TextList, FieldType::TimeList],
            None => &[FieldType::TextList, FieldType::FloatList, FieldType::BoolList, FieldType::TimeList],
            Some(_) => &[],
        },
        Value::Null | Value::Object(_) => &[],
    }
}

/// The same comparison with its sides exchanged.
fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Eq | Comparison::Ne => comparison,
        Comparison::Lt => Comparison::Gt,
        Comparison::Le => Comparison::Ge,
        Comparison::Gt => Comparison::Lt,
        Comparison::Ge => Comparison::Le,
    }
}

fn wrong_user(name: &Name, value: &Value) -> RuleProblem {
    RuleProblem::Type { column: name.at.column().unwrap_or_default(), field: format!("user.{name}"), got: value.describe() }
}
