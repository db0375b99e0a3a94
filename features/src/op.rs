//! The operations of a feature spec, parsed and ready to run.

use std::sync::Arc;

use super::bucket::FieldHash;
use super::time::TimePart;
use super::vocab::Vocab;

/// Index of a place after the end of a list.
pub(crate) const PADDING: i64 = 0;
/// Index of a value that is missing.
pub(crate) const MISSING: i64 = 1;
/// The first index after padding and missing: hash buckets, then the vocabulary.
pub(crate) const FIRST: u64 = 2;

/// One field and what is made of it: an input of its own, or a part of a `concat`.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub field: Box<str>,
    pub op: Op,
    pub list: Option<ListRule>,
    pub missing: Missing,
    /// Columns a row takes (for a list: an element).
    pub width: usize,
}

/// What is made of a value.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Position in a vocabulary; unknown values go to `oov` hash buckets.
    Vocab { vocab: Arc<Vocab>, oov: u64, hash: FieldHash },
    /// A hash bucket.
    Hash { buckets: u64, hash: FieldHash },
    /// Hash buckets of the text's words and n-grams.
    Text { buckets: u64, hash: FieldHash, lower: bool, ngrams: Box<[usize]> },
    /// A number after some steps.
    Number(Box<[Step]>),
    /// Sine and cosine of the parts of a time.
    Time(Box<[TimePart]>),
    /// One column a known value.
    OneHot(Arc<Vocab>),
    /// Numbers as they are.
    Vector,
    /// Stored vectors of items.
    Lookup,
}

/// A step of `number`.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// ln(1 + max(x, 0)).
    Log1p,
    /// (x - mean) / std.
    Standardize { mean: f64, std: f64 },
    /// min(max(x, low), high).
    Clip { low: f64, high: f64 },
    /// One-hot of the number of bounds <= x; the last step.
    Bucketize(Box<[f64]>),
}

/// How a list becomes `max` places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListRule {
    pub max: usize,
    pub keep_last: bool,
}

/// What stands for a field that is absent or null.
#[derive(Clone, Debug)]
pub(crate) enum Missing {
    /// Index 1, an empty list, or zeros.
    Null,
    /// These columns: the given value after the steps.
    Columns(Box<[f32]>),
    /// An error.
    Error,
}

impl Op {
    /// Whether the result is an index.
    pub(crate) fn is_categorical(&self) -> bool {
        matches!(self, Self::Vocab { .. } | Self::Hash { .. } | Self::Text { .. })
    }

    /// Whether it may stand in a `concat`.
    pub(crate) fn is_numeric(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Time(_) | Self::OneHot(_) | Self::Vector)
    }

    /// One more than the largest index, for categorical operations: the rows an embedding table needs.
    pub(crate) fn index_size(&self) -> Option<u64> {
        match self {
            Self::Vocab { vocab, oov, .. } => Some(FIRST + oov + vocab.len() as u64),
            Self::Hash { buckets, .. } | Self::Text { buckets, .. } => Some(FIRST + buckets),
            _ => None,
        }
    }
}

/// The larger one; of equals the first, as training's `max` has it (so that -0.0 stays).
fn max(x: f64, other: f64) -> f64 {
    if other > x { other } else { x }
}

/// The smaller one; of equals the first.
fn min(x: f64, other: f64) -> f64 {
    if other < x { other } else { x }
}

/// Runs the steps in f64 and rounds once, into `out`, which is as wide as the last step asks and all zeros.
pub(crate) fn run_steps(steps: &[Step], mut x: f64, out: &mut [f32]) {
    for step in steps {
        x = match step {
            Step::Log1p => max(x, 0.0).ln_1p(),
            Step::Standardize { mean, std } => (x - mean) / std,
            Step::Clip { low, high } => min(max(x, *low), *high),
            Step::Bucketize(bounds) => {
                // The bounds increase, so those <= x come first.
                out[bounds.partition_point(|bound| *bound <= x)] = 1.0;
                return;
            }
        };
    }
    out[0] = x as f32;
}
