//! What every stage of a query may look at and none changes.

use std::sync::Arc;

use crate::filter::Bound;
use crate::query::exclude::Excluded;
use crate::query::options::SearchOptions;
use crate::query::restriction::{PartFilters, Restriction};
use crate::query::rules::Active;
use crate::query::source::Source;
use crate::query::values::Compute;
use crate::ranker::Ranker;
use crate::segment::{Shared, Snapshot};
use crate::vector::Matrix;

/// Queries that are answered together, from one snapshot. A query by itself is one of one.
pub(crate) struct Request<'q> {
    pub(crate) shared: &'q Shared,
    pub(crate) snapshot: &'q Snapshot,
    pub(crate) options: &'q SearchOptions,
    /// Where the vectors come from, in their order: users' rows are there for stages that score with them.
    pub(crate) sources: &'q [Source<'q>],
    /// A row a query.
    pub(crate) vectors: Matrix,
    pub(crate) excluded: Excluded,
    /// The filter, where there is one.
    pub(crate) filter: Option<&'q PartFilters<'q>>,
    /// The ranker, where rows are ranked.
    pub(crate) ranker: Option<&'q Arc<Ranker>>,
    /// The filter and what rules require and forbid, to be narrowed further.
    pub(crate) bound: Option<&'q Bound>,
    /// The rules in force, where there are some.
    pub(crate) rules: Option<&'q Active<'q>>,
    /// What computes values for candidates.
    pub(crate) compute: Option<&'q Compute<'q>>,
    /// Rows of each query that are ranked, or go through rules.
    pub(crate) window: usize,
    /// Rows of each query that stages after the rules want.
    pub(crate) wanted: usize,
    /// Rows that have to be found for each query.
    pub(crate) depth: usize,
}

impl Request<'_> {
    /// What query number `query` may not return.
    pub(crate) fn restriction(&self, query: usize) -> Restriction<'_> {
        Restriction { excluded: self.excluded.of(query), filter: self.filter }
    }
}
