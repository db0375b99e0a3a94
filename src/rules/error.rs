//! What can be wrong with a rule.

use thiserror::Error;

use crate::filter::FilterError;

/// A rule that cannot be used, or gives no number for some item. It is the caller's to mend; nothing was changed.
#[derive(Error, Clone, PartialEq, Debug)]
#[error("{rule}: {problem}")]
#[non_exhaustive]
pub struct RuleError {
    /// Which rule: its kind and its place there, and the policy that has it.
    pub rule: String,
    /// What is wrong with it.
    pub problem: RuleProblem,
}

/// What is wrong with a rule. Columns count characters of its text from 1.
#[derive(Error, Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum RuleProblem {
    /// The text is not in the language.
    #[error("column {column}: expected {expected}, got {got}")]
    Syntax {
        /// Where.
        column: usize,
        /// What would have been right there.
        expected: String,
        /// What stands there.
        got: String,
    },
    /// The text is longer than what is read.
    #[error("{bytes} bytes of text, as it is written with its spaces; at most {limit} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        limit: usize,
    },
    /// Terms, calls or conditions are nested too deep.
    #[error("column {column}: nested more than {limit} deep, or more than {limit} terms in a row; use several rules")]
    TooDeep {
        /// Where.
        column: usize,
        /// The deepest that is taken.
        limit: usize,
    },
    /// A test of a field in it is not right.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The collection has no such field, or it is not indexed.
    #[error("{}the field {field:?} is not indexed, and rules read indexed fields (indexed: {}); add an index to it", at(*.column), listed(.indexed))]
    NotIndexed {
        /// Where, if it came from a formula.
        column: Option<usize>,
        /// The name asked for.
        field: String,
        /// The fields that are indexed.
        indexed: Vec<String>,
    },
    /// A field is no number.
    #[error("column {column}: {field}: expected a number, a bool or a time, got {got}")]
    Type {
        /// Where.
        column: usize,
        /// The field, as it is written.
        field: String,
        /// What it holds.
        got: String,
    },
    /// A parameter without a value, or with one that is no number.
    #[error("column {column}: the parameter ${name}: expected a number, got {got}")]
    Parameter {
        /// Where.
        column: usize,
        /// The parameter.
        name: String,
        /// What came.
        got: String,
    },
    /// Candidates come without a value of this name.
    #[error("column {column}: no values {name:?} were computed for the candidates (there are: {}); give them with rerank_values", listed(.known))]
    UnknownValue {
        /// Where.
        column: usize,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A division by zero.
    #[error("column {column}: {dividend} / 0 for the item {item:?}; guard it, as in if(x != 0, y / x, 0)")]
    DivisionByZero {
        /// Where.
        column: usize,
        /// What was to be divided.
        dividend: f64,
        /// The item.
        item: String,
    },
    /// A function, or a sum or product, that has no finite value there.
    #[error("column {column}: {what} is no finite number for the item {item:?}")]
    NotFinite {
        /// Where.
        column: usize,
        /// The operation with its numbers.
        what: String,
        /// The item.
        item: String,
    },
    /// A policy that no query can mean.
    #[error("expected {expected}, got {got}")]
    Malformed {
        /// What would have been right.
        expected: String,
        /// What came.
        got: String,
    },
}

fn at(column: Option<usize>) -> String {
    column.map(|column| format!("column {column}: ")).unwrap_or_default()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl RuleProblem {
    /// The error of a rule that has the problem.
    pub(crate) fn of(self, rule: impl Into<String>) -> RuleError {
        RuleError { rule: rule.into(), problem: self }
    }

    /// An error of the parts that rules have in common with filters.
    pub(crate) fn of_filter(error: FilterError) -> Self {
        match error {
            FilterError::Syntax { column, expected, got } => Self::Syntax { column, expected, got },
            FilterError::TooLong { bytes, limit } => Self::TooLong { bytes, limit },
            other => Self::Filter(other),
        }
    }
}
