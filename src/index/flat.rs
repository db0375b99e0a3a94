//! Exact search of plain f32 rows: recent rows, small collections, and the truth to measure recall against.

use crate::kernel::{BLOCK, Kernel};
use crate::types::Metric;

use super::key::{Best, key, order, order_of, place_of, score_of};
use super::mask::Mask;
use super::search::Candidate;
use super::skip::SkipSet;

/// A run of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlatPart<'a> {
    /// `rows x dim` values.
    pub(crate) rows: &'a [f32],
    /// Made by [`Mask::flat`] for at least this many rows.
    pub(crate) mask: &'a Mask,
}

/// What a flat search asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlatParams<'a> {
    pub(crate) metric: Metric,
    pub(crate) k: usize,
    pub(crate) min_score: Option<f32>,
    /// Rows left out: (part, position), ascending.
    pub(crate) skip: &'a [(u32, u32)],
}

/// What a flat search works in.
#[derive(Default, Debug)]
pub(crate) struct FlatScratch {
    best: Best,
    skip: SkipSet,
    starts: Vec<u32>,
    scores: Vec<f32>,
    hits: Vec<Candidate>,
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
pub(crate) fn search(kernel: Kernel, parts: &[FlatPart<'_>], query: &[f32], params: &FlatParams<'_>, scratch: &mut FlatScratch) -> usize {
    let rows = prepare(parts, query.len(), params, scratch);
    if rows == 0 {
        return 0;
    }
    scratch.best.reset(params.k.min(rows));
    for (part, tile, first) in tiles(parts, query.len()) {
        scratch.scores.resize(tile.len() / query.len(), 0.0);
        score(kernel, params.metric, query, tile, &mut scratch.scores);
        offer(&parts[part], first, scratch.starts[part], &scratch.scores, &scratch.skip, &mut scratch.best);
    }
    take_hits(params, &scratch.starts, &mut scratch.best, &mut scratch.hits);
    rows
}

/// Clears the scratch; answers the number of rows, or 0 when there is nothing to find.
fn prepare(parts: &[FlatPart<'_>], dim: usize, params: &FlatParams<'_>, scratch: &mut FlatScratch) -> usize {
    scratch.hits.clear();
    scratch.starts.clear();
    scratch.skip.clear();
    if dim == 0 || params.k == 0 {
        return 0;
    }
    let mut rows = 0u32;
    for part in parts {
        debug_assert!(part.mask.blocks() * BLOCK >= part.rows.len() / dim);
        scratch.starts.push(rows);
        rows = rows.saturating_add((part.rows.len() / dim) as u32);
    }
    for &(part, position) in params.skip {
        if let Some(start) = scratch.starts.get(part as usize) {
            scratch.skip.insert(start + position);
        }
    }
    scratch.skip.finish();
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
    let mut out = [0.0];
    score(Kernel::detect(), metric, query, row, &mut out);
    out[0]
}

fn score(kernel: Kernel, metric: Metric, query: &[f32], tile: &[f32], out: &mut [f32]) {
    if metric == Metric::L2 {
        kernel.l2s(query, tile, out);
        out.iter_mut().for_each(|score| *score = -*score);
    } else {
        kernel.dots(query, tile, out);
    }
}

fn offer(part: &FlatPart<'_>, first: usize, start: u32, scores: &[f32], skip: &SkipSet, best: &mut Best) {
    for (block, scores) in scores.chunks(BLOCK).enumerate() {
        let word = part.mask.word(first / BLOCK + block);
        for (lane, &score) in scores.iter().enumerate() {
            let place = start + (first + block * BLOCK + lane) as u32;
            let key = key(order(score), place);
            if key > best.floor() && word >> lane & 1 == 0 && !skip.contains(place) {
                best.push(key);
            }
        }
    }
}

fn take_hits(params: &FlatParams<'_>, starts: &[u32], best: &mut Best, hits: &mut Vec<Candidate>) {
    for &key in best.sorted() {
        let (score, place) = (score_of(order_of(key)), place_of(key));
        if params.min_score.is_some_and(|least| score < least) {
            break;
        }
        let part = starts.partition_point(|&start| start <= place) - 1;
        hits.push(Candidate { part: part as u32, position: place - starts[part], score });
    }
}
