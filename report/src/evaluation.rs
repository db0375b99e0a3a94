//! Quality of recommendations against held-out choices: recall, nDCG, hit rate, average precision, reciprocal rank, coverage.
//!
//! Definitions (binary relevance, a mean over the users that have anything relevant):
//! - recall@k: relevant items among the first k hits, over all relevant items.
//! - nDCG@k: sum of 1 / log2(place + 1) over the relevant hits at places 1..k, over the same sum for min(k, relevant) leading places
//!   (Järvelin and Kekäläinen 2002).
//! - hit rate@k: share of users with a relevant item among the first k hits.
//! - MAP@k: mean average precision: the mean, over min(k, relevant), of the precision at the place of each relevant hit.
//! - MRR: mean of 1 / place of the first relevant hit, 0 where there is none among the hits given.
//! - intra-list distance: the mean over lists of what two of the first k hits of a list are apart on average (k the largest asked for), 1 minus
//!   the cosine of their vectors (Ziegler and others 2005).
//! - coverage: distinct items among the first k hits of all users (k the largest asked for), over the items of the collection.

use std::collections::HashSet;

use serde::Serialize;

use crate::gain::{average_precision, hit_rate, ndcg, recall, reciprocal_rank};
use crate::{Cutoff, Cutoffs, intra_list_distance};

/// Adds up the users' rankings.
///
/// ```
/// let mut evaluation = torre_report::Evaluation::new(&[1, 2]);
/// evaluation.add(&["tent", "boots"], &["boots".to_owned()]);
/// let report = evaluation.report(10);
/// assert_eq!((report.cutoffs.at(1).recall, report.cutoffs.at(2).recall), (Some(0.0), Some(1.0)));
/// assert_eq!((report.mrr, report.coverage), (Some(0.5), Some(0.2)));
/// ```
#[derive(Clone, Debug)]
pub struct Evaluation {
    ks: Vec<usize>,
    users: usize,
    without_relevant: usize,
    recall: Vec<f64>,
    ndcg: Vec<f64>,
    hit: Vec<f64>,
    precision: Vec<f64>,
    reciprocal: f64,
    /// Intra-list distances, and their number.
    apart: (f64, usize),
    shown: HashSet<String>,
}

/// What an evaluation found; the means are `None` where no user had anything relevant.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// Users that count: those with relevant items.
    pub users: usize,
    /// Users passed over because nothing was relevant to them.
    pub users_without_relevant: usize,
    /// Recall, nDCG, hit rate and MAP at each cut-off.
    #[serde(flatten)]
    pub cutoffs: Cutoffs,
    /// Mean reciprocal rank.
    pub mrr: Option<f64>,
    /// How far the hits of a list are apart; `None` where no list was measured.
    pub intra_list_distance: Option<f64>,
    /// Share of the items that somebody was shown.
    pub coverage: Option<f64>,
}

impl Evaluation {
    /// `ks`: the cut-offs to report at.
    pub fn new(ks: &[usize]) -> Self {
        let mut ks = ks.to_vec();
        ks.sort_unstable();
        ks.dedup();
        let zeros = vec![0.0; ks.len()];
        Self {
            ks,
            users: 0,
            without_relevant: 0,
            recall: zeros.clone(),
            ndcg: zeros.clone(),
            hit: zeros.clone(),
            precision: zeros,
            reciprocal: 0.0,
            apart: (0.0, 0),
            shown: HashSet::new(),
        }
    }

    /// Hits to ask for: the largest cut-off.
    pub fn depth(&self) -> usize {
        self.ks.iter().copied().max().unwrap_or(0)
    }

    /// Adds one user: `hits` best first.
    pub fn add<S: AsRef<str>>(&mut self, hits: &[S], relevant: &[String]) {
        let relevant: HashSet<&str> = relevant.iter().map(String::as_str).collect();
        if relevant.is_empty() {
            self.without_relevant += 1;
            return;
        }
        self.users += 1;
        let hits = &hits[..hits.len().min(self.depth())];
        let found: Vec<bool> = hits.iter().map(|id| relevant.contains(id.as_ref())).collect();
        for (at, &k) in self.ks.iter().enumerate() {
            self.recall[at] += recall(&found, relevant.len(), k);
            self.ndcg[at] += ndcg(&found, relevant.len(), k);
            self.hit[at] += hit_rate(&found, k);
            self.precision[at] += average_precision(&found, relevant.len(), k);
        }
        self.reciprocal += reciprocal_rank(&found);
        for id in hits {
            if !self.shown.contains(id.as_ref()) {
                self.shown.insert(id.as_ref().to_owned());
            }
        }
    }

    /// Adds the vectors of one user's hits, best first, for the intra-list distance; they may be those of a sample of the users.
    pub fn add_list<V: AsRef<[f32]>>(&mut self, hits: &[V]) {
        if let Some(apart) = intra_list_distance(&hits[..hits.len().min(self.depth())]) {
            self.apart = (self.apart.0 + apart, self.apart.1 + 1);
        }
    }

    /// The measures at each cut-off.
    pub fn cutoffs(&self) -> Cutoffs {
        let at = |(at, &k): (usize, &usize)| Cutoff {
            k,
            recall: self.mean(self.recall[at]),
            ndcg: self.mean(self.ndcg[at]),
            hit_rate: self.mean(self.hit[at]),
            map: self.mean(self.precision[at]),
        };
        Cutoffs(self.ks.iter().enumerate().map(at).collect())
    }

    fn mean(&self, sum: f64) -> Option<f64> {
        (self.users > 0).then(|| sum / self.users as f64)
    }

    /// The report; `items` is the number of items in the collection.
    pub fn report(&self, items: usize) -> Report {
        Report {
            users: self.users,
            users_without_relevant: self.without_relevant,
            cutoffs: self.cutoffs(),
            mrr: self.mean(self.reciprocal),
            intra_list_distance: (self.apart.1 > 0).then(|| self.apart.0 / self.apart.1 as f64),
            coverage: (items > 0 && self.users > 0).then(|| self.shown.len() as f64 / items as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn near(a: Option<f64>, b: f64) {
        assert!((a.unwrap() - b).abs() < 1e-12, "{a:?} is not {b}");
    }

    fn texts(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|&x| x.to_owned()).collect()
    }

    #[test]
    fn metrics_of_two_users_by_hand() {
        let mut e = Evaluation::new(&[4, 2, 4]);
        assert_eq!(e.depth(), 4);
        e.add(&["a", "b", "c", "d"], &texts(&["b", "d", "x"]));
        e.add(&["a", "q", "r", "s"], &texts(&["s"]));
        let r = e.report(8);
        assert_eq!((r.users, r.users_without_relevant), (2, 0));
        near(r.cutoffs.at(2).recall, (1.0 / 3.0 + 0.0) / 2.0);
        near(r.cutoffs.at(4).recall, (2.0 / 3.0 + 1.0) / 2.0);
        near(r.cutoffs.at(2).hit_rate, 0.5);
        near(r.cutoffs.at(4).hit_rate, 1.0);
        let (l3, l4, l5) = (1.0 / 3f64.log2(), 1.0 / 4f64.log2(), 1.0 / 5f64.log2());
        near(r.cutoffs.at(2).ndcg, (l3 / (1.0 + l3)) / 2.0);
        near(r.cutoffs.at(4).ndcg, ((l3 + l5) / (1.0 + l3 + l4) + l5) / 2.0);
        near(r.mrr, (0.5 + 0.25) / 2.0);
        near(r.coverage, 7.0 / 8.0);
    }

    #[test]
    fn users_without_relevant_items_do_not_count() {
        let mut e = Evaluation::new(&[1]);
        e.add(&["a"], &[]);
        let r = e.report(1);
        assert_eq!((r.users, r.users_without_relevant), (0, 1));
        assert_eq!((r.cutoffs.at(1).recall, r.mrr, r.coverage), (None, None, None));
    }

    #[test]
    fn repeated_relevant_ids_count_once_and_extra_hits_not_at_all() {
        let mut e = Evaluation::new(&[2]);
        e.add(&["a", "b", "c"], &texts(&["a", "a", "c"]));
        let r = e.report(3);
        near(r.cutoffs.at(2).recall, 0.5);
        near(r.coverage, 2.0 / 3.0);
    }
}
