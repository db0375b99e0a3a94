//! A row that a search found.

/// A row found: larger scores are nearer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Candidate {
    pub(crate) part: u32,
    pub(crate) position: u32,
    pub(crate) score: f64,
}
