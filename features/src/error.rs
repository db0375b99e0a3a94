//! What can be wrong with a row, and with a feature spec.

use std::borrow::Cow;

use thiserror::Error;

/// A name in an error: control characters escaped and cut after 120 characters, so that a name from outside cannot break the line.
fn shown(name: &str) -> Cow<'_, str> {
    const LONGEST: usize = 120;
    if name.len() <= LONGEST && !name.contains(char::is_control) {
        return Cow::Borrowed(name);
    }
    let mut text = String::new();
    for (place, c) in name.chars().enumerate() {
        if place == LONGEST {
            text.push('…');
            break;
        }
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    Cow::Owned(text)
}

/// An option that is given as text and out of its range.
#[derive(Error, Clone, PartialEq, Eq, Debug)]
#[error("{option}: expected {expected}, got {given}")]
pub struct InvalidOption {
    /// The option's name.
    pub option: &'static str,
    /// What came.
    pub given: String,
    /// What would have been right.
    pub expected: String,
}

impl InvalidOption {
    pub(crate) fn new(option: &'static str, given: &str, expected: &str) -> Self {
        Self { option, given: given.to_owned(), expected: expected.to_owned() }
    }
}

/// Why a stored vector could not be looked up.
pub type LookupError = Box<dyn std::error::Error + Send + Sync>;

/// Why rows do not become tensors.
#[derive(Error, Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// A row that the spec cannot take.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// The spec looks up stored vectors, and there is nothing to look into.
    #[error("a tower with a lookup needs a collection to look into")]
    NoLookup,
    /// A stored vector could not be read.
    #[error("looking up a stored vector: {0}")]
    Lookup(#[source] LookupError),
}

/// A row that a spec or a schema cannot take. Rows count from 0 within the batch; nothing of a batch with such a row is stored.
#[derive(Error, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FeatureError {
    /// A value of the wrong kind, or none where one is needed.
    #[error("feature \"{}\" (row {row}): expected {expected}, got {got}", shown(.field))]
    Value {
        /// The row's field.
        field: String,
        /// Place in the batch, from 0.
        row: usize,
        /// What would have been right.
        expected: String,
        /// What came.
        got: String,
    },
    /// A field that neither the spec nor the collection's schema names.
    #[error("feature \"{}\" (row {row}): unknown field", shown(.field))]
    UnknownField {
        /// The row's field.
        field: String,
        /// Place in the batch, from 0.
        row: usize,
    },
    /// Something that is no row: not JSON, not an object, a name twice.
    #[error("row {row}: {problem}")]
    Malformed {
        /// Place in the batch, from 0.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
}

impl FeatureError {
    pub(crate) fn value(field: &str, row: usize, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Value { field: field.to_owned(), row, expected: expected.into(), got: got.into() }
    }

    pub(crate) fn malformed(row: usize, problem: impl Into<String>) -> Self {
        Self::Malformed { row, problem: problem.into() }
    }

    /// The row's place in its batch, from 0.
    #[must_use]
    pub fn row(&self) -> usize {
        match self {
            Self::Value { row, .. } | Self::UnknownField { row, .. } | Self::Malformed { row, .. } => *row,
        }
    }

    /// The field, where one is to blame.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Value { field, .. } | Self::UnknownField { field, .. } => Some(field),
            Self::Malformed { .. } => None,
        }
    }

    /// The same error for another row number, for callers that count rows over several batches.
    #[must_use]
    pub fn at_row(mut self, number: usize) -> Self {
        match &mut self {
            Self::Value { row, .. } | Self::UnknownField { row, .. } | Self::Malformed { row, .. } => *row = number,
        }
        self
    }
}

/// A feature spec that cannot be used.
#[derive(Error, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SpecError {
    /// Not JSON at all.
    #[error("feature spec: not valid JSON: {problem}")]
    Json {
        /// The parser's words, with line and column.
        problem: String,
    },
    /// Another version than this library reads.
    #[error("feature spec: expected \"torre\": 1 or 2 (the version), got {got}")]
    Version {
        /// What stands there.
        got: String,
    },
    /// A key outside the inputs is missing or wrong.
    #[error("feature spec, \"{key}\": expected {expected}, got {got}")]
    Document {
        /// The key, with its path where it is nested.
        key: String,
        /// What would have been right.
        expected: String,
        /// What came.
        got: String,
    },
    /// An input is wrong in itself or does not fit its graph.
    #[error("feature spec, input \"{}\"{}: {problem}", shown(.input), .field.as_ref().map(|field| format!(", field \"{}\"", shown(field))).unwrap_or_default())]
    Input {
        /// The graph input's name.
        input: String,
        /// The row's field, where one piece is to blame.
        field: Option<String>,
        /// What is wrong, with what was expected.
        problem: String,
    },
}

impl SpecError {
    pub(crate) fn document(key: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Document { key: key.into(), expected: expected.into(), got: got.into() }
    }

    /// An input that is wrong in itself or does not fit its graph.
    pub fn input(input: &str, problem: impl Into<String>) -> Self {
        Self::Input { input: input.to_owned(), field: None, problem: problem.into() }
    }
}
