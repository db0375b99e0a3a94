//! What a query may return: all that is live, but for what it leaves out by id and what its filter does not let through.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Result;
use crate::filter::{Bound, Filter, Params};
use crate::index::Narrow;
use crate::kernel::BLOCK;
use crate::query::filter_lists::ListRows;
use crate::segment::{Place, Prepared, Snapshot, check_indexed};

/// Words that a filter is evaluated for at once.
const AT_ONCE: usize = 16;

/// A filter bound to the fields of a snapshot.
///
/// # Errors
/// [`Error::Filter`](crate::Error::Filter), [`Error::NotIndexed`](crate::Error::NotIndexed) for a field without an index.
pub(crate) fn bind(snapshot: &Snapshot, filter: &Filter, params: &Params) -> Result<Bound> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let bound = filter.bind(&snapshot.schema, params, now)?;
    check_indexed(&snapshot.schema, &bound)?;
    Ok(bound)
}

/// A filter made ready for every part of a snapshot: its segments, then its runs.
pub(crate) struct PartFilters<'r>(Vec<Prepared<'r>>);

impl std::fmt::Debug for PartFilters<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartFilters").field("parts", &self.0.len()).finish_non_exhaustive()
    }
}

impl<'r> PartFilters<'r> {
    /// # Errors
    /// As [`bind`].
    pub(crate) fn new(snapshot: &'r Snapshot, bound: &'r Bound, lists: &'r ListRows) -> Result<Self> {
        let tables = snapshot.tables().into_iter().enumerate();
        Ok(Self(tables.map(|(part, table)| table.prepare(bound, lists.of(part))).collect::<Result<_>>()?))
    }

    /// Whether the filter is true of a row.
    pub(crate) fn lets_through(&self, (part, position): Place) -> bool {
        self.0.get(part as usize).is_some_and(|filter| filter.word(position as usize, 1) & 1 == 1)
    }

    /// Live rows of a snapshot for which the filter is true.
    pub(crate) fn places(&self, snapshot: &Snapshot) -> Vec<Place> {
        let mut places = Vec::new();
        let mut take = |part: usize, live: &mut dyn Iterator<Item = usize>| {
            places.extend(live.map(|position| (part as u32, position as u32)).filter(|&place| self.lets_through(place)));
        };
        for (part, view) in snapshot.segments.iter().enumerate() {
            take(part, &mut view.body.index.layout().positions(|block| view.selection.word(block)));
        }
        for (run, view) in snapshot.runs.iter().enumerate() {
            take(snapshot.segments.len() + run, &mut view.positions());
        }
        places
    }
}

/// What one query takes out of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restriction<'r> {
    /// Rows that are left out, ascending.
    pub(crate) excluded: &'r [Place],
    pub(crate) filter: Option<&'r PartFilters<'r>>,
}

impl Restriction<'_> {
    /// Whether the query takes nothing out.
    pub(crate) fn is_none(&self) -> bool {
        self.excluded.is_empty() && self.filter.is_none()
    }
}

impl Narrow for Restriction<'_> {
    fn excluded(&self) -> &[Place] {
        self.excluded
    }

    fn filters(&self) -> bool {
        self.filter.is_some()
    }

    fn filter(&self, part: usize, rows: Range<usize>, words: &mut [u64]) {
        let Some(filter) = self.filter.and_then(|filter| filter.0.get(part)) else { return };
        for (turn, words) in words.chunks_mut(AT_ONCE).enumerate() {
            let from = rows.start + turn * AT_ONCE * BLOCK;
            let mut passing = [0; AT_ONCE];
            let passing = &mut passing[..words.len()];
            filter.select(from..rows.end.min(from + AT_ONCE * BLOCK), passing);
            words.iter_mut().zip(passing).for_each(|(word, passing)| *word &= *passing);
        }
    }
}
