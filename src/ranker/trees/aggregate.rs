//! Leaves of many trees into one number a target, in the order and precision of ONNX Runtime: f32, tree after tree, then the base value.

use super::block::{LANES, Lanes};
use super::ensemble::Aggregate;

/// The running result of one target for a block of rows, and whether any leaf had a weight for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub(super) score: Lanes<f32>,
    pub(super) scored: Lanes<bool>,
}

impl Running {
    pub(super) const START: Self = Self { score: [0.0; LANES], scored: [false; LANES] };

    /// Takes the leaf values of all rows.
    pub(super) fn take_all(&mut self, aggregate: Aggregate, values: &Lanes<f32>) {
        match aggregate {
            Aggregate::Sum | Aggregate::Average => {
                for (score, value) in self.score.iter_mut().zip(values) {
                    *score += value;
                }
            }
            Aggregate::Min | Aggregate::Max => {
                for (lane, &value) in values.iter().enumerate() {
                    self.take(aggregate, lane, value);
                }
            }
        }
    }

    /// Takes the leaf value of one row.
    pub(super) fn take(&mut self, aggregate: Aggregate, lane: usize, value: f32) {
        let (score, scored) = (&mut self.score[lane], &mut self.scored[lane]);
        let replaces = match aggregate {
            Aggregate::Sum | Aggregate::Average => {
                *score += value;
                false
            }
            Aggregate::Min => !*scored || value < *score,
            Aggregate::Max => !*scored || value > *score,
        };
        if replaces {
            *score = value;
        }
        *scored = true;
    }

    /// One row's result, with the base value.
    pub(super) fn finish(&self, aggregate: Aggregate, lane: usize, trees: usize, base: Option<f32>) -> f32 {
        let score = match aggregate {
            Aggregate::Average => self.score[lane] / trees as f32,
            _ => self.score[lane],
        };
        base.map_or(score, |base| score + base)
    }
}
