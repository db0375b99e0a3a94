//! The measures of each user, kept apart: for intervals, segments and comparisons.

use std::collections::HashSet;
use std::hash::Hash;

use serde::Serialize;

use crate::gain::{average_precision, hit_rate, ndcg, recall, reciprocal_rank};
use crate::interval::mean;
use crate::{Comparison, Interval};

/// A measure among the first k hits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Share of the relevant items that are found.
    Recall,
    /// Normalised discounted cumulative gain.
    Ndcg,
    /// Share of the users of whom anything relevant is found.
    HitRate,
    /// Mean average precision.
    Map,
    /// Mean reciprocal rank.
    Mrr,
}

impl Measure {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Recall, Self::Ndcg, Self::HitRate, Self::Map, Self::Mrr];

    /// As reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::Ndcg => "ndcg",
            Self::HitRate => "hit_rate",
            Self::Map => "map",
            Self::Mrr => "mrr",
        }
    }
}

/// What one model scores with each user, at one cut-off. A user without relevant items has no score.
///
/// ```
/// use torre_report::{Measure, Scores};
/// let mut scores = Scores::new(2);
/// scores.add(&["tent", "boots"], &["boots"]);
/// scores.add(&["tent", "boots"], &[]);
/// assert_eq!((scores.users(), scores.mean(Measure::Recall), scores.mean(Measure::Mrr)), (1, Some(1.0), Some(0.5)));
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Scores {
    k: usize,
    /// By user as added; by [`Measure::ALL`].
    users: Vec<Option<[f64; 5]>>,
}

impl Scores {
    /// No users yet; `k` hits count.
    pub fn new(k: usize) -> Self {
        Self { k, users: Vec::new() }
    }

    /// Adds a user: hits best first, and what was relevant, in any order. One without anything relevant is remembered without a score.
    pub fn add<I: Eq + Hash>(&mut self, hits: &[I], relevant: &[I]) {
        let relevant: HashSet<&I> = relevant.iter().collect();
        let found: Vec<bool> = hits.iter().take(self.k).map(|hit| relevant.contains(hit)).collect();
        let (all, k) = (relevant.len(), self.k);
        let scores =
            [recall(&found, all, k), ndcg(&found, all, k), hit_rate(&found, k), average_precision(&found, all, k), reciprocal_rank(&found)];
        self.users.push((all > 0).then_some(scores));
    }

    /// Hits that count.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Users that have a score.
    pub fn users(&self) -> usize {
        self.users.iter().flatten().count()
    }

    /// The measure of each user that has one, in the order added.
    pub fn values(&self, measure: Measure) -> Vec<f64> {
        self.users.iter().flatten().map(|scores| scores[measure as usize]).collect()
    }

    /// The mean over the users; `None` without any.
    pub fn mean(&self, measure: Measure) -> Option<f64> {
        let values = self.values(measure);
        (!values.is_empty()).then(|| mean(&values))
    }

    /// The mean with its bootstrap interval.
    pub fn interval(&self, measure: Measure, seed: u64) -> Option<Interval> {
        Interval::of(&self.values(measure), seed)
    }

    /// How much these scores are above those of another model on the same users, added in the same order: over the users that both have
    /// scores of.
    pub fn compare(&self, other: &Self, measure: Measure, seed: u64) -> Option<Comparison> {
        let pairs = self.users.iter().zip(&other.users).filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?)));
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.map(|(a, b)| (a[measure as usize], b[measure as usize])).unzip();
        Comparison::paired(&a, &b, seed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Evaluation;

    #[test]
    fn means_are_those_of_an_evaluation() {
        let users: [(&[&str], &[&str]); 4] =
            [(&["a", "b", "c", "d"], &["b", "d", "x"]), (&["a", "q", "r", "s"], &["s"]), (&["a"], &[]), (&["a", "b"], &["b", "b"])];
        let (mut scores, mut evaluation) = (Scores::new(4), Evaluation::new(&[4]));
        for (hits, relevant) in users {
            scores.add(hits, relevant);
            evaluation.add(hits, &relevant.iter().map(|&id| id.to_owned()).collect::<Vec<_>>());
        }
        let (report, at) = (evaluation.report(9), evaluation.cutoffs().at(4));
        assert_eq!(scores.users(), report.users);
        let evaluated = [at.recall, at.ndcg, at.hit_rate, at.map, report.mrr];
        for (measure, evaluated) in Measure::ALL.into_iter().zip(evaluated) {
            assert!((scores.mean(measure).unwrap() - evaluated.unwrap()).abs() < 1e-12, "{}", measure.name());
        }
    }

    #[test]
    fn models_are_compared_on_the_users_that_both_have() {
        let (mut a, mut b) = (Scores::new(1), Scores::new(1));
        for user in 0..40_u32 {
            let relevant = if user == 7 { vec![] } else { vec![1] };
            a.add(&[1], &relevant);
            b.add(&[user % 2], &relevant);
        }
        let compared = a.compare(&b, Measure::HitRate, 1).unwrap();
        assert_eq!(compared.users, 39);
        assert!((compared.difference.mean - 20.0 / 39.0).abs() < 1e-12 && compared.is_significant());
    }
}
