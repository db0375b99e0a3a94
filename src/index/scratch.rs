//! What queries work in.

use super::candidate::Candidate;
use super::coarse::CoarseScratch;
use super::forecast::ForecastScratch;
use super::key::Best;
use super::params::Part;
use super::pool::Pool;
use super::refine::RefineQuery;
use super::table::{ExactTables, FilterTables};
use super::task::{FilterScan, ListTask};

/// Everything a query works in; after a few queries of one shape it allocates no more.
#[derive(Default, Debug)]
pub(crate) struct Scratch {
    pub(super) coarse: CoarseScratch,
    pub(super) filter: FilterTables,
    pub(super) exact: ExactTables,
    /// The lists probed, with what of them may be returned, and those of them that are scanned.
    pub(super) surveyed: Vec<ListTask>,
    /// How many lists were surveyed for a restricted query.
    pub(super) lists_surveyed: usize,
    /// What was surveyed before more lists were.
    pub(super) known: Vec<ListTask>,
    pub(super) tasks: Vec<ListTask>,
    pub(super) pool: Pool,
    pub(super) scan: FilterScan,
    pub(super) best: Best,
    /// What may be returned of the lists that the query narrows, a word a block.
    pub(super) words: Vec<u64>,
    /// Places of the rows of lists with so few that may be returned that all of them are candidates.
    pub(super) few: Vec<u32>,
    pub(super) forecast: ForecastScratch,
    /// Scores of the rows that the query leaves out, best first.
    pub(super) left_out: Vec<f32>,
    /// Rows of each list probed that a restricted query's filter lets through.
    pub(super) passing: Vec<u32>,
    pub(super) refine: RefineQuery,
    pub(super) starts: Vec<u32>,
    pub(super) products: Vec<(u32, f32)>,
    pub(super) doubled: Vec<f32>,
    pub(super) hits: Vec<Candidate>,
}

impl Scratch {
    /// The last query's hits, best first.
    pub(crate) fn hits(&self) -> &[Candidate] {
        &self.hits
    }
}

/// Parts' first places; answers the number of rows. Places number all parts' rows through.
pub(super) fn prepare(parts: &[Part<'_>], scratch: &mut Scratch) -> usize {
    scratch.starts.clear();
    let mut rows = 0u32;
    for part in parts {
        scratch.starts.push(rows);
        rows = rows.saturating_add(part.index.rows() as u32);
    }
    rows as usize
}

/// Part and position of a place.
pub(super) fn locate(starts: &[u32], place: u32) -> (usize, usize) {
    // Parts without rows share their start with the next one: the last part that starts here has the row.
    let part = if starts.len() == 1 { 0 } else { starts.partition_point(|&start| start <= place) - 1 };
    (part, (place - starts[part]) as usize)
}
