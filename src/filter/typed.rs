//! Tests of a field, in its own type.

use std::ops::Bound as End;

use super::bound::Test;
use super::constant::{Given, Subject};
use super::error::FilterError;
use super::range::Range;
use super::tree::Comparison;
use crate::features::FieldType;

/// A comparison with a field that is no list. For `Ne` the test of `Eq`, which is to be negated.
pub(crate) fn compare(subject: &Subject<'_>, op: Comparison, given: &Given<'_>) -> Result<Test, FilterError> {
    Ok(match subject.kind {
        FieldType::Bool => Test::Bool(subject.flag(given)?),
        FieldType::Text => {
            let text: Box<str> = subject.text(given)?.into();
            match op {
                Comparison::Eq | Comparison::Ne => Test::TextSet([text].into()),
                Comparison::Lt => Test::Texts(End::Unbounded, End::Excluded(text)),
                Comparison::Le => Test::Texts(End::Unbounded, End::Included(text)),
                Comparison::Gt => Test::Texts(End::Excluded(text), End::Unbounded),
                Comparison::Ge => Test::Texts(End::Included(text), End::Unbounded),
            }
        }
        FieldType::Int => ints(Range::comparing(op, subject.number(given)?)),
        _ => floats(Range::comparing(op, subject.number(given)?)),
    })
}

/// Between two ends, both included, of a field that is ordered.
pub(crate) fn between(subject: &Subject<'_>, low: &Given<'_>, high: &Given<'_>) -> Result<Test, FilterError> {
    Ok(match subject.kind {
        FieldType::Text => Test::Texts(End::Included(subject.text(low)?.into()), End::Included(subject.text(high)?.into())),
        kind => {
            let (low, high) = (subject.number(low)?, subject.number(high)?);
            if kind == FieldType::Int {
                ints(Range::comparing(Comparison::Ge, low).and(Range::comparing(Comparison::Le, high)))
            } else {
                floats(Range::comparing(Comparison::Ge, low).and(Range::comparing(Comparison::Le, high)))
            }
        }
    })
}

fn ints(range: Range<i128>) -> Test {
    if range.is_empty() { Test::Known(false) } else { Test::Ints(range) }
}

fn floats(range: Range<f64>) -> Test {
    if range.is_empty() { Test::Known(false) } else { Test::Floats(range) }
}

/// A value, or an element, equals one of these.
pub(crate) fn one_of(subject: &Subject<'_>, values: &[Given<'_>]) -> Result<Test, FilterError> {
    Ok(match subject.scalar() {
        FieldType::Bool => {
            let flags = values.iter().map(|value| subject.flag(value)).collect::<Result<Vec<_>, _>>()?;
            match (flags.contains(&true), flags.contains(&false)) {
                (yes, no) if yes == no => Test::Known(yes),
                (yes, _) => Test::Bool(yes),
            }
        }
        FieldType::Text => {
            let mut texts = values.iter().map(|value| Ok(subject.text(value)?.into())).collect::<Result<Vec<Box<str>>, FilterError>>()?;
            texts.sort_unstable();
            texts.dedup();
            if texts.is_empty() { Test::Known(false) } else { Test::TextSet(texts.into()) }
        }
        FieldType::Int => {
            let mut numbers = Vec::with_capacity(values.len());
            for value in values {
                let range = Range::<i128>::comparing(Comparison::Eq, subject.number(value)?);
                numbers.extend((!range.is_empty()).then_some(range.low));
            }
            numbers.sort_unstable();
            numbers.dedup();
            match numbers[..] {
                [] => Test::Known(false),
                [one] => Test::Ints(Range { low: one, high: one }),
                _ => Test::IntSet(numbers.into()),
            }
        }
        _ => {
            let mut numbers = Vec::with_capacity(values.len());
            for value in values {
                let range = Range::<f64>::comparing(Comparison::Eq, subject.number(value)?);
                // Adding 0.0 turns -0.0 into it.
                numbers.extend((!range.is_empty()).then_some(range.low + 0.0));
            }
            numbers.sort_unstable_by(f64::total_cmp);
            numbers.dedup();
            match numbers[..] {
                [] => Test::Known(false),
                [one] => Test::Floats(Range { low: one, high: one }),
                _ => Test::FloatSet(numbers.into()),
            }
        }
    })
}

/// The error for a test that the field's type does not have.
pub(crate) fn lacks(subject: &Subject<'_>, test: &'static str) -> FilterError {
    let has = match subject.kind {
        FieldType::Text => "=, !=, <, <=, >, >=, BETWEEN, IN, STARTS WITH, MATCH and IS NULL",
        FieldType::Int | FieldType::Float => "=, !=, <, <=, >, >=, BETWEEN, IN, IS NULL and WITHIN",
        FieldType::Time => "=, !=, <, <=, >, >=, BETWEEN, IN and IS NULL",
        FieldType::Bool => "=, !=, IS NULL and its name alone",
        FieldType::TextList => "HAS, HAS ANY, HAS ALL, HAS NONE, MATCH and IS NULL",
        _ => "HAS, HAS ANY, HAS ALL, HAS NONE and IS NULL",
    };
    FilterError::Test { column: subject.name.at.column(), field: subject.name.text.to_string(), kind: subject.kind, test, has }
}
