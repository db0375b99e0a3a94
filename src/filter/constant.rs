//! Literals, parameters and the time of the query as values, and as values of a field's type.

use std::borrow::Cow;

use super::error::{FilterError, nearest, shown};
use super::operand::{Literal, Name, Operand, Place, Term, ValueList};
use super::params::Params;
use super::range::Number;
use super::tree::MAX_VALUES;
use crate::features::{FieldType, Value};

/// What parameters and `now()` stand for.
pub(crate) struct Scope<'a> {
    params: &'a Params,
    /// Unix seconds.
    now: f64,
    /// Values so far.
    values: usize,
}

/// A value to compare with.
#[derive(Clone, Debug)]
enum Constant<'a> {
    Bool(bool),
    Number(Number),
    Text(&'a str),
    Time(f64),
}

/// A value and where it came from, for errors.
#[derive(Clone, Debug)]
pub(crate) struct Given<'a> {
    constant: Constant<'a>,
    param: Option<&'a str>,
    at: Place,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(params: &'a Params, now: f64) -> Result<Self, FilterError> {
        if !now.is_finite() {
            return Err(FilterError::NotFinite { column: None, got: format!("{now} as the time of the query") });
        }
        Ok(Self { params, now, values: 0 })
    }

    /// The value of one operand.
    pub(crate) fn value(&mut self, operand: &'a Operand) -> Result<Given<'a>, FilterError> {
        self.count(1, operand.at)?;
        let at = operand.at;
        match &operand.term {
            Term::Literal(literal) => {
                let constant = match literal {
                    Literal::Bool(flag) => Constant::Bool(*flag),
                    Literal::Int(number) => Constant::Number(Number::Int(i128::from(*number))),
                    Literal::Uint(number) => Constant::Number(Number::Int(i128::from(*number))),
                    Literal::Float(number) => Constant::Number(Number::Float(*number)),
                    Literal::Text(text) => Constant::Text(text),
                };
                Given { constant, param: None, at }.finite()
            }
            Term::Now(seconds) => Given { constant: Constant::Time(self.now + *seconds as f64), param: None, at }.finite(),
            Term::Param(name) => given(self.param(name, at)?, name, at),
        }
    }

    /// The values of a list.
    pub(crate) fn values(&mut self, list: &'a ValueList) -> Result<Vec<Given<'a>>, FilterError> {
        let name = match list {
            ValueList::Each(operands) => return operands.iter().map(|operand| self.value(operand)).collect(),
            ValueList::Param(name) => name,
        };
        let Value::List(values) = self.param(&name.text, name.at)? else {
            let got = self.param(&name.text, name.at)?.describe();
            return Err(FilterError::Argument { column: name.at.column(), what: "IN or HAS with a $parameter", expected: "a list", got });
        };
        self.count(values.len(), name.at)?;
        values.iter().map(|value| given(value, &name.text, name.at)).collect()
    }

    fn count(&mut self, more: usize, at: Place) -> Result<(), FilterError> {
        self.values = self.values.saturating_add(more);
        if self.values > MAX_VALUES {
            return Err(FilterError::TooMany { column: at.column(), what: "values", limit: MAX_VALUES });
        }
        Ok(())
    }

    fn param(&self, name: &str, at: Place) -> Result<&'a Value, FilterError> {
        self.params.get(name).ok_or_else(|| FilterError::MissingParameter {
            column: at.column(),
            name: name.to_owned(),
            known: self.params.names().map(str::to_owned).collect(),
        })
    }
}

/// The value of a parameter, or of an element of one.
fn given<'a>(value: &'a Value, param: &'a str, at: Place) -> Result<Given<'a>, FilterError> {
    let constant = match value {
        Value::Bool(flag) => Constant::Bool(*flag),
        Value::Int(number) => Constant::Number(Number::Int(i128::from(*number))),
        Value::Uint(number) => Constant::Number(Number::Int(i128::from(*number))),
        Value::Float(number) => Constant::Number(Number::Float(*number)),
        Value::Text(text) => Constant::Text(text),
        Value::Null => return Err(FilterError::Null { column: at.column(), got: format!("null (the parameter {})", shown(param)) }),
        Value::List(_) | Value::Object(_) => {
            let got = format!("{} (the parameter {})", value.describe(), shown(param));
            return Err(FilterError::Argument { column: at.column(), what: "a value", expected: "text, a number, true or false", got });
        }
    };
    Given { constant, param: Some(param), at }.finite()
}

impl Given<'_> {
    fn finite(self) -> Result<Self, FilterError> {
        match self.constant {
            Constant::Number(Number::Float(number)) | Constant::Time(number) if !number.is_finite() => {
                Err(FilterError::NotFinite { column: self.at.column(), got: self.describe() })
            }
            _ => Ok(self),
        }
    }

    pub(crate) fn column(&self) -> Option<usize> {
        self.at.column()
    }

    /// As an error says what came.
    pub(crate) fn describe(&self) -> String {
        let value = match &self.constant {
            Constant::Bool(flag) => flag.to_string(),
            Constant::Number(Number::Int(number)) => format!("the number {number}"),
            Constant::Number(Number::Float(number)) => format!("the number {number:?}"),
            Constant::Text(text) => format!("the string {}", shown(text)),
            Constant::Time(_) => "the time now()".to_owned(),
        };
        match self.param {
            Some(name) => format!("{value} (the parameter {})", shown(name)),
            None => value,
        }
    }

    /// A number from `least` to `most`, as an argument of `what`.
    pub(crate) fn argument(&self, what: &'static str, expected: &'static str, least: f64, most: f64) -> Result<f64, FilterError> {
        let number = match self.constant {
            Constant::Number(Number::Int(number)) => Some(number as f64),
            Constant::Number(Number::Float(number)) => Some(number),
            _ => None,
        };
        number.filter(|number| (least..=most).contains(number)).ok_or_else(|| self.not(what, expected))
    }

    /// A text that is not empty, as an argument of `what`.
    pub(crate) fn text_argument(&self, what: &'static str) -> Result<&str, FilterError> {
        match self.constant {
            Constant::Text(text) if !text.is_empty() => Ok(text),
            _ => Err(self.not(what, "a text")),
        }
    }

    fn not(&self, what: &'static str, expected: &'static str) -> FilterError {
        FilterError::Argument { column: self.column(), what, expected, got: self.describe() }
    }
}

/// A field to be compared, with the type that is compared: of a list, that of its elements.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a Name,
    pub(crate) kind: FieldType,
    pub(crate) id: bool,
}

impl Subject<'_> {
    /// The type of the values that are compared.
    pub(crate) fn scalar(&self) -> FieldType {
        self.kind.element().unwrap_or(self.kind)
    }

    fn mismatch(&self, expected: &'static str, given: &Given<'_>) -> FilterError {
        let (field, kind) = (self.name.text.to_string(), self.kind);
        FilterError::Type { column: given.column(), field, kind, expected, got: given.describe() }
    }

    pub(crate) fn flag(&self, given: &Given<'_>) -> Result<bool, FilterError> {
        match given.constant {
            Constant::Bool(flag) => Ok(flag),
            _ => Err(self.mismatch("true or false", given)),
        }
    }

    /// A number; for a field of times also `now()` and RFC 3339 text, in unix seconds.
    pub(crate) fn number(&self, given: &Given<'_>) -> Result<Number, FilterError> {
        let time = self.scalar() == FieldType::Time;
        match given.constant {
            Constant::Number(number) => Ok(number),
            Constant::Time(seconds) if time => Ok(Number::Float(seconds)),
            Constant::Text(text) if time => Value::from(text)
                .to_unix_seconds()
                .map(Number::Float)
                .ok_or_else(|| self.mismatch("now(), unix seconds or RFC 3339 text with a zone, as '2026-04-25T20:15:00Z'", given)),
            _ if time => Err(self.mismatch("now(), unix seconds or RFC 3339 text", given)),
            _ => Err(self.mismatch("a number", given)),
        }
    }

    /// A text; for the id also a whole number, which is its decimal text.
    pub(crate) fn text<'b>(&self, given: &Given<'b>) -> Result<Cow<'b, str>, FilterError> {
        match given.constant {
            Constant::Text(text) => Ok(Cow::Borrowed(text)),
            Constant::Number(Number::Int(number)) if self.id => Ok(Cow::Owned(number.to_string())),
            _ => Err(self.mismatch("a text", given)),
        }
    }
}

/// The error for a field that is not there.
pub(crate) fn unknown_field<'a>(name: &Name, known: impl Iterator<Item = &'a str> + Clone) -> FilterError {
    FilterError::UnknownField {
        column: name.at.column(),
        field: name.text.to_string(),
        nearest: nearest(&name.text, known.clone()),
        known: known.map(str::to_owned).collect(),
    }
}
