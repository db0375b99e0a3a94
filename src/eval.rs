//! Quality of recommendations against held-out choices: recall, nDCG, hit rate, reciprocal rank, coverage.
//!
//! Definitions (binary relevance, a mean over the users that have anything relevant):
//! - recall@k: relevant items among the first k hits, over all relevant items.
//! - nDCG@k: sum of 1 / log2(place + 1) over the relevant hits at places 1..k, over the same sum for min(k, relevant) leading places
//!   (Järvelin and Kekäläinen 2002).
//! - hit rate@k: share of users with a relevant item among the first k hits.
//! - MRR: mean of 1 / place of the first relevant hit, 0 where there is none among the hits given.
//! - coverage: distinct items among the first k hits of all users (k the largest asked for), over the items of the collection.

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;

use serde::{Deserialize, Serialize};

/// A line of an evaluation file: who asks, what is left out of the answer, and what the user really chose.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub(crate) struct EvalCase {
    /// The raw user row.
    pub(crate) user: serde_json::Map<String, serde_json::Value>,
    /// Ids to exclude.
    #[serde(default, deserialize_with = "ids")]
    pub(crate) seen: Vec<String>,
    /// Ids that should be found.
    #[serde(deserialize_with = "ids")]
    pub(crate) relevant: Vec<String>,
    /// The line of the file, from 1.
    #[serde(skip)]
    pub(crate) line: u64,
}

/// Why an evaluation file cannot be used.
#[derive(thiserror::Error, Debug)]
#[error("line {line}: {what}")]
pub(crate) struct EvalFileError {
    /// From 1.
    pub(crate) line: u64,
    pub(crate) what: String,
}

/// Ids as text or integers; an integer is its decimal text, as everywhere.
fn ids<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Signed(i64),
        Unsigned(u64),
    }
    let ids = Vec::<Id>::deserialize(from)?;
    Ok(ids
        .into_iter()
        .map(|id| match id {
            Id::Text(text) => text,
            Id::Signed(number) => number.to_string(),
            Id::Unsigned(number) => number.to_string(),
        })
        .collect())
}

/// Reads `{user, seen, relevant}` lines; blank lines are passed over.
pub(crate) fn read_cases(from: impl BufRead) -> Result<Vec<EvalCase>, EvalFileError> {
    let mut cases = Vec::new();
    for (line, text) in (1..).zip(from.lines()) {
        let text = text.map_err(|e| EvalFileError { line, what: e.to_string() })?;
        if text.trim().is_empty() {
            continue;
        }
        let case: EvalCase =
            serde_json::from_str(&text).map_err(|e| EvalFileError { line, what: format!("expected {{user, seen, relevant}}: {e}") })?;
        cases.push(EvalCase { line, ..case });
    }
    Ok(cases)
}

/// Adds up the users' rankings.
#[derive(Clone, Debug)]
pub(crate) struct Evaluation {
    ks: Vec<usize>,
    users: usize,
    without_relevant: usize,
    recall: Vec<f64>,
    ndcg: Vec<f64>,
    hit: Vec<f64>,
    reciprocal: f64,
    shown: HashSet<String>,
    micros: Vec<f64>,
}

/// What an evaluation found; the means are `None` where no user had anything relevant.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Report {
    /// Users that count: those with relevant items.
    pub(crate) users: usize,
    /// Users passed over because nothing was relevant to them.
    pub(crate) users_without_relevant: usize,
    pub(crate) recall: BTreeMap<usize, Option<f64>>,
    pub(crate) ndcg: BTreeMap<usize, Option<f64>>,
    pub(crate) hit_rate: BTreeMap<usize, Option<f64>>,
    pub(crate) mrr: Option<f64>,
    pub(crate) coverage: Option<f64>,
    pub(crate) p50_micros: Option<f64>,
    pub(crate) p99_micros: Option<f64>,
}

impl Evaluation {
    /// `ks`: the cut-offs to report at.
    pub(crate) fn new(ks: &[usize]) -> Self {
        let zeros = vec![0.0; ks.len()];
        Self {
            ks: ks.to_vec(),
            users: 0,
            without_relevant: 0,
            recall: zeros.clone(),
            ndcg: zeros.clone(),
            hit: zeros,
            reciprocal: 0.0,
            shown: HashSet::new(),
            micros: Vec::new(),
        }
    }

    /// Hits to ask for: the largest cut-off.
    pub(crate) fn depth(&self) -> usize {
        self.ks.iter().copied().max().unwrap_or(0)
    }

    /// Adds one user: `hits` best first, `micros` what the query took.
    pub(crate) fn add<S: AsRef<str>>(&mut self, hits: &[S], relevant: &[String], micros: f64) {
        let relevant: HashSet<&str> = relevant.iter().map(String::as_str).collect();
        if relevant.is_empty() {
            self.without_relevant += 1;
            return;
        }
        self.users += 1;
        self.micros.push(micros);
        let hits = &hits[..hits.len().min(self.depth())];
        let found: Vec<bool> = hits.iter().map(|id| relevant.contains(id.as_ref())).collect();
        for (at, &k) in self.ks.iter().enumerate() {
            self.recall[at] += recall(&found, relevant.len(), k);
            self.ndcg[at] += ndcg(&found, relevant.len(), k);
            self.hit[at] += f64::from(u8::from(found.iter().take(k).any(|&f| f)));
        }
        self.reciprocal += reciprocal_rank(&found);
        for id in hits {
            if !self.shown.contains(id.as_ref()) {
                self.shown.insert(id.as_ref().to_owned());
            }
        }
    }

    /// The report; `items` is the number of items in the collection.
    pub(crate) fn report(&self, items: usize) -> Report {
        let mean = |sum: f64| (self.users > 0).then(|| sum / self.users as f64);
        let by_k = |sums: &[f64]| self.ks.iter().copied().zip(sums.iter().map(|&s| mean(s))).collect();
        Report {
            users: self.users,
            users_without_relevant: self.without_relevant,
            recall: by_k(&self.recall),
            ndcg: by_k(&self.ndcg),
            hit_rate: by_k(&self.hit),
            mrr: mean(self.reciprocal),
            coverage: (items > 0 && self.users > 0).then(|| self.shown.len() as f64 / items as f64),
            p50_micros: percentile(&self.micros, 50.0),
            p99_micros: percentile(&self.micros, 99.0),
        }
    }
}

/// `found[i]`: the hit at place i + 1 is relevant; `relevant`: how many there are in all, at least 1.
fn recall(found: &[bool], relevant: usize, k: usize) -> f64 {
    found.iter().take(k).filter(|&&f| f).count() as f64 / relevant as f64
}

fn ndcg(found: &[bool], relevant: usize, k: usize) -> f64 {
    let gain = |at: usize| 1.0 / (at as f64 + 2.0).log2();
    let ideal: f64 = (0..k.min(relevant)).map(gain).sum();
    if ideal == 0.0 {
        return 0.0;
    }
    found.iter().take(k).enumerate().filter(|(_, f)| **f).map(|(at, _)| gain(at)).sum::<f64>() / ideal
}

fn reciprocal_rank(found: &[bool]) -> f64 {
    found.iter().position(|&f| f).map_or(0.0, |at| 1.0 / (at as f64 + 1.0))
}

/// The `p`-th percentile (0 to 100), linear between the two nearest values, as numpy's default; `None` of nothing.
pub(crate) fn percentile(values: &[f64], p: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = (p / 100.0).clamp(0.0, 1.0) * last as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let above = sorted[(low + 1).min(last)];
    Some(sorted[low] + (above - sorted[low]) * part)
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
        let mut e = Evaluation::new(&[2, 4]);
        assert_eq!(e.depth(), 4);
        e.add(&["a", "b", "c", "d"], &texts(&["b", "d", "x"]), 10.0);
        e.add(&["a", "q", "r", "s"], &texts(&["s"]), 30.0);
        let r = e.report(8);
        assert_eq!((r.users, r.users_without_relevant), (2, 0));
        near(r.recall[&2], (1.0 / 3.0 + 0.0) / 2.0);
        near(r.recall[&4], (2.0 / 3.0 + 1.0) / 2.0);
        near(r.hit_rate[&2], 0.5);
        near(r.hit_rate[&4], 1.0);
        let (l3, l4, l5) = (1.0 / 3f64.log2(), 1.0 / 4f64.log2(), 1.0 / 5f64.log2());
        near(r.ndcg[&2], (l3 / (1.0 + l3)) / 2.0);
        near(r.ndcg[&4], ((l3 + l5) / (1.0 + l3 + l4) + l5) / 2.0);
        near(r.mrr, (0.5 + 0.25) / 2.0);
        near(r.coverage, 7.0 / 8.0);
        near(r.p50_micros, 20.0);
        near(r.p99_micros, 29.8);
    }

    #[test]
    fn users_without_relevant_items_do_not_count() {
        let mut e = Evaluation::new(&[1]);
        e.add(&["a"], &[], 1.0);
        let r = e.report(1);
        assert_eq!((r.users, r.users_without_relevant), (0, 1));
        assert_eq!((r.recall[&1], r.mrr, r.coverage, r.p50_micros), (None, None, None, None));
    }

    #[test]
    fn repeated_relevant_ids_count_once_and_extra_hits_not_at_all() {
        let mut e = Evaluation::new(&[2]);
        e.add(&["a", "b", "c"], &texts(&["a", "a", "c"]), 1.0);
        let r = e.report(3);
        near(r.recall[&2], 0.5);
        near(r.coverage, 2.0 / 3.0);
    }

    #[test]
    fn percentiles_are_linear_between_ranks() {
        assert_eq!(percentile(&[], 50.0), None);
        assert_eq!(percentile(&[3.0], 99.0), Some(3.0));
        assert_eq!(percentile(&[4.0, 1.0, 3.0, 2.0], 50.0), Some(2.5));
        assert_eq!(percentile(&[4.0, 1.0, 3.0, 2.0], 100.0), Some(4.0));
    }

    #[test]
    fn cases_are_read_and_bad_lines_are_named() {
        let good = "{\"user\": {\"age\": 3}, \"seen\": [1, \"b\"], \"relevant\": [\"c\"]}\n\n{\"user\": {}, \"relevant\": [18446744073709551615]}\n";
        let cases = read_cases(good.as_bytes()).unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!(
            (cases[0].seen.as_slice(), cases[1].relevant.as_slice()),
            (texts(&["1", "b"]).as_slice(), texts(&["18446744073709551615"]).as_slice())
        );
        let bad = read_cases("{\"user\": {}, \"relevant\": []}\n{\"user\": 5, \"relevant\": []}\n".as_bytes()).unwrap_err();
        assert_eq!(bad.line, 2);
    }
}
