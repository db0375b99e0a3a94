//! How sure a mean over users is: bootstrap intervals, and the comparison of two models on the same users.

use serde::Serialize;

use crate::dice::Dice;
use crate::percentile;

/// Resamples of a bootstrap, and sign flips of a test.
const RESAMPLES: usize = 1000;

/// A mean with the interval that holds 95 % of the means of resampled users (percentile bootstrap, Efron 1979; 1,000 resamples).
///
/// ```
/// let measured = torre_report::Interval::of(&[0.0, 1.0, 1.0, 0.0, 1.0], 7);
/// let Some(measured) = measured else { return };
/// assert!((measured.mean - 0.6).abs() < 1e-12 && measured.low < 0.6 && measured.high > 0.6);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Interval {
    /// The mean itself.
    pub mean: f64,
    /// 2.5th percentile of the resampled means.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

impl Interval {
    /// The interval of the mean of these values, one a user; `None` of nothing. The same seed gives the same interval.
    pub fn of(values: &[f64], seed: u64) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let mut dice = Dice::new(seed);
        let mut resampled = || (0..values.len()).map(|_| values[dice.below(values.len())]).sum::<f64>() / values.len() as f64;
        let means: Vec<f64> = (0..RESAMPLES).map(|_| resampled()).collect();
        Some(Self { mean: mean(values), low: percentile(&means, 2.5)?, high: percentile(&means, 97.5)? })
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.4} ({:.4} to {:.4})", self.mean, self.low, self.high)
    }
}

/// Two models measured on the same users: how much the first is better, and how easily that comes about by chance.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Comparison {
    /// Users that both were measured on.
    pub users: usize,
    /// Mean of the differences, first less second, with its interval.
    pub difference: Interval,
    /// Share of sign flips that give a difference as large (paired randomisation test, Fisher 1935; 1,000 flips).
    pub p_value: f64,
}

impl Comparison {
    /// Compares two models, one value a user in the same order; `None` of nothing or of unlike lengths.
    pub fn paired(first: &[f64], second: &[f64], seed: u64) -> Option<Self> {
        if first.len() != second.len() {
            return None;
        }
        let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
        let difference = Interval::of(&differences, seed)?;
        let mut dice = Dice::new(seed ^ 0x5EED);
        let mut flipped = || {
            let (mut sum, mut bits) = (0.0, 0);
            for (at, difference) in differences.iter().enumerate() {
                if at % 64 == 0 {
                    bits = dice.next();
                }
                sum += if bits >> (at % 64) & 1 == 1 { *difference } else { -difference };
            }
            sum / differences.len() as f64
        };
        // As large up to rounding: a difference of nothing is not told from itself.
        let as_large = (0..RESAMPLES).filter(|_| flipped().abs() >= difference.mean.abs() - 1e-12).count();
        Some(Self { users: first.len(), difference, p_value: (as_large as f64 + 1.0) / (RESAMPLES as f64 + 1.0) })
    }

    /// Whether the difference is told from chance at 5 %.
    pub fn is_significant(&self) -> bool {
        self.p_value < 0.05
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    // The sum of zeros begins at -0.0.
    (values.iter().sum::<f64>() + 0.0) / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sample(users: usize, share: f64, seed: u64) -> Vec<f64> {
        let mut dice = Dice::new(seed);
        (0..users).map(|_| f64::from(u8::from((dice.below(1000) as f64) < share * 1000.0))).collect()
    }

    #[test]
    fn intervals_are_those_of_the_normal_distribution_where_there_are_many_users() {
        let values = sample(4000, 0.3, 1);
        let got = Interval::of(&values, 2).unwrap();
        let error = 1.96 * (got.mean * (1.0 - got.mean) / 4000.0).sqrt();
        assert!((got.low - (got.mean - error)).abs() < 0.2 * error, "{got:?} {error}");
        assert!((got.high - (got.mean + error)).abs() < 0.2 * error, "{got:?} {error}");
        assert_eq!(Interval::of(&values, 2), Some(got));
        assert_ne!(Interval::of(&values, 3), Some(got));
        assert_eq!(Interval::of(&[], 2), None);
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        let held =
            (0..200).filter(|&seed| Interval::of(&sample(300, 0.4, 100 + seed), seed).is_some_and(|i| i.low <= 0.4 && 0.4 <= i.high));
        let held = held.count();
        assert!((180..=199).contains(&held), "{held} of 200");
    }

    #[test]
    fn pairs_tell_what_separate_intervals_do_not() {
        let second = sample(500, 0.5, 3);
        let better: Vec<f64> = second.iter().enumerate().map(|(at, x)| if at % 25 == 0 { 1.0 } else { *x }).collect();
        let pair = Comparison::paired(&better, &second, 1).unwrap();
        assert!(pair.is_significant() && pair.difference.low > 0.0, "{pair:?}");
        let (a, b) = (Interval::of(&better, 1).unwrap(), Interval::of(&second, 1).unwrap());
        assert!(a.low < b.high, "apart they overlap");
        let same = Comparison::paired(&second, &second, 1).unwrap();
        assert_eq!((same.p_value, same.difference.mean), (1.0, 0.0));
        assert_eq!(Comparison::paired(&second, &second[1..], 1), None);
    }

    #[test]
    fn chance_is_called_so_about_as_often_as_it_says() {
        let called = (0..200).filter(|&seed| {
            let (a, b) = (sample(200, 0.5, 1000 + seed), sample(200, 0.5, 5000 + seed));
            Comparison::paired(&a, &b, seed).unwrap().is_significant()
        });
        let called = called.count();
        assert!(called <= 22, "{called} of 200 at 5 %");
    }
}
