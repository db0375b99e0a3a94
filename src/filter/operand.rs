//! What fields are compared with: literals, parameters, the time of the query.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where something stood in the text, as a column from 1; nowhere if it came from code. No part of what a filter means, so all are equal.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Place(u32);

impl Place {
    pub(crate) fn new(column: usize) -> Self {
        Self(u32::try_from(column).unwrap_or(0))
    }

    pub(crate) fn column(self) -> Option<usize> {
        (self.0 > 0).then_some(self.0 as usize)
    }
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The name of a field or of a list parameter.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Name {
    pub(crate) text: Box<str>,
    #[serde(skip)]
    pub(crate) at: Place,
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self { text: text.into(), at: Place::default() }
    }
}

/// A value in a filter: made from a number, text or bool, or by [`param`] or [`now`].
#[derive(Clone, PartialEq, Debug)]
pub struct Operand {
    pub(crate) term: Term,
    pub(crate) at: Place,
}

/// The kinds of values in a filter.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Term {
    Literal(Literal),
    /// The value that is given under this name when the filter is bound.
    Param(Box<str>),
    /// The time of the query, and so many seconds; made by [`Term::now`].
    Now(i64),
}

impl Term {
    /// The least integer has no magnitude of its type, so no text, and stands for the next one.
    pub(crate) fn now(seconds: i64) -> Self {
        Self::Now(seconds.max(-i64::MAX))
    }
}

/// A value that stands in the filter itself.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Literal {
    Bool(bool),
    Int(i64),
    /// An integer beyond `i64::MAX`, and only that.
    Uint(u64),
    Float(f64),
    Text(Box<str>),
}

/// A parameter of a filter; see [`param`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param(Box<str>);

/// A value, or a list of values, that is given when the filter is bound: `$name` in the language.
#[must_use]
pub fn param(name: &str) -> Param {
    Param(name.into())
}

/// The time of the query, and some seconds; see [`now`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now(i64);

/// The time of the query: `now()` in the language. Spans are added and subtracted in whole seconds.
#[must_use]
pub fn now() -> Now {
    Now(0)
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Now {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(seconds(span)))
    }
}

impl Sub<Duration> for Now {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(seconds(span)))
    }
}

/// Several values of a filter: made from an array, slice or vector of them, or from one [`param`] that is a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Values(pub(crate) ValueList);

/// The kinds of lists in a filter.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum ValueList {
    Each(Vec<Operand>),
    Param(Name),
}

impl Operand {
    pub(crate) fn new(term: Term) -> Self {
        Self { term, at: Place::default() }
    }
}

impl From<Literal> for Operand {
    fn from(literal: Literal) -> Self {
        Self::new(Term::Literal(literal))
    }
}

impl From<Param> for Operand {
    fn from(param: Param) -> Self {
        Self::new(Term::Param(param.0))
    }
}

impl From<Now> for Operand {
    fn from(now: Now) -> Self {
        Self::new(Term::now(now.0))
    }
}

macro_rules! from_integer {
    ($($t:ty),*) => {$(
        impl From<$t> for Operand {
            fn from(number: $t) -> Self {
                Literal::Int(i64::from(number)).into()
            }
        }
    )*};
}
from_integer!(i8, i16, i32, i64, u8, u16, u32);

impl From<u64> for Operand {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Literal::Uint(number), Literal::Int).into()
    }
}

impl From<usize> for Operand {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<isize> for Operand {
    fn from(number: isize) -> Self {
        Literal::Int(number as i64).into()
    }
}

impl From<f32> for Operand {
    fn from(number: f32) -> Self {
        Literal::Float(f64::from(number)).into()
    }
}

impl From<f64> for Operand {
    fn from(number: f64) -> Self {
        Literal::Float(number).into()
    }
}

impl From<bool> for Operand {
    fn from(flag: bool) -> Self {
        Literal::Bool(flag).into()
    }
}

impl From<&str> for Operand {
    fn from(text: &str) -> Self {
        Literal::Text(text.into()).into()
    }
}

impl From<&String> for Operand {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Operand {
    fn from(text: String) -> Self {
        Literal::Text(text.into_boxed_str()).into()
    }
}

impl From<Param> for Values {
    fn from(param: Param) -> Self {
        Self(ValueList::Param(Name { text: param.0, at: Place::default() }))
    }
}

impl<T: Into<Operand>> FromIterator<T> for Values {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self(ValueList::Each(values.into_iter().map(Into::into).collect()))
    }
}

impl<T: Into<Operand>> From<Vec<T>> for Values {
    fn from(values: Vec<T>) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Into<Operand>, const N: usize> From<[T; N]> for Values {
    fn from(values: [T; N]) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Clone + Into<Operand>> From<&[T]> for Values {
    fn from(values: &[T]) -> Self {
        values.iter().cloned().collect()
    }
}
