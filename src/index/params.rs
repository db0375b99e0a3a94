//! What a search is given.

use crate::quantizer::density::Density;

use super::ivf::IvfIndex;
use super::narrow::Narrow;
use super::selection::Selection;

/// Which codes get a closer look. The answer depends on the mode, not on the CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum ScanMode {
    /// Candidates are the best R by the high nibbles of their codes.
    #[default]
    Filter,
    /// Candidates are the best R by their whole codes.
    Exact,
}

/// What a query asks of the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SearchParams<'a> {
    /// Hits wanted.
    pub(crate) k: usize,
    /// Lists visited.
    pub(crate) nprobe: usize,
    /// Candidates refined (R); at least k are.
    pub(crate) candidates: usize,
    pub(crate) mode: ScanMode,
    /// Hits below are left out.
    pub(crate) min_score: Option<f64>,
    /// What the query takes out of the parts' selections.
    pub(crate) narrow: Option<&'a dyn Narrow>,
    /// Take the stages' times.
    pub(crate) timed: bool,
}

impl Default for SearchParams<'_> {
    fn default() -> Self {
        Self { k: 10, nprobe: 32, candidates: 100, mode: ScanMode::Filter, min_score: None, narrow: None, timed: false }
    }
}

/// A segment as a search sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) index: &'a IvfIndex,
    pub(crate) selection: &'a Selection,
}

/// What a restricted query is to reach: what an unrestricted one does with these numbers of lists and candidates for `k` rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal<'a> {
    pub(crate) density: &'a Density,
    pub(crate) k: usize,
    pub(crate) nprobe: usize,
    pub(crate) candidates: usize,
    /// The share of the wanted rows that is to be in the lists visited.
    pub(crate) share: f32,
}
