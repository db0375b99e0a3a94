//! One query that leaves out rows by their ids, such as those that were seen. Calibration says what rows behind so many others take; what has to
//! be found out is how many of those left out lie before the rows wanted.

use crate::quantizer::calibration::{Calibration, Setting};
use crate::quantizer::density::width;
use crate::types::Refine;

use super::coarse;
use super::engine::SearchEngine;
use super::forecast::density_score;
use super::left_out::{LeftOut, reaching};
use super::narrow::Narrow;
use super::params::{Part, SearchParams};
use super::restricted::restricted;
use super::scratch::{Scratch, prepare};
use super::search::pass;
use super::stats::{Clock, SearchStats};
use super::survey::survey_more;

/// Rows left out are taken as the nearest of all where there are at most so many times as many in all as near as the last of them, and those wanted.
const CROWDED: f32 = 1.25;
/// Where so many times as many lie before the rows found as was taken, it is searched again for those.
const MISJUDGED: f32 = 1.3;
/// Times that it is, at most.
const TURNS: usize = 4;
/// So many times as many lists are visited where too few rows are found.
const WIDER: usize = 4;

/// What such a query is to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behind<'a> {
    pub(crate) calibration: &'a Calibration,
    pub(crate) target: f32,
    pub(crate) k: usize,
    /// Rows of the collection.
    pub(crate) rows: u64,
}

impl Behind<'_> {
    fn setting(&self, before: usize) -> Option<Setting> {
        self.calibration.pick_behind((self.target, before), self.k, self.rows)
    }
}

/// Finds the best rows that `params.narrow` leaves, which has no filter and leaves out no more rows than calibration knows of; `params.k` of them are
/// in `scratch.hits()`. Answers with the recall to expect of the best `behind.k`.
pub(crate) fn search_behind(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    query: &[f32],
    params: &SearchParams<'_>,
    behind: &Behind<'_>,
    scratch: &mut Scratch,
) -> (SearchStats, f32) {
    restricted(engine, query, params, scratch, |query, params, scratch| {
        let mut stats = SearchStats::default();
        let recall = Search { engine, parts, query, params, behind }.run(scratch, &mut stats);
        (stats, recall)
    })
}

struct Search<'a> {
    engine: &'a SearchEngine,
    parts: &'a [Part<'a>],
    /// In the quantizer's scale.
    query: &'a [f32],
    params: SearchParams<'a>,
    behind: &'a Behind<'a>,
}

impl Search<'_> {
    fn run(&self, scratch: &mut Scratch, stats: &mut SearchStats) -> f32 {
        scratch.hits.clear();
        scratch.surveyed.clear();
        scratch.words.clear();
        let Behind { calibration, k, rows, .. } = *self.behind;
        if prepare(self.parts, scratch) == 0 || k == 0 || self.params.k < k {
            return 1.0;
        }
        let (kernel, quantizer) = (self.engine.kernel, &*self.engine.quantizer);
        let (metric, squares) = (quantizer.metric, kernel.dot(self.query, self.query));
        let left_out = LeftOut { kernel, metric, parts: self.parts, query: self.query };
        let mut scores = std::mem::take(&mut scratch.left_out);
        left_out.scores(self.params.narrow.map_or(&[][..], Narrow::excluded), &mut scratch.refine, &mut scores);
        let mut clock = Clock::new(self.params.timed);
        let mut before = scores.len();
        let mut fewest = 0;
        let mut turn = 0;
        let recall = loop {
            let Some(setting) = self.behind.setting(before) else { break 0.0 };
            let (nprobe, candidates) = (setting.nprobe.max(fewest), setting.candidates);
            if nprobe > scratch.coarse.probes.len() || turn == 0 {
                let products = self.parts.iter().any(|part| part.index.refine() == Refine::None);
                coarse::probe(self.engine, self.query, nprobe, products, &mut scratch.coarse);
            }
            turn += 1;
            let judged = if turn == 1 { self.judge(squares, &scores, scratch) } else { before };
            clock.mark(&mut stats.times.coarse);
            if judged < before {
                before = judged;
                continue;
            }
            scratch.coarse.probes.truncate(nprobe);
            survey_more(self.parts, &SearchParams { nprobe, ..self.params }, scratch);
            clock.mark(&mut stats.times.coarse);
            pass(self.engine, self.parts, self.query, &SearchParams { nprobe, candidates, ..self.params }, scratch, stats);
            clock = Clock::new(self.params.timed);
            let Some(last) = scratch.hits.get(k - 1) else {
                // Too few: all that there are come back, however many lists that takes.
                if nprobe >= quantizer.lists() {
                    break 1.0;
                }
                fewest = nprobe.saturating_mul(WIDER).min(quantizer.lists());
                continue;
            };
            let nearer = reaching(&scores, density_score(metric, squares, last.score as f32));
            if nearer as f32 > MISJUDGED * before as f32 + k as f32 && turn <= TURNS {
                before = nearer;
                continue;
            }
            break calibration.expected_behind((nprobe, candidates), (nearer, k), rows);
        };
        scratch.left_out = scores;
        stats.rows_counted = scratch.surveyed.iter().map(|task| task.rows(self.parts)).sum();
        stats.rows_passing = scratch.surveyed.iter().map(|task| task.count as usize).sum();
        recall
    }

    /// How many of the rows left out, by their scores, best first, lie before those wanted, as far as the density of the lists probed tells.
    fn judge(&self, squares: f32, scores: &[f32], scratch: &Scratch) -> usize {
        let Some(density) = self.behind.calibration.density() else { return scores.len() };
        let metric = self.engine.quantizer.metric;
        let list = |probe: &coarse::Probe| {
            let centre = probe.product - self.engine.coarse.half_squares(probe.list);
            let rows: usize = self.parts.iter().map(|part| part.index.layout.rows_of(probe.list as usize).len()).sum();
            (centre, 1.0 / width(metric, squares, centre), rows as f32)
        };
        let lists: Vec<(f32, f32, f32)> = scratch.coarse.probes.iter().map(list).collect();
        let among_others = |number: usize| {
            let Some(&score) = number.checked_sub(1).and_then(|at| scores.get(at)) else { return false };
            let all: f32 = lists.iter().map(|(centre, inverse, rows)| rows * density.share((score - centre) * inverse)).sum();
            all > CROWDED * number as f32 + self.behind.k as f32
        };
        if !among_others(scores.len()) {
            return scores.len();
        }
        let (mut low, mut high) = (0, scores.len());
        while low < high {
            let middle = (low + high).div_ceil(2);
            if among_others(middle) { high = middle - 1 } else { low = middle }
        }
        low
    }
}
