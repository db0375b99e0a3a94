//! The power of two by which a quantizer multiplies vectors, so that all that f32 squares and sums lies around 1 whatever unit the
//! vectors came in: squares of 1e-20 are no longer whole numbers of anything, and f16 ends at 65,504. A power of two changes no digit.

use std::borrow::Cow;

use super::Quantizer;
use crate::types::Metric;
use crate::vector::{LONGEST, LONGEST_EXPONENT, Matrix, length};

/// Typical lengths between these powers of two are left as they are: f32 and f16 do as well there as anywhere.
const LEAST: i32 = -8;
const MOST: i32 = 12;
/// The largest exponent either way: the least f32 is 2^-149.
pub(super) const EXPONENT_MAX: i16 = 160;
/// Elements up to here cannot add up to [`LONGEST`] in any width.
const SURELY_SHORT: f32 = (1u64 << 48) as f32;
/// Inner products of queries with elements up to here in size keep all their digits.
const FAINT: f32 = 1.0 / (1u64 << 40) as f32;

/// What a sample says about vectors' lengths.
pub(super) struct Lengths {
    /// Of every vector.
    pub(super) all: Vec<f64>,
    /// Half of those that are not zero are no longer: no single vector, however long, moves it far.
    pub(super) median: f64,
}

impl Lengths {
    pub(super) fn of(vectors: &Matrix) -> Self {
        let all: Vec<f64> = vectors.iter().map(length).collect();
        let mut some: Vec<f64> = all.iter().copied().filter(|&length| length > 0.0).collect();
        let middle = some.len() / 2;
        let median = if some.is_empty() { 0.0 } else { *some.select_nth_unstable_by(middle, f64::total_cmp).1 };
        Self { all, median }
    }

    /// The exponent that brings vectors like these near length 1; 0 where they are not far from it.
    pub(super) fn exponent(&self) -> i16 {
        if self.median == 0.0 {
            return 0;
        }
        let log = exponent_of(self.median);
        if (LEAST..=MOST).contains(&log) { 0 } else { (-log) as i16 }
    }
}

/// The exponent of a positive number: it is from 2 to this power up to twice as much.
pub(crate) fn exponent_of(x: f64) -> i32 {
    (x.to_bits() >> 52 & 0x7ff) as i32 - 1023
}

/// Multiplies by a power of two, in f64: neither the power nor the product needs to be an f32 number halfway.
pub(crate) fn times(values: &mut [f32], exponent: i32) {
    let factor = f64::from(exponent).exp2();
    values.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
}

/// The largest size of an element.
pub(crate) fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, x| if x.abs() > most { x.abs() } else { most })
}

impl Quantizer {
    /// Brings vectors into the quantizer's scale, as it assigns, encodes and indexes them. A vector that is too long even there, which is
    /// 2^44 times as long as usual, keeps its direction.
    pub(crate) fn carry(&self, vectors: &mut Matrix) {
        carry(vectors, self.exponent);
    }

    /// The same for one vector.
    pub(crate) fn carry_row(&self, vector: &mut [f32]) {
        carry_row(vector, self.exponent);
    }

    /// A query in the quantizer's scale, and what its scores are to be multiplied with.
    pub(crate) fn carry_query<'q>(&self, query: &'q [f32]) -> (Cow<'q, [f32]>, f64) {
        let exponent = i32::from(self.exponent);
        let most = match self.metric {
            Metric::Cosine => return (Cow::Borrowed(query), 1.0),
            Metric::L2 if exponent == 0 => return (Cow::Borrowed(query), 1.0),
            Metric::InnerProduct | Metric::L2 => largest(query),
        };
        // An inner product does not mind a scale of the query's own. Beside a query that is too long for the vectors' scale they are as
        // good as zero under L2, and in a scale of its own too.
        let own = match self.metric {
            Metric::L2 if most > 0.0 => exponent.min(LONGEST_EXPONENT - 1 - exponent_of(length(query))),
            Metric::L2 => exponent,
            _ if most == 0.0 || (FAINT..=SURELY_SHORT).contains(&most) => 0,
            _ => -exponent_of(f64::from(most)),
        };
        let back = if self.metric == Metric::L2 { 2 * own } else { exponent + own };
        let back = f64::from(-back).exp2();
        if own == 0 {
            return (Cow::Borrowed(query), back);
        }
        let mut scaled = query.to_vec();
        times(&mut scaled, own);
        (Cow::Owned(scaled), back)
    }
}

pub(super) fn carry(vectors: &mut Matrix, exponent: i16) {
    if exponent == 0 && largest(vectors.as_slice()) <= SURELY_SHORT {
        return;
    }
    let dim = vectors.dim().max(1);
    vectors.as_mut_slice().chunks_exact_mut(dim).for_each(|vector| carry_row(vector, exponent));
}

fn carry_row(vector: &mut [f32], exponent: i16) {
    let length = length(vector);
    let mut exponent = i32::from(exponent);
    if length * f64::from(exponent).exp2() > LONGEST {
        exponent = LONGEST_EXPONENT - 1 - exponent_of(length);
    }
    if exponent != 0 {
        times(vector, exponent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_follows_the_middle_and_no_extreme() {
        for (scale, log) in [(1.0, 0), (300.0, 0), (1e-20, 66), (1e-30, 99), (1e-38, 126), (1e15, -50)] {
            let mut values: Vec<f32> = (0..100).flat_map(|_| [scale, 0.0]).collect();
            values.extend([0.0, 0.0, 7e16, 0.0, 1e-45, 0.0]);
            let mut vectors = Matrix::from_vec(2, values).unwrap();
            let exponent = Lengths::of(&vectors).exponent();
            assert!((i32::from(exponent) - log).abs() <= 1, "{scale:e}: {exponent}");
            carry(&mut vectors, exponent);
            assert!(exponent == 0 || (1.0..2.0).contains(&vectors.row(0)[0]), "{scale:e}");
            assert!(vectors.iter().all(|vector| length(vector) <= LONGEST));
            let mut back = vectors.row(0).to_vec();
            times(&mut back, -i32::from(exponent));
            assert_eq!(back, [scale, 0.0]);
        }
        assert_eq!(Lengths::of(&Matrix::zeros(2, 5)).exponent(), 0);
        assert_eq!(Lengths::of(&Matrix::new(2)).exponent(), 0);
    }
}
