//! One query that may not return all rows. Its effort is a budget of rows that it may return: a forecast says how many lists and candidates they
//! take, and what was found says whether it was right.

use crate::types::Refine;

use super::coarse;
use super::engine::SearchEngine;
use super::forecast::{Band, Forecast, Need, density_score};
use super::left_out::LeftOut;
use super::narrow::Narrow;
use super::params::{Goal, Part, SearchParams};
use super::restricted::restricted;
use super::scratch::{Scratch, prepare};
use super::search::pass;
use super::stats::{Clock, SearchStats};
use super::survey::survey_more;
use super::task::ListTask;

/// Lists whose rows are counted at first, as a multiple of those that an unrestricted query visits, and at least.
const COUNTED: usize = 2;
const FEWEST: usize = 64;
/// Turns a query takes at most: what the last one found is the answer.
const TURNS: usize = 5;
/// A forecast was right where what turned out is so near to it: shares lost of what is wanted, and candidates. Forecasts are right on average;
/// searching again wherever one fell a little short would find more than was asked for.
const NEAR_LOSS: f32 = 2.0;
const NEAR_CANDIDATES: f32 = 1.5;
/// Where no more than one row in so many may be returned, those of a list are gathered, which is so cheap that more lists are visited.
const SPARSE: usize = 16;
const SPARSE_SHARE: f32 = 0.985;
const SPARSE_CANDIDATES: usize = 2048;
/// So few rows in all are all scored by their refine vectors: about 20 ns each.
const GATHERED: usize = 8192;

/// Finds the best rows that `params.narrow` leaves, so that the goal's share of its k is found on average; `params.k` of them are in
/// `scratch.hits()`.
/// Answers with the share of them to expect in the lists visited.
pub(crate) fn search_narrowed(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    query: &[f32],
    params: &SearchParams<'_>,
    goal: &Goal<'_>,
    scratch: &mut Scratch,
) -> (SearchStats, f32) {
    restricted(engine, query, params, scratch, |query, params, scratch| Narrowed { engine, parts, query, params, goal }.run(scratch))
}

/// Rows that may be returned, of those in some lists.
struct Passing {
    rows: usize,
    of: usize,
}

impl Passing {
    fn are_sparse(&self) -> bool {
        self.rows * SPARSE <= self.of
    }

    /// Whether all rows that may be returned can be scored one by one, as far as `counted` of all `lists` tell.
    fn are_few(&self, counted: usize, lists: usize) -> bool {
        self.are_sparse() && self.rows.saturating_mul(lists) <= GATHERED * counted
    }
}

struct Narrowed<'a> {
    engine: &'a SearchEngine,
    parts: &'a [Part<'a>],
    /// In the quantizer's scale.
    query: &'a [f32],
    params: SearchParams<'a>,
    goal: &'a Goal<'a>,
}

impl Narrowed<'_> {
    fn run(&self, scratch: &mut Scratch) -> (SearchStats, f32) {
        let mut stats = SearchStats::default();
        scratch.hits.clear();
        scratch.surveyed.clear();
        scratch.words.clear();
        scratch.lists_surveyed = 0;
        if prepare(self.parts, scratch) == 0 || self.goal.k == 0 || self.params.k < self.goal.k {
            return (stats, 1.0);
        }
        let metric = self.engine.quantizer.metric;
        let squares = self.engine.kernel.dot(self.query, self.query);
        let left_out = LeftOut { kernel: self.engine.kernel, metric, parts: self.parts, query: self.query };
        let places = self.params.narrow.map_or(&[][..], Narrow::excluded);
        left_out.scores(places, &mut scratch.refine, &mut scratch.forecast.excluded);
        let lists = self.engine.quantizer.lists();
        let mut counted = (COUNTED * self.goal.nprobe).max(FEWEST).min(lists);
        let mut turns = 0;
        loop {
            self.count(counted, scratch, &mut stats);
            let passing = self.passing(scratch);
            (stats.rows_counted, stats.rows_passing) = (passing.of, passing.rows.saturating_sub(excluded_in(scratch)));
            if passing.are_few(scratch.lists_surveyed, lists) {
                if scratch.lists_surveyed < lists {
                    // All of them are surveyed now, however evenly the filter takes.
                    counted = lists;
                    scratch.lists_surveyed = lists;
                    continue;
                }
                let params = SearchParams { nprobe: lists, candidates: passing.rows, ..self.params };
                pass(self.engine, self.parts, self.query, &params, scratch, &mut stats);
                stats.gathered = true;
                return (stats, 1.0);
            }
            let unprobed = lists - counted;
            let mut forecasting = std::mem::take(&mut scratch.forecast);
            let (goal, least) = self.goal(&passing);
            let half = |probe: &coarse::Probe| probe.product - self.engine.coarse.half_squares(probe.list);
            let probes = (&*scratch.coarse.probes, half);
            let forecast = Forecast::new(
                &goal,
                (metric, squares),
                self.parts,
                probes,
                &scratch.passing,
                (unprobed, 1.0 - self.goal.share),
                &mut forecasting,
            );
            let outcome = self.turns(&forecast, (&goal, least), (counted, unprobed), &mut turns, scratch, &mut stats);
            scratch.forecast = forecasting;
            match outcome {
                Some(kept) => return (stats, kept),
                None => counted = counted.saturating_mul(4).min(lists),
            }
        }
    }

    /// Searches until what is found is what was forecast; `None` when more lists have to be counted.
    fn turns(
        &self,
        forecast: &Forecast<'_>,
        (goal, least): (&Goal<'_>, usize),
        (counted, unprobed): (usize, usize),
        turns: &mut usize,
        scratch: &mut Scratch,
        stats: &mut SearchStats,
    ) -> Option<f32> {
        let metric = self.engine.quantizer.metric;
        let squares = self.engine.kernel.dot(self.query, self.query);
        let mut need = forecast.need(forecast.band(goal.k), goal, unprobed);
        loop {
            let Need { nprobe, candidates } = need;
            let last_turn = *turns + 1 >= TURNS;
            let nprobe = match nprobe {
                Some(nprobe) => nprobe,
                None if unprobed > 0 => return None,
                None => counted,
            };
            *turns += 1;
            let candidates = candidates.max(least);
            if nprobe > scratch.lists_surveyed {
                self.survey(nprobe, scratch);
            }
            pass(self.engine, self.parts, self.query, &SearchParams { nprobe, candidates, ..self.params }, scratch, stats);
            let Some((best, last)) = scratch.hits.first().zip(scratch.hits.get(goal.k - 1)) else {
                // Too few: all that there are come back, however many lists that takes.
                if nprobe < counted {
                    need = Need { nprobe: Some((4 * nprobe).min(counted)), candidates };
                    continue;
                }
                if unprobed > 0 {
                    return None;
                }
                return Some(1.0);
            };
            let score = |score: f64| density_score(metric, squares, score as f32);
            let band = Band { best: score(best.score), last: score(last.score) };
            let now = forecast.need(band, goal, unprobed);
            let kept = forecast.kept((band, goal.k), nprobe, unprobed);
            let enough = 1.0 - kept <= NEAR_LOSS * (1.0 - goal.share) && now.candidates as f32 <= NEAR_CANDIDATES * candidates as f32;
            if last_turn || enough {
                return Some(kept);
            }
            need = Need { nprobe: now.nprobe.map(|now| now.max(nprobe)), candidates: now.candidates.max(candidates) };
        }
    }

    /// The goal, and the least number of candidates; more of both where rows are so few that more of them cost next to nothing.
    fn goal(&self, passing: &Passing) -> (Goal<'_>, usize) {
        let sparse = passing.are_sparse();
        let share = if sparse { self.goal.share.max(SPARSE_SHARE) } else { self.goal.share };
        (Goal { share, ..*self.goal }, if sparse { passing.rows.min(SPARSE_CANDIDATES) } else { 0 })
    }

    fn passing(&self, scratch: &Scratch) -> Passing {
        Passing {
            rows: scratch.surveyed.iter().map(|task| (task.count + task.excluded) as usize).sum(),
            of: scratch.surveyed.iter().map(|task| task.rows(self.parts)).sum(),
        }
    }

    /// Finds the first `lists` lists, and what of them may be returned. Where a filter lets through much the same share of each of those that an
    /// unrestricted query visits, it is taken to do so of the others.
    fn count(&self, lists: usize, scratch: &mut Scratch, stats: &mut SearchStats) {
        let mut clock = Clock::new(self.params.timed);
        let products = self.parts.iter().any(|part| part.index.refine() == Refine::None);
        coarse::probe(self.engine, self.query, lists, products, &mut scratch.coarse);
        self.survey(self.goal.nprobe.max(scratch.lists_surveyed).min(lists), scratch);
        if scratch.lists_surveyed < lists && !self.takes_evenly(scratch) {
            self.survey(lists, scratch);
        }
        let Passing { rows, of } = self.passing(scratch);
        let (rate, first) = (rows as f32 / of.max(1) as f32, scratch.lists_surveyed);
        let Scratch { passing, coarse, .. } = scratch;
        for (passing, probe) in passing.iter_mut().zip(&coarse.probes).skip(first) {
            let rows: usize = self.parts.iter().map(|part| part.index.layout.rows_of(probe.list as usize).len()).sum();
            *passing = (rate * rows as f32).round() as u32;
        }
        clock.mark(&mut stats.times.coarse);
    }

    /// Finds out what may be returned of the first lists probed.
    fn survey(&self, lists: usize, scratch: &mut Scratch) {
        survey_more(self.parts, &SearchParams { nprobe: lists, ..self.params }, scratch);
        let Scratch { surveyed, passing, coarse, .. } = scratch;
        passing.clear();
        passing.resize(coarse.probes.len(), 0);
        for task in surveyed.iter() {
            passing[task.probe as usize] += task.count + task.excluded;
        }
        scratch.lists_surveyed = lists;
    }

    /// Whether the numbers of rows that may be returned of the lists surveyed differ by no more than chance has it.
    fn takes_evenly(&self, scratch: &Scratch) -> bool {
        /// Standard deviations of chi-squared that are taken as chance.
        const CHANCE: f32 = 3.0;
        let Passing { rows, of } = self.passing(scratch);
        let rate = rows as f32 / of.max(1) as f32;
        if rows == 0 || rows == of {
            return rows == of;
        }
        let apart = |task: &ListTask| {
            let expected = rate * task.rows(self.parts) as f32;
            let difference = (task.count + task.excluded) as f32 - expected;
            difference * difference / (expected * (1.0 - rate))
        };
        let tasks = scratch.surveyed.len() as f32;
        scratch.surveyed.iter().map(apart).sum::<f32>() <= tasks + CHANCE * (2.0 * tasks).sqrt()
    }
}

/// Rows of the lists counted that are excluded by id.
fn excluded_in(scratch: &Scratch) -> usize {
    scratch.surveyed.iter().map(|task| task.excluded as usize).sum()
}
