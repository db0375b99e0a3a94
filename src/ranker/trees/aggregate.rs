//! Leaves of many trees into one number a target, in the order and precision of ONNX Runtime: f32, tree after tree, then the base value.

use super::ensemble::Aggregate;

/// The running result of one target for `L` rows, and whether any leaf had a weight for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running<const L: usize> {
    score: [f32; L],
    scored: [bool; L],
}

/// The result of one target for one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    /// Of all leaves, without the base value.
    pub(super) score: f32,
    /// Whether any leaf had a weight for the target.
    pub(super) scored: bool,
}

impl<const L: usize> Running<L> {
    pub(super) const START: Self = Self { score: [0.0; L], scored: [false; L] };

    /// Takes the leaf values of all rows.
    #[inline]
    pub(super) fn take_all(&mut self, aggregate: Aggregate, values: &[f32; L]) {
        if matches!(aggregate, Aggregate::Sum | Aggregate::Average) {
            self.score.iter_mut().zip(values).for_each(|(score, value)| *score += value);
            self.scored = [true; L];
        } else {
            values.iter().enumerate().for_each(|(lane, &value)| self.take(aggregate, lane, value));
        }
    }

    /// Takes the leaf value of one row.
    pub(super) fn take(&mut self, aggregate: Aggregate, lane: usize, value: f32) {
        let (score, scored) = (&mut self.score[lane], &mut self.scored[lane]);
        match aggregate {
            Aggregate::Sum | Aggregate::Average => *score += value,
            Aggregate::Min if *scored && value >= *score => {}
            Aggregate::Max if *scored && value <= *score => {}
            Aggregate::Min | Aggregate::Max => *score = value,
        }
        *scored = true;
    }

    /// One row's result, of so many trees.
    pub(super) fn finish(&self, aggregate: Aggregate, lane: usize, trees: usize) -> Tally {
        let score = if aggregate == Aggregate::Average { self.score[lane] / trees as f32 } else { self.score[lane] };
        Tally { score, scored: self.scored[lane] }
    }
}

impl Tally {
    /// The score with the base value of its target, where there is one.
    pub(super) fn with_base(self, base: Option<&f32>) -> f32 {
        base.map_or(self.score, |base| self.score + base)
    }
}
