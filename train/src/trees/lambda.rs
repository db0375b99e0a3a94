//! The gradients of LambdaRank (Burges 2010, "From RankNet to LambdaRank to LambdaMART: an overview"), of groups of candidates.
//!
//! A pair of which one has the higher grade costs `log(1 + e^(low - high))` of its scores, weighted by what NDCG would change if both swapped
//! places. As in LightGBM the weight is divided by 0.01 + the difference of the scores, and the gradients of a group by the sum of their
//! lengths over its logarithm, so that no group outweighs the others.

use rayon::prelude::*;

use super::gain::{discount, gain, ideal, order};
use super::table::RankingTable;

/// First and second derivative of the cost by a row's score.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Gradient {
    pub(super) slope: f32,
    pub(super) curve: f32,
}

/// Gradients of all groups of a table.
pub(super) struct Lambdas<'t> {
    table: &'t RankingTable,
    truncation: usize,
    /// By group: what the best order gains; 0 where there is nothing to learn.
    ideal: Vec<f64>,
    discounts: Vec<f64>,
}

impl<'t> Lambdas<'t> {
    pub(super) fn new(table: &'t RankingTable, truncation: usize) -> Self {
        let ideal = table.ranges().map(|rows| ideal(&table.grades()[rows], truncation)).collect();
        let longest = table.ranges().map(|rows| rows.len()).max().unwrap_or(0);
        Self { table, truncation, ideal, discounts: (0..longest).map(discount).collect() }
    }

    /// Puts the gradients at these scores into `into`, a row each.
    pub(super) fn at(&self, scores: &[f32], into: &mut [Gradient]) {
        let mut groups = Vec::with_capacity(self.ideal.len());
        let mut rest = into;
        for (rows, ideal) in self.table.ranges().zip(&self.ideal) {
            let (of_group, others) = rest.split_at_mut(rows.len());
            groups.push((rows, *ideal, of_group));
            rest = others;
        }
        groups.into_par_iter().with_min_len(16).for_each_init(
            || (Vec::new(), Vec::new()),
            |(places, sums), (rows, ideal, into)| {
                into.fill(Gradient::default());
                if ideal > 0.0 {
                    order(&scores[rows.clone()], places);
                    let group = Group { scores: &scores[rows.clone()], grades: &self.table.grades()[rows], places, ideal };
                    self.group(&group, sums, into);
                }
            },
        );
    }

    /// The gradients of one group, in f64 until its pairs are summed up in `sums`.
    fn group(&self, group: &Group<'_>, sums: &mut Vec<(f64, f64)>, into: &mut [Gradient]) {
        let Group { scores, grades, places, ideal } = *group;
        sums.clear();
        sums.resize(scores.len(), (0.0, 0.0));
        let spread = match (places.first(), places.last()) {
            (Some(&best), Some(&worst)) => scores[best as usize] != scores[worst as usize],
            _ => false,
        };
        let mut total = 0.0;
        for (i, &upper) in places.iter().enumerate().take(self.truncation) {
            let upper = upper as usize;
            for (j, &lower) in places.iter().enumerate().skip(i + 1) {
                let lower = lower as usize;
                if grades[upper] == grades[lower] {
                    continue;
                }
                let (high, low) = if grades[upper] > grades[lower] { (upper, lower) } else { (lower, upper) };
                let apart = f64::from(scores[high]) - f64::from(scores[low]);
                let mut weight = (gain(grades[high]) - gain(grades[low])) * (self.discounts[i] - self.discounts[j]) / ideal;
                if spread {
                    weight /= 0.01 + apart.abs();
                }
                // The chance, by the scores, that the pair stands the wrong way.
                let wrong = 1.0 / (1.0 + apart.exp());
                let (slope, curve) = (wrong * weight, wrong * (1.0 - wrong) * weight);
                sums[high].0 -= slope;
                sums[low].0 += slope;
                sums[high].1 += curve;
                sums[low].1 += curve;
                total += 2.0 * slope;
            }
        }
        let scale = if total > 0.0 { (1.0 + total).log2() / total } else { 1.0 };
        for (into, (slope, curve)) in into.iter_mut().zip(sums) {
            *into = Gradient { slope: (*slope * scale) as f32, curve: (*curve * scale) as f32 };
        }
    }
}

/// A group, and the order of its rows by their scores.
#[derive(Clone, Copy)]
struct Group<'g> {
    scores: &'g [f32],
    grades: &'g [u8],
    places: &'g [u32],
    ideal: f64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rng::{Purpose, Rng};

    /// Scores and grades of one group.
    fn drawn(rows: usize, seed: u64) -> (Vec<f32>, Vec<u8>) {
        let mut rng = Rng::new(seed, Purpose::Cases, rows as u64);
        // Few values, so that there are ties, and now and then all the same.
        let values = rng.below(6) + 1;
        let scores = (0..rows).map(|_| rng.below(values) as f32 * 0.5 - 1.0).collect();
        (scores, (0..rows).map(|_| rng.below(3) as u8).collect())
    }

    fn gradients(scores: &[f32], grades: &[u8], truncation: usize) -> Vec<Gradient> {
        let mut table = RankingTable::new(vec!["x".into()]).unwrap();
        table.push(&vec![0.0; grades.len()], grades).unwrap();
        let mut into = vec![Gradient { slope: 9.0, curve: 9.0 }; grades.len()];
        Lambdas::new(&table, truncation).at(scores, &mut into);
        into
    }

    /// The place of each row, by counting those before it.
    fn place(scores: &[f32], row: usize) -> usize {
        (0..scores.len()).filter(|&other| scores[other] > scores[row] || (scores[other] == scores[row] && other < row)).count()
    }

    /// The weight of every pair as the formula says it, rows by rows: (better row, worse row, weight).
    fn weights(scores: &[f32], grades: &[u8], truncation: usize) -> Vec<(usize, usize, f64)> {
        let mut sorted = grades.to_vec();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let gain = |grade: u8| 2f64.powi(i32::from(grade)) - 1.0;
        let ideal: f64 = sorted.iter().take(truncation).enumerate().map(|(at, g)| gain(*g) / (at as f64 + 2.0).log2()).sum();
        let spread = scores.iter().any(|score| *score != scores[0]);
        let mut pairs = Vec::new();
        for a in 0..scores.len() {
            for b in 0..scores.len() {
                let (at_a, at_b) = (place(scores, a), place(scores, b));
                if grades[a] > grades[b] && at_a.min(at_b) < truncation {
                    let swap = (1.0 / (at_a as f64 + 2.0).log2() - 1.0 / (at_b as f64 + 2.0).log2()).abs();
                    let weight = (gain(grades[a]) - gain(grades[b])) * swap / ideal;
                    let apart = (f64::from(scores[a]) - f64::from(scores[b])).abs();
                    pairs.push((a, b, if spread { weight / (0.01 + apart) } else { weight }));
                }
            }
        }
        pairs
    }

    #[test]
    fn gradients_are_those_of_all_pairs_and_of_finite_differences() {
        for (rows, truncation) in [(0, 5), (1, 5), (2, 1), (3, 2), (7, 20), (40, 3), (65, 20)] {
            for seed in 0..20 {
                let (scores, grades) = drawn(rows, seed);
                let got = gradients(&scores, &grades, truncation);
                let pairs = weights(&scores, &grades, truncation);
                let wrong = |a: usize, b: usize| 1.0 / (1.0 + (f64::from(scores[a]) - f64::from(scores[b])).exp());
                let lengths: f64 = pairs.iter().map(|&(a, b, weight)| 2.0 * weight * wrong(a, b)).sum();
                let scale = if lengths > 0.0 { (1.0 + lengths).log2() / lengths } else { 1.0 };
                // The cost with the weights held fast, as a function of the scores.
                let cost = |scores: &[f64]| -> f64 {
                    pairs.iter().map(|&(a, b, weight)| scale * weight * (1.0 + (scores[b] - scores[a]).exp()).ln()).sum()
                };
                for row in 0..rows {
                    let (mut slope, mut curve) = (0.0, 0.0);
                    for &(a, b, weight) in &pairs {
                        let sign = if row == a {
                            -1.0
                        } else if row == b {
                            1.0
                        } else {
                            0.0
                        };
                        slope += sign * scale * weight * wrong(a, b);
                        curve += sign * sign * scale * weight * wrong(a, b) * (1.0 - wrong(a, b));
                    }
                    assert!((f64::from(got[row].slope) - slope).abs() < 1e-6 * (1.0 + slope.abs()), "{rows} {seed} {row}");
                    assert!((f64::from(got[row].curve) - curve).abs() < 1e-6 * (1.0 + curve.abs()));
                    let moved = |by: f64| {
                        let mut at: Vec<f64> = scores.iter().map(|&score| f64::from(score)).collect();
                        at[row] += by;
                        cost(&at)
                    };
                    let h = 1e-4;
                    let (up, down) = (moved(h), moved(-h));
                    assert!(((up - down) / (2.0 * h) - slope).abs() < 1e-5, "the slope of row {row}");
                    assert!(((up + down - 2.0 * moved(0.0)) / (h * h) - curve).abs() < 1e-3, "the curve of row {row}");
                }
            }
        }
    }

    #[test]
    fn a_group_without_a_difference_has_no_gradient() {
        for grades in [vec![], vec![1], vec![0; 5], vec![2; 5]] {
            let scores: Vec<f32> = (0..grades.len()).map(|x| x as f32).collect();
            assert!(gradients(&scores, &grades, 10).iter().all(|gradient| *gradient == Gradient::default()));
        }
        // Scores far apart do not overflow.
        let far = gradients(&[-3e38, 3e38], &[1, 0], 10);
        assert!(far.iter().all(|gradient| gradient.slope.is_finite() && gradient.curve.is_finite()));
    }
}
