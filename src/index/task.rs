//! The lists that a query scans.

use super::params::Part;

/// One list of one segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListTask {
    pub(super) part: u32,
    pub(super) list: u32,
    /// Its place in the order of probing.
    pub(super) probe: u32,
    /// Inner product of query and centroid.
    pub(super) product: f32,
    /// The list's share of all its codes' integer scores, at least 0.
    pub(super) base: u32,
    /// Rows that may be returned; deleted ones among them where there are no words.
    pub(super) count: u32,
    /// Rows that the query leaves out one by one.
    pub(super) excluded: u32,
    /// Where its words are among those that the query narrowed; `None` where all that is selected may be returned.
    pub(super) words: Option<u32>,
}

impl ListTask {
    /// Rows of the list.
    pub(super) fn rows(&self, parts: &[Part<'_>]) -> usize {
        parts[self.part as usize].index.layout.rows_of(self.list as usize).len()
    }
}

/// What a filter scan's lists share.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct FilterScan {
    /// Units in a score of one.
    pub(super) inverse: f32,
    /// The largest sum that a code can have.
    pub(super) highest: u32,
}
