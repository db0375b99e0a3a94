//! What a query may return: all that is live, but for what it leaves out by id and what its filter does not let through.

use std::ops::Range;

use crate::error::Result;
use crate::filter::Bound;
use crate::index::Narrow;
use crate::kernel::BLOCK;
use crate::query::filter_lists::ListRows;
use crate::segment::{Place, Prepared, Snapshot};

/// Words that a filter is evaluated for at once.
const AT_ONCE: usize = 16;

/// A filter made ready for every part of a snapshot: its segments, then its runs.
pub(crate) struct PartFilters<'r>(Vec<Prepared<'r>>);

impl std::fmt::Debug for PartFilters<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartFilters").field("parts", &self.0.len()).finish_non_exhaustive()
    }
}

impl<'r> PartFilters<'r> {
    /// # Errors
    /// [`Error::NotIndexed`](crate::Error::NotIndexed).
    pub(crate) fn new(snapshot: &'r Snapshot, bound: &'r Bound, lists: &'r ListRows) -> Result<Self> {
        let tables = snapshot.tables().into_iter().enumerate();
        Ok(Self(tables.map(|(part, table)| table.prepare(bound, lists.of(part))).collect::<Result<_>>()?))
    }

    /// Whether the filter is true of a row.
    pub(crate) fn lets_through(&self, (part, position): Place) -> bool {
        self.0.get(part as usize).is_some_and(|filter| filter.word(position as usize, 1) & 1 == 1)
    }

    /// The share of the segments' rows for which the filter is true, as far as some blocks of them tell that lie evenly among all; `None` without
    /// segments.
    pub(crate) fn estimate(&self, snapshot: &Snapshot) -> Option<f32> {
        /// Blocks that are looked at, or few more.
        const BLOCKS: usize = 64;
        let tables = || snapshot.segments.iter().map(|view| &view.body.rows);
        let step = (tables().map(|table| table.len()).sum::<usize>() / BLOCKS).next_multiple_of(BLOCK).max(BLOCK);
        let (mut rows, mut passing) = (0, 0);
        for (table, filter) in tables().zip(&self.0) {
            for from in (0..table.len()).step_by(step) {
                rows += (table.len() - from).min(BLOCK);
                passing += filter.word(from, table.len() - from).count_ones();
            }
        }
        (rows > 0).then(|| passing as f32 / rows as f32)
    }

    /// The live rows of a snapshot's segments for which the filter is true, in no particular order; `None` where there may be more than `most`, or
    /// finding them takes a pass over many rows.
    pub(crate) fn few(&self, snapshot: &Snapshot, most: usize) -> Option<Vec<Place>> {
        let mut places = Vec::new();
        for ((part, view), filter) in (0u32..).zip(&snapshot.segments).zip(&self.0) {
            let mut rows = filter.few(most - places.len())?;
            if !snapshot.is_whole(part as usize) {
                view.body.index.retain(&mut rows, &view.selection);
            }
            places.extend(rows.into_iter().map(|position| (part, position)));
        }
        Some(places)
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

    fn fetch(&self, part: usize, rows: Range<usize>) {
        if let Some(filter) = self.filter.and_then(|filter| filter.0.get(part)) {
            filter.fetch(rows);
        }
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
