//! What the stages of a query hand on.

use crate::features::Row;
use crate::index::Candidate;
use crate::query::answer::{Explain, StageTime};
use crate::query::report::Contribution;
use crate::query::values::CandidateValues;
use crate::segment::Place;
use crate::vector::Matrix;

/// A row found, before it is a hit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Found {
    pub(crate) score: f64,
    pub(crate) place: Place,
    /// Its place among the rows that are ranked or go through rules, as they were retrieved: that of what was computed for it.
    pub(crate) candidate: Option<u32>,
    /// The ranker's score, of a row that was ranked.
    pub(crate) rank: Option<f32>,
    /// That score, or the first, and what rules add; `None` where no rule boosts, or there is no score.
    pub(crate) boosted: Option<f64>,
    /// It comes behind all that are not.
    pub(crate) buried: bool,
    /// The place that a rule gives it, from 1.
    pub(crate) pinned: Option<usize>,
}

impl Found {
    /// As the index finds it.
    pub(crate) fn of(hit: &Candidate) -> Self {
        Self::new(hit.score, (hit.part, hit.position))
    }

    /// As the first stage finds it.
    pub(crate) fn new(score: f64, place: Place) -> Self {
        Self { score, place, candidate: None, rank: None, boosted: None, buried: false, pinned: None }
    }
}

/// One query's rows as they are after a stage.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    /// Best first, once they are retrieved.
    pub(crate) found: Vec<Found>,
    /// The fields of each row found; `None` when none were asked for.
    pub(crate) fields: Option<Vec<Row>>,
    /// What the ranker saw, a row a candidate that it ranked, when an explanation is asked for.
    pub(crate) features: Matrix,
    /// What the caller computed for the candidates.
    pub(crate) values: CandidateValues,
    /// What the boosts added to each candidate's score, when an explanation is asked for.
    pub(crate) contributions: Vec<Vec<Contribution>>,
    /// Rows with a place of their own, which they have not yet; their places ascend.
    pub(crate) pinned: Vec<Found>,
    /// Lists visited, where the others may be left out in the tail too: nothing but the recall target decides about it.
    pub(crate) nprobe: Option<usize>,
    /// The recall to expect; `None` where it is not known.
    pub(crate) expected: Option<f32>,
    /// What was done, when asked.
    pub(crate) explain: Option<Explain>,
}

impl Ranked {
    /// Adds a stage's time, when asked. What goes on with the last stage is part of it.
    pub(crate) fn took(&mut self, stage: &'static str, micros: f64) {
        let Some(explain) = &mut self.explain else { return };
        match explain.stages.last_mut() {
            Some(last) if last.stage == stage => last.micros += micros,
            _ => explain.stages.push(StageTime { stage, micros }),
        }
    }
}

/// The candidates of all queries of a request, in the order of the queries.
#[derive(Debug)]
pub(crate) struct Candidates {
    pub(crate) queries: Vec<Ranked>,
}

impl Candidates {
    /// Nothing yet. Where nothing is left to look at, everything is found.
    pub(crate) fn none(queries: usize, explain: bool) -> Self {
        let none = || Ranked {
            found: Vec::new(),
            fields: None,
            features: Matrix::default(),
            values: CandidateValues::default(),
            contributions: Vec::new(),
            pinned: Vec::new(),
            nprobe: None,
            expected: Some(1.0),
            explain: explain.then(Explain::default),
        };
        Self { queries: std::iter::repeat_with(none).take(queries).collect() }
    }

    /// Adds a stage that all queries went through together: to each its share of the time.
    pub(crate) fn took(&mut self, stage: &'static str, time: std::time::Duration) {
        let share = time.as_secs_f64() * 1e6 / self.queries.len().max(1) as f64;
        self.queries.iter_mut().for_each(|ranked| ranked.took(stage, share));
    }
}
