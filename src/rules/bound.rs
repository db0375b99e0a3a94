//! Rules that are ready to be evaluated: fields by number, what is known of the user and the query filled in.

use super::error::RuleProblem;
use super::function::Function;
use super::tree::Operator;
use crate::filter::{Comparison, Filter, Place};

/// What rules read of a candidate, each once: fields, tests and values are numbered by their places here.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Inputs {
    /// Names of fields that are numbers.
    pub(crate) fields: Vec<Box<str>>,
    /// Tests of the item's fields.
    pub(crate) tests: Vec<Filter>,
    /// Names of values that the caller computes, and where they are asked for.
    pub(crate) values: Vec<(Box<str>, Place)>,
    /// Fields of the user that the user has not.
    pub(crate) missing: Vec<Box<str>>,
}

/// What there is of a candidate.
pub(crate) trait Candidate {
    /// The item's id, for errors.
    fn id(&self) -> &str;
    /// A field of the item, by its number.
    fn field(&self, field: usize) -> Option<f64>;
    /// A test of the item, by its number.
    fn test(&self, test: usize) -> Option<bool>;
    /// What was computed for it, by its number.
    fn value(&self, value: usize) -> Option<f64>;
    /// Of the first stage.
    fn score(&self) -> f64;
    /// Of the ranker.
    fn rank_score(&self) -> Option<f64>;
}

/// A formula without names.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum BoundNumber {
    Constant(Option<f64>),
    Field(usize),
    Value(usize),
    Score,
    RankScore,
    Negative(Box<BoundNumber>),
    Binary(Operator, Box<[BoundNumber; 2]>, Place),
    /// With the time of the query.
    Call(Function, Vec<BoundNumber>, f64, Place),
    If(Box<BoundTruth>, Box<[BoundNumber; 2]>),
}

/// A condition without names.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum BoundTruth {
    Known(Option<bool>),
    And(Vec<BoundTruth>),
    Or(Vec<BoundTruth>),
    Not(Box<BoundTruth>),
    Test(usize),
    Compare(Comparison, Box<[BoundNumber; 2]>),
}

type Result<T> = std::result::Result<T, RuleProblem>;

impl BoundNumber {
    /// Its value for a candidate; `None` where that is null.
    ///
    /// # Errors
    /// [`RuleProblem::DivisionByZero`], [`RuleProblem::NotFinite`].
    pub(crate) fn of(&self, candidate: &dyn Candidate) -> Result<Option<f64>> {
        // As deep as the tree, which is bounded.
        Ok(match self {
            Self::Constant(number) => *number,
            Self::Field(field) => candidate.field(*field),
            Self::Value(value) => candidate.value(*value),
            Self::Score => Some(candidate.score()),
            Self::RankScore => candidate.rank_score(),
            Self::Negative(inner) => inner.of(candidate)?.map(|number| -number),
            Self::Binary(operator, sides, at) => {
                let (left, right) = (sides[0].of(candidate)?, sides[1].of(candidate)?);
                let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
                Some(operator.of(left, right).map_err(|problem| problem(at.column().unwrap_or_default(), candidate.id()))?)
            }
            Self::Call(Function::Coalesce, arguments, ..) => {
                for argument in arguments {
                    if let Some(number) = argument.of(candidate)? {
                        return Ok(Some(number));
                    }
                }
                None
            }
            Self::Call(function, arguments, now, at) => {
                // All of them are evaluated, so that which one is null hides no error of another.
                let arguments = arguments.iter().map(|argument| argument.of(candidate)).collect::<Result<Vec<Option<f64>>>>()?;
                let Some(arguments) = arguments.into_iter().collect::<Option<Vec<f64>>>() else { return Ok(None) };
                let number = function.of(&arguments, *now);
                if !number.is_finite() {
                    let shown: Vec<String> = arguments.iter().map(f64::to_string).collect();
                    let what = format!("{}({})", function.name(), shown.join(", "));
                    return Err(RuleProblem::NotFinite { column: at.column().unwrap_or_default(), what, item: candidate.id().to_owned() });
                }
                Some(number)
            }
            // Only the branch that is taken is looked at: it may divide by what the condition has checked.
            Self::If(condition, branches) => branches[usize::from(condition.of(candidate)? != Some(true))].of(candidate)?,
        })
    }
}

impl Operator {
    /// The result, or what to say of it, given a column and an item.
    fn of(self, left: f64, right: f64) -> std::result::Result<f64, impl Fn(usize, &str) -> RuleProblem> {
        let result = match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
        };
        if result.is_finite() {
            return Ok(result);
        }
        Err(move |column, item: &str| {
            let item = item.to_owned();
            if self == Self::Divide && right == 0.0 {
                return RuleProblem::DivisionByZero { column, dividend: left, item };
            }
            RuleProblem::NotFinite { column, what: format!("{left} {} {right}", self.symbol()), item }
        })
    }
}

impl BoundTruth {
    /// Whether it is true of a candidate; `None` where that is unknown.
    ///
    /// # Errors
    /// As [`BoundNumber::of`].
    pub(crate) fn of(&self, candidate: &dyn Candidate) -> Result<Option<bool>> {
        Ok(match self {
            Self::Known(truth) => *truth,
            Self::And(parts) => join(parts, candidate, false)?,
            Self::Or(parts) => join(parts, candidate, true)?,
            Self::Not(inner) => inner.of(candidate)?.map(|truth| !truth),
            Self::Test(test) => candidate.test(*test),
            Self::Compare(comparison, sides) => {
                let (left, right) = (sides[0].of(candidate)?, sides[1].of(candidate)?);
                left.zip(right).map(|(left, right)| match comparison {
                    Comparison::Eq => left == right,
                    Comparison::Ne => left != right,
                    Comparison::Lt => left < right,
                    Comparison::Le => left <= right,
                    Comparison::Gt => left > right,
                    Comparison::Ge => left >= right,
                })
            }
        })
    }
}

/// Kleene's AND and OR, from left to right: one part that is `decisive` decides; else one that is unknown leaves it so.
fn join(parts: &[BoundTruth], candidate: &dyn Candidate, decisive: bool) -> Result<Option<bool>> {
    let mut joined = Some(!decisive);
    for part in parts {
        match part.of(candidate)? {
            Some(truth) if truth == decisive => return Ok(Some(decisive)),
            None => joined = None,
            Some(_) => {}
        }
    }
    Ok(joined)
}
