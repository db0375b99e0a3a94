//! Sums of gradients by feature and bin.

use rayon::prelude::*;

use super::bins::Binned;
use super::lambda::Gradient;

/// Rows times features above which threads share the work. The sums are the same on any number of them: each feature's are made by one.
const SHARED: usize = 1 << 15;

/// Gradients of rows, summed up.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Sum {
    pub(super) slope: f64,
    pub(super) curve: f64,
    pub(super) rows: u32,
}

impl Sum {
    pub(super) fn add(&mut self, gradient: Gradient) {
        self.slope += f64::from(gradient.slope);
        self.curve += f64::from(gradient.curve);
        self.rows += 1;
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { slope: self.slope + other.slope, curve: self.curve + other.curve, rows: self.rows + other.rows }
    }

    /// Without `other`, which is a part of it.
    pub(super) fn minus(self, other: Self) -> Self {
        Self { slope: self.slope - other.slope, curve: self.curve - other.curve, rows: self.rows - other.rows }
    }
}

/// The sums of a leaf's rows: those of a feature's codes stand from `Binned::starts` on.
pub(super) struct Histogram(Vec<Sum>);

impl Histogram {
    /// Of rows with their gradients, for some of the features.
    pub(super) fn new(binned: &Binned, features: &[u32], rows: &[u32], gradients: &[Gradient]) -> Self {
        let mut sums = vec![Sum::default(); binned.starts.last().copied().unwrap_or(0)];
        let mut parts = Vec::with_capacity(features.len());
        let (mut rest, mut begun) = (&mut sums[..], 0);
        // Features come in ascending order.
        for &feature in features {
            let (from, to) = (binned.starts[feature as usize], binned.starts[feature as usize + 1]);
            let (part, others) = rest.split_at_mut(to - begun);
            parts.push((&binned.codes[feature as usize], &mut part[from - begun..]));
            (rest, begun) = (others, to);
        }
        let fill = |(codes, part): (&Vec<u8>, &mut [Sum])| {
            for (&row, &gradient) in rows.iter().zip(gradients) {
                part[usize::from(codes[row as usize])].add(gradient);
            }
        };
        if rows.len() * features.len() >= SHARED {
            parts.into_par_iter().for_each(fill);
        } else {
            parts.into_iter().for_each(fill);
        }
        Self(sums)
    }

    /// What is left without the rows of `other`, which are some of these.
    pub(super) fn without(mut self, other: &Self) -> Self {
        for (sum, other) in self.0.iter_mut().zip(&other.0) {
            *sum = sum.minus(*other);
        }
        self
    }

    /// The sums of a feature, by code.
    pub(super) fn of(&self, binned: &Binned, feature: u32) -> &[Sum] {
        &self.0[binned.starts[feature as usize]..binned.starts[feature as usize + 1]]
    }
}
