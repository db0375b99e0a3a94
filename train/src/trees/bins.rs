//! Features in bins: at most 255 of values, and one of what is missing.

use rayon::prelude::*;

use super::table::RankingTable;

/// Where the bins of a feature end: bin `b` holds what is at most `bounds[b]` and above the bound before; the last has no bound. Missing values
/// have the code after it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Bins {
    bounds: Vec<f32>,
}

impl Bins {
    /// Bins of about as many rows each, and one for each value where they are few. `values` may hold NaN, which has no part in it.
    pub(super) fn new(mut values: Vec<f32>, most: usize) -> Self {
        values.retain(|value| !value.is_nan());
        values.par_sort_unstable_by(f32::total_cmp);
        let distinct: Vec<&[f32]> = values.chunk_by(|a, b| a == b).collect();
        let mut bounds = Vec::new();
        let (mut left, mut taken) = (values.len(), 0);
        for pair in distinct.windows(2) {
            taken += pair[0].len();
            let bins = most - bounds.len();
            // A value that fills a bin of its own does not share it with what stands before it.
            let full = taken * bins >= left || pair[1].len() * bins >= left;
            if bins > 1 && (distinct.len() <= most || full) {
                bounds.push(between(pair[0][0], pair[1][0]));
                (left, taken) = (left - taken, 0);
            }
        }
        Self { bounds }
    }

    /// Codes that there are: bins, and that of missing values.
    pub(super) fn codes(&self) -> usize {
        self.bounds.len() + 2
    }

    /// The code of missing values.
    pub(super) fn missing(&self) -> usize {
        self.bounds.len() + 1
    }

    /// What values up to a bin are at most; without end where all values are.
    pub(super) fn bound(&self, bin: usize) -> f32 {
        self.bounds.get(bin).copied().unwrap_or(f32::INFINITY)
    }

    fn code(&self, value: f32) -> u8 {
        let code = if value.is_nan() { self.missing() } else { self.bounds.partition_point(|bound| *bound < value) };
        code as u8
    }
}

/// A number between two, as serving compares: `low <= bound < high`.
fn between(low: f32, high: f32) -> f32 {
    let middle = (f64::midpoint(f64::from(low), f64::from(high))) as f32;
    if middle >= low && middle < high { middle } else { low }
}

/// A table's features as codes.
pub(super) struct Binned {
    /// By feature.
    pub(super) bins: Vec<Bins>,
    /// By feature, a code a row.
    pub(super) codes: Vec<Vec<u8>>,
    /// Where the codes of each feature begin in a histogram of all, and how many there are.
    pub(super) starts: Vec<usize>,
}

impl Binned {
    pub(super) fn new(table: &RankingTable, most: usize) -> Self {
        let width = table.names().len();
        let of_feature = |feature: usize| {
            let column: Vec<f32> = table.values().iter().skip(feature).step_by(width).copied().collect();
            let bins = Bins::new(column.clone(), most);
            let codes: Vec<u8> = column.iter().map(|value| bins.code(*value)).collect();
            (bins, codes)
        };
        let (bins, codes): (Vec<Bins>, Vec<Vec<u8>>) = (0..width).into_par_iter().map(of_feature).unzip();
        let mut starts = vec![0];
        bins.iter().fold(0, |sum, bins| {
            starts.push(sum + bins.codes());
            sum + bins.codes()
        });
        Self { bins, codes, starts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng};

    #[test]
    fn bounds_part_neighbours_as_f32_compares() {
        let next = |x: f32| f32::from_bits(x.to_bits() + 1);
        for (low, high) in [(0.0, 1.0), (1.0, next(1.0)), (f32::NEG_INFINITY, f32::INFINITY), (3.0e38, f32::MAX), (-0.0, f32::from_bits(1))]
        {
            let bound = between(low, high);
            assert!(low <= bound && bound < high, "{low} {bound} {high}");
        }
        assert!(between(f32::MAX, f32::INFINITY) < f32::INFINITY);
    }

    #[test]
    fn every_value_lies_in_its_bin_and_bins_are_even() {
        for (rows, values, most) in
            [(0, 1, 255), (1, 1, 255), (300, 2, 2), (1000, 255, 255), (1000, 256, 255), (5000, 4000, 16), (5000, 4000, 255)]
        {
            let mut rng = Rng::new(3, Purpose::Cases, rows as u64);
            let draw = |_| if rng.below(9) == 0 { f32::NAN } else { rng.below(values) as f32 * 0.25 - 7.0 };
            let column: Vec<f32> = (0..rows).map(draw).collect();
            let bins = Bins::new(column.clone(), most);
            let mut distinct: Vec<f32> = column.iter().copied().filter(|value| !value.is_nan()).collect();
            distinct.sort_unstable_by(f32::total_cmp);
            distinct.dedup();
            assert!(bins.bounds.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(bins.bounds.len() < most.min(distinct.len().max(1)), "{} bounds", bins.bounds.len());
            let mut counts = vec![0usize; bins.codes()];
            for &value in &column {
                let code = usize::from(bins.code(value));
                counts[code] += 1;
                if value.is_nan() {
                    assert_eq!(code, bins.missing());
                } else {
                    assert!(value <= bins.bound(code) && (code == 0 || value > bins.bound(code - 1)));
                }
            }
            if distinct.len() <= most {
                assert_eq!(bins.bounds.len() + 1, distinct.len().max(1));
            } else {
                // Each value comes about equally often, so no bin is much above the mean.
                let mean = rows / most;
                assert!(counts[..bins.missing()].iter().all(|count| *count <= 2 * mean + 10), "{counts:?}");
                assert!(bins.bounds.len() + 1 >= most * 9 / 10, "{} bins of {most}", bins.bounds.len() + 1);
            }
        }
    }
}
