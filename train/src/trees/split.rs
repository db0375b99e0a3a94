//! The best way to part the rows of a leaf in two.

use super::bins::Binned;
use super::histogram::{Histogram, Sum};

/// The least sum of second derivatives that a leaf has to have.
const CURVE: f64 = 1e-3;

/// What splits have to keep to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) min_leaf: usize,
    pub(super) l2: f64,
}

impl Rule {
    /// How much lower the cost gets if these rows have a leaf of their own (up to a factor of a half).
    fn worth(self, sum: Sum) -> f64 {
        sum.slope * sum.slope / (sum.curve + self.l2)
    }

    /// What such a leaf adds to the scores: Newton's step.
    pub(super) fn step(self, sum: Sum) -> f64 {
        let curve = sum.curve + self.l2;
        if curve > 0.0 { -sum.slope / curve } else { 0.0 }
    }

    fn allows(self, sum: Sum) -> bool {
        sum.rows as usize >= self.min_leaf && sum.curve >= CURVE
    }
}

/// Rows with values up to a bin go left, others right, and missing ones where it is better.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Split {
    pub(super) feature: u32,
    /// The last bin that goes left.
    pub(super) bin: usize,
    pub(super) missing_left: bool,
    pub(super) gain: f64,
    pub(super) left: Sum,
    pub(super) right: Sum,
}

impl Split {
    /// Whether a code goes left.
    pub(super) fn goes_left(&self, code: usize, missing: usize) -> bool {
        if code == missing { self.missing_left } else { code <= self.bin }
    }
}

/// The best split of a leaf by some of the features; the first one of several that are equally good.
pub(super) fn best(binned: &Binned, histogram: &Histogram, features: &[u32], total: Sum, rule: Rule) -> Option<Split> {
    let mut best: Option<Split> = None;
    for &feature in features {
        let sums = histogram.of(binned, feature);
        let Some((&missing, values)) = sums.split_last() else { continue };
        let mut low = Sum::default();
        for (bin, sum) in values.iter().enumerate() {
            low = low.plus(*sum);
            if sum.rows == 0 {
                continue;
            }
            // Where nothing is missing, what will be goes with the larger part.
            let sides: &[bool] = if missing.rows > 0 { &[false, true] } else { &[low.rows * 2 >= total.rows] };
            for &missing_left in sides {
                let left = if missing_left { low.plus(missing) } else { low };
                if left.rows >= total.rows {
                    continue;
                }
                let right = total.minus(left);
                if !rule.allows(left) || !rule.allows(right) {
                    continue;
                }
                let gain = rule.worth(left) + rule.worth(right) - rule.worth(total);
                if gain > best.map_or(0.0, |best| best.gain) {
                    best = Some(Split { feature, bin, missing_left, gain, left, right });
                }
            }
        }
    }
    best
}
