//! Rows that a query leaves out, as places of the snapshot.

use crate::error::{Error, Result};
use crate::query::source::Source;
use crate::segment::{Place, Snapshot};

/// The places that each query leaves out, sorted; one list for all where no query has its own.
#[derive(Debug)]
pub(crate) struct Excluded(Vec<Vec<Place>>);

impl Excluded {
    /// `all` holds for every query, `each` (a list a query, or empty) for one; an item is never near itself. Ids that are not in the snapshot
    /// leave nothing out.
    pub(crate) fn new(snapshot: &Snapshot, sources: &[Source<'_>], all: &[String], each: &[Vec<String>]) -> Self {
        let all: Vec<Place> = all.iter().filter_map(|id| snapshot.locate(id)).collect();
        let sorted = |mut places: Vec<Place>| {
            places.sort_unstable();
            places.dedup();
            places
        };
        if each.is_empty() && sources.iter().all(|source| source.item().is_none()) {
            return Self(vec![sorted(all)]);
        }
        let own = |(query, source): (usize, &Source<'_>)| {
            let ids = each.get(query).into_iter().flatten().map(String::as_str).chain(source.item());
            sorted(ids.filter_map(|id| snapshot.locate(id)).chain(all.iter().copied()).collect())
        };
        Self(sources.iter().enumerate().map(own).collect())
    }

    /// Refuses another number of lists than there are queries.
    pub(crate) fn check(each: &[Vec<String>], queries: usize) -> Result<()> {
        if each.is_empty() || each.len() == queries {
            return Ok(());
        }
        Err(Error::InvalidOption {
            option: "exclude_each",
            given: format!("{} lists of ids", each.len()),
            expected: format!("one for each of {queries} queries"),
        })
    }

    /// What one query leaves out, as that of a query by itself.
    pub(crate) fn only(&self, query: usize) -> Self {
        Self(vec![self.of(query).to_vec()])
    }

    /// What query number `query` leaves out.
    pub(crate) fn of(&self, query: usize) -> &[Place] {
        self.0.get(query).or_else(|| self.0.first()).map_or(&[], Vec::as_slice)
    }
}
