//! Numbers that the caller computes for candidates while a query runs.

use std::sync::Arc;

use crate::error::{Error, Result};

/// Numbers for the candidates of a query, by name and in the order of the ids: days of shipping to this user, a price of the moment. NaN is
/// no value. Rankers read one as `value.NAME`, and so do rules. See [`Query::rerank_values`](crate::Query::rerank_values).
///
/// ```
/// use torre::CandidateValues;
///
/// let ids = ["a", "b"];
/// let values = CandidateValues::new().with("days", ids.iter().map(|id| if *id == "a" { 1.0 } else { f64::NAN }));
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CandidateValues {
    columns: Vec<(Box<str>, Vec<f64>)>,
}

impl CandidateValues {
    /// No numbers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These, and a number for each candidate under a name; numbers already there are replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<Box<str>>, numbers: impl IntoIterator<Item = f64>) -> Self {
        let name = name.into();
        self.columns.retain(|(known, _)| *known != name);
        self.columns.push((name, numbers.into_iter().collect()));
        self
    }

    /// The number of a name for the candidate at this place; `None` where there is none.
    pub(crate) fn get(&self, name: &str, at: usize) -> Option<f64> {
        let (_, numbers) = self.columns.iter().find(|(known, _)| **known == *name)?;
        numbers.get(at).copied().filter(|number| !number.is_nan())
    }

    /// The place of a name among the columns.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(known, _)| **known == *name)
    }

    /// The number in a column for the candidate at this place; `None` where there is none.
    pub(crate) fn at(&self, column: usize, at: usize) -> Option<f64> {
        self.columns.get(column)?.1.get(at).copied().filter(|number| !number.is_nan())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.to_string()).collect()
    }

    /// Refuses what is not a number for each of so many candidates.
    fn check(&self, candidates: usize) -> Result<()> {
        let wrong = |given, expected| Err(Error::InvalidOption { option: "rerank_values", given, expected });
        for (name, numbers) in &self.columns {
            if numbers.len() != candidates {
                return wrong(format!("{} numbers {name:?}", numbers.len()), format!("{candidates}, one for each candidate"));
            }
            if let Some(at) = numbers.iter().position(|number| number.is_infinite()) {
                return wrong(
                    format!("{} as {name:?} of candidate {at}", numbers[at]),
                    "finite numbers, or NaN where there is none".to_owned(),
                );
            }
        }
        Ok(())
    }
}

/// Numbers of a query, by its place in the batch, and of the ids of its candidates.
type Function<'q> = dyn Fn(usize, &[&str]) -> CandidateValues + Send + Sync + 'q;

/// What computes numbers.
#[derive(Clone)]
pub(crate) struct Compute<'q>(Arc<Function<'q>>);

impl std::fmt::Debug for Compute<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compute")
    }
}

impl<'q> Compute<'q> {
    pub(crate) fn new(compute: impl Fn(usize, &[&str]) -> CandidateValues + Send + Sync + 'q) -> Self {
        Self(Arc::new(compute))
    }

    /// The numbers of a query's candidates.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] where there is not a number for each.
    pub(crate) fn of(&self, query: usize, ids: &[&str]) -> Result<CandidateValues> {
        let values = (self.0)(query, ids);
        values.check(ids.len())?;
        Ok(values)
    }
}
