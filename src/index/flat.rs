//! Exact search of plain f32 rows: recent rows, small collections, and the truth to measure recall against.

use crate::kernel::{BLOCK, Kernel};
use crate::quantizer::scale::{exponent_of, largest, times};
use crate::types::Metric;

use super::candidate::Candidate;
use super::key::{Best, final_order, final_score, key, order_of, place_of};
use super::selection::Selection;

/// A run of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlatPart<'a> {
    /// `rows x dim` values.
    pub(crate) rows: &'a [f32],
    /// Which of them may be returned; made by [`Selection::flat`] for at least this many rows.
    pub(crate) selection: &'a Selection,
}

/// What a flat search asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlatParams {
    pub(crate) metric: Metric,
    pub(crate) k: usize,
    pub(crate) min_score: Option<f64>,
}

/// What a flat search works in.
#[derive(Default, Debug)]
pub(crate) struct FlatScratch {
    best: Best,
    starts: Vec<u32>,
    scores: Vec<f32>,
    scaled: Scaled,
    picked: Vec<(u32, u32)>,
    rows: Vec<f32>,
    hits: Vec<Candidate>,
}

/// Query and rows in a scale in which their squares and products are f32 numbers.
#[derive(Default, Debug)]
struct Scaled {
    query: Vec<f32>,
    rows: Vec<f32>,
}

impl FlatScratch {
    /// The last search's hits, best first.
    pub(crate) fn hits(&self) -> &[Candidate] {
        &self.hits
    }
}

/// Rows scored at a time.
const TILE: usize = 256;

/// Finds the k best rows for a query, by (score, part, position); they are in `scratch.hits()`. Answers the number of rows scored.
pub(crate) fn search(kernel: Kernel, parts: &[FlatPart<'_>], query: &[f32], params: &FlatParams, scratch: &mut FlatScratch) -> usize {
    let rows = prepare(parts, query.len(), params, scratch);
    if rows == 0 {
        return 0;
    }
    scratch.best.reset(params.k.min(rows));
    let most = largest(query);
    for (part, tile, first) in tiles(parts, query.len()) {
        scratch.scores.resize(tile.len() / query.len(), 0.0);
        let pair = QueryRows { metric: params.metric, query, most, rows: tile };
        let back = pair.score(kernel, &mut scratch.scaled, &mut scratch.scores);
        let order = |at: usize, score: f32| {
            let score = if back == 1.0 { score } else { scaled_back(score, back) };
            final_order(score, || pair.precise(at))
        };
        offer(&parts[part], first, scratch.starts[part], &scratch.scores, order, &mut scratch.best);
    }
    take_hits(params, &scratch.starts, &mut scratch.best, &mut scratch.hits);
    rows
}

/// The same over some rows, named by part and position.
pub(crate) fn search_some(
    kernel: Kernel,
    parts: &[FlatPart<'_>],
    some: impl Iterator<Item = (u32, u32)>,
    query: &[f32],
    params: &FlatParams,
    scratch: &mut FlatScratch,
) -> usize {
    let (dim, all) = (query.len(), prepare(parts, query.len(), params, scratch));
    if all == 0 {
        return 0;
    }
    scratch.best.reset(params.k.min(all));
    let (most, mut scored) = (largest(query), 0);
    let may_be_returned = |&(part, at): &(u32, u32)| parts[part as usize].selection.contains(at as usize / BLOCK, at as usize % BLOCK);
    let mut some = some.filter(may_be_returned);
    loop {
        let FlatScratch { best, starts, scores, scaled, picked, rows, .. } = &mut *scratch;
        let row = |(part, at): (u32, u32)| &parts[part as usize].rows[at as usize * dim..(at as usize + 1) * dim];
        picked.clear();
        picked.extend(some.by_ref().take(TILE).inspect(|&place| kernel.prefetch(row(place))));
        if picked.is_empty() {
            break;
        }
        rows.clear();
        picked.iter().for_each(|&place| rows.extend_from_slice(row(place)));
        scores.resize(picked.len(), 0.0);
        let pair = QueryRows { metric: params.metric, query, most, rows };
        let back = pair.score(kernel, scaled, scores);
        for (number, (&(part, at), &score)) in picked.iter().zip(&*scores).enumerate() {
            let score = if back == 1.0 { score } else { scaled_back(score, back) };
            best.push(key(final_order(score, || pair.precise(number)), starts[part as usize] + at));
        }
        scored += picked.len();
    }
    take_hits(params, &scratch.starts, &mut scratch.best, &mut scratch.hits);
    scored
}

/// Clears the scratch; answers the number of rows, or 0 when there is nothing to find.
fn prepare(parts: &[FlatPart<'_>], dim: usize, params: &FlatParams, scratch: &mut FlatScratch) -> usize {
    scratch.hits.clear();
    scratch.starts.clear();
    if dim == 0 || params.k == 0 {
        return 0;
    }
    let mut rows = 0u32;
    for part in parts {
        debug_assert!(part.selection.blocks() * BLOCK >= part.rows.len() / dim);
        scratch.starts.push(rows);
        rows = rows.saturating_add((part.rows.len() / dim) as u32);
    }
    rows as usize
}

/// Every part's rows in tiles: part, values, first row.
fn tiles<'a>(parts: &'a [FlatPart<'a>], dim: usize) -> impl Iterator<Item = (usize, &'a [f32], usize)> {
    parts.iter().enumerate().flat_map(move |(part, flat)| {
        let whole = flat.rows.len() / dim * dim;
        flat.rows[..whole].chunks(TILE * dim).enumerate().map(move |(tile, values)| (part, values, tile * TILE))
    })
}

/// The score of one row, as a search gives it.
pub(crate) fn score_of_row(metric: Metric, query: &[f32], row: &[f32]) -> f32 {
    let pair = QueryRows { metric, query, most: largest(query), rows: row };
    let mut out = [0.0];
    let back = pair.score(Kernel::detect(), &mut Scaled::default(), &mut out);
    (f64::from(out[0]) * back) as f32
}

/// Below this size of both, squares of differences are on their way out of f32 (2^-40).
const FAINT: f32 = 1.0 / (1u64 << 40) as f32;
/// Below this, products of the largest elements are (2^-60).
const FAINT_PRODUCT: f32 = 1.0 / (1u64 << 60) as f32;

/// A query and some rows to score.
struct QueryRows<'a> {
    metric: Metric,
    query: &'a [f32],
    /// The query's largest element.
    most: f32,
    rows: &'a [f32],
}

impl QueryRows<'_> {
    /// Scores the rows; answers what the scores are to be multiplied with. Very small vectors are brought near 1 first: f32 would lose
    /// their squares, and take its time about it.
    fn score(&self, kernel: Kernel, scaled: &mut Scaled, out: &mut [f32]) -> f64 {
        let exponents = self.exponents();
        let (query, rows) = match exponents {
            (0, 0) => (self.query, self.rows),
            (query, rows) => {
                for (exponent, from, to) in [(query, self.query, &mut scaled.query), (rows, self.rows, &mut scaled.rows)] {
                    to.clear();
                    to.extend_from_slice(from);
                    times(to, exponent);
                }
                (&*scaled.query, &*scaled.rows)
            }
        };
        if self.metric == Metric::L2 {
            kernel.l2s(query, rows, out);
            out.iter_mut().for_each(|score| *score = -*score);
        } else {
            kernel.dots(query, rows, out);
        }
        f64::from(-(exponents.0 + exponents.1)).exp2()
    }

    /// Powers of two that bring query and rows near 1 where f32 would not do. The first row speaks for all, unless it is small.
    fn exponents(&self) -> (i32, i32) {
        let first = largest(&self.rows[..self.query.len()]);
        let is_faint = |rows: f32| match self.metric {
            Metric::L2 => self.most.max(rows) < FAINT,
            Metric::InnerProduct | Metric::Cosine => self.most * rows < FAINT_PRODUCT,
        };
        if !is_faint(first) {
            return (0, 0);
        }
        let rows = largest(self.rows);
        let near_one = |x: f32| if x > 0.0 { -exponent_of(f64::from(x)) } else { 0 };
        match self.metric {
            _ if !is_faint(rows) => (0, 0),
            // Differences need one scale.
            Metric::L2 => (near_one(self.most.max(rows)), near_one(self.most.max(rows))),
            Metric::InnerProduct | Metric::Cosine => (near_one(self.most), near_one(rows)),
        }
    }

    /// The score of one row in f64, in which no square or product of f32 numbers vanishes.
    #[cold]
    fn precise(&self, row: usize) -> f64 {
        let dim = self.query.len();
        precise_score(self.metric, self.query, &self.rows[row * dim..(row + 1) * dim])
    }
}

/// A score in f64. Sums have one order, on every CPU.
pub(crate) fn precise_score(metric: Metric, query: &[f32], row: &[f32]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0f64; LANES];
    for (query, row) in query.chunks(LANES).zip(row.chunks(LANES)) {
        for ((sum, &q), &x) in sums.iter_mut().zip(query).zip(row) {
            let (q, x) = (f64::from(q), f64::from(x));
            *sum += if metric == Metric::L2 { (q - x) * (q - x) } else { q * x };
        }
    }
    let sum = sums.iter().fold(0.0, |all, sum| all + sum);
    if metric == Metric::L2 { -sum } else { sum }
}

/// A score in f32 again, or a number that f32 does not do for.
fn scaled_back(score: f32, back: f64) -> f32 {
    let score = f64::from(score) * back;
    if score.abs() <= f64::from(f32::MAX) { score as f32 } else { 0.0 }
}

fn offer(part: &FlatPart<'_>, first: usize, start: u32, scores: &[f32], order: impl Fn(usize, f32) -> u32, best: &mut Best) {
    for (block, scores) in scores.chunks(BLOCK).enumerate() {
        let word = part.selection.word(first / BLOCK + block);
        for (lane, &score) in scores.iter().enumerate() {
            let place = start + (first + block * BLOCK + lane) as u32;
            let key = key(order(block * BLOCK + lane, score), place);
            if key > best.floor() && word >> lane & 1 == 1 {
                best.push(key);
            }
        }
    }
}

fn take_hits(params: &FlatParams, starts: &[u32], best: &mut Best, hits: &mut Vec<Candidate>) {
    for &key in best.sorted() {
        let (score, place) = (final_score(order_of(key)), place_of(key));
        if params.min_score.is_some_and(|least| score < least) {
            break;
        }
        let part = starts.partition_point(|&start| start <= place) - 1;
        hits.push(Candidate { part: part as u32, position: place - starts[part], score });
    }
}
