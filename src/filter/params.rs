//! The values of a filter's parameters.

use std::collections::BTreeMap;

use crate::features::{Row, Value};

/// Values for the parameters of a filter, by name. Those that a filter does not ask for do no harm.
///
/// ```
/// use torre::filter::Params;
///
/// let params = Params::new().with("most", 50).with("brands", ["a", "b"]);
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Params {
    values: BTreeMap<Box<str>, Value>,
}

impl Params {
    /// No values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These, and `value` under `name`; a value already there is replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<Box<str>>, value: impl Into<Value>) -> Self {
        self.insert(name, value);
        self
    }

    /// Puts `value` under `name`.
    pub fn insert(&mut self, name: impl Into<Box<str>>, value: impl Into<Value>) {
        self.values.insert(name.into(), value.into());
    }

    /// The value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(|name| &**name)
    }
}

impl From<Row> for Params {
    fn from(row: Row) -> Self {
        Self { values: row.into_fields().collect() }
    }
}
