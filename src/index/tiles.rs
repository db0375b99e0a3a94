//! Many queries list by list: the stored vectors themselves, as bytes, against sixteen queries at a time. No codes are looked at: every row of
//! a list visited is scored, and the best are scored again as a single query's candidates are. So a batch by tiles finds what the lists hold;
//! single queries, whose candidates are chosen by codes, lose some of it.
//!
//! Each query visits its nearest list first, which brings its floor near its last height before most of its rows are looked at. What is
//! found depends neither on the order of lists nor on the other queries: a row is left out only where enough better ones are known.

use std::ops::Range;

use rayon::prelude::*;

use crate::kernel::{BLOCK, QueryTile, TILE, TileScores, round};
use crate::vector::Matrix;

use super::candidate::Candidate;
use super::coarse;
use super::engine::SearchEngine;
use super::key::{Best, key, order, order_of, score_of};
use super::list_bytes::{ListBytes, ListRows};
use super::narrow::Narrow;
use super::params::{Part, ScanMode, SearchParams};
use super::scratch::{Scratch, prepare};
use super::search::{refine, take_hits};

/// Most queries that go over the lists together, and most rows that they keep meanwhile.
const QUERIES: usize = 4096;
const KEPT: usize = 1 << 20;
/// Lists that a query visits before all others.
const FIRST: usize = 1;
/// Rows whose scores stay in the first-level cache, whole words of a selection: making a matrix unit ready takes as long as some of them.
const ROWS: usize = 4 * BLOCK;
/// Rows scored again beyond `k`, and for each: rounding queries and rows to bytes changes places among those of nearly equal scores.
const MORE: usize = 22;

/// What a thread works in.
#[derive(Default)]
struct TileScratch {
    front: Scratch,
    /// The queries as bytes, and what a byte stands for.
    bytes: Vec<i8>,
    units: Vec<f32>,
    best: Vec<Best>,
    /// Query and list, in the order of probing, `nprobe` a query.
    probes: Vec<u32>,
    /// The queries that visit each list, list after list, and where each list's begin.
    visitors: Vec<u32>,
    starts: Vec<u32>,
    list: ListBytes,
}

/// Answers every query from all rows of its nearest lists. `queries` are in the quantizer's scale; `narrows` as in
/// [`search_batch`](super::search_batch).
pub(super) fn search_tiles(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    queries: &Matrix,
    params: &SearchParams<'_>,
    narrows: &[Option<&dyn Narrow>],
) -> Vec<Vec<Candidate>> {
    let mut found = vec![Vec::new(); queries.rows()];
    let most = (KEPT / wanted(params.k)).clamp(1, QUERIES);
    let block = queries.rows().div_ceil(rayon::current_num_threads()).clamp(1, most);
    found.par_chunks_mut(block).enumerate().for_each_init(TileScratch::default, |scratch, (at, found)| {
        let first = at * block;
        let own = |query: usize| SearchParams {
            narrow: narrows.get(first + query).copied().unwrap_or(params.narrow),
            mode: ScanMode::Exact,
            ..*params
        };
        let rows: Vec<&[f32]> = (first..first + found.len()).map(|row| queries.row(row)).collect();
        search_block(engine, parts, &rows, &own, scratch);
        for (query, found) in found.iter_mut().enumerate() {
            let TileScratch { front, best, .. } = scratch;
            std::mem::swap(&mut front.best, &mut best[query]);
            front.hits.clear();
            refine(engine, parts, rows[query], &own(query), front);
            take_hits(&own(query), front);
            found.extend_from_slice(front.hits());
        }
    });
    found
}

/// Rows that a query keeps for `k` hits.
fn wanted(k: usize) -> usize {
    k.saturating_add(k / 2).saturating_add(MORE)
}

/// The best rows of each query into `scratch.best`.
fn search_block<'p>(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    queries: &[&[f32]],
    own: &(impl Fn(usize) -> SearchParams<'p> + Sync),
    scratch: &mut TileScratch,
) {
    let TileScratch { front, bytes, units, best, probes, visitors, starts, list: list_bytes } = scratch;
    let dim = engine.quantizer.dim();
    let all = prepare(parts, front);
    best.resize_with(best.len().max(queries.len()), Best::default);
    bytes.clear();
    units.clear();
    probes.clear();
    let mut visits = 0;
    for (at, (query, best)) in queries.iter().zip(best.iter_mut()).enumerate() {
        let params = own(at);
        best.reset(if params.k == 0 { 0 } else { wanted(params.k).min(all) });
        units.push(rounded(query, bytes));
        coarse::probe(engine, query, params.nprobe, false, &mut front.coarse);
        visits = front.coarse.probes.len();
        probes.extend(front.coarse.probes.iter().map(|probe| probe.list));
    }
    let mut tile = QueryTile::new(dim);
    let mut work = Work { engine, parts, bytes, units, best, own, starts: &front.starts, tile: &mut tile, filled: 0, list: list_bytes };
    for turns in [0..FIRST.min(visits), FIRST.min(visits)..visits] {
        by_lists(probes, visits, turns, engine.quantizer.lists(), starts, visitors);
        let of = |list: usize| &visitors[starts[list] as usize..starts[list + 1] as usize];
        let mut visited = (0..engine.quantizer.lists()).filter(|&list| !of(list).is_empty()).peekable();
        while let Some(list) = visited.next() {
            for part in 0..parts.len() {
                let next = if part + 1 < parts.len() { Some((part + 1, list)) } else { visited.peek().map(|&list| (0, list)) };
                work.list(part, list, of(list), next);
            }
        }
    }
}

/// Sorts the visits of some turns by list: the queries of list `i` are `visitors[starts[i]..starts[i + 1]]`, ascending.
fn by_lists(probes: &[u32], visits: usize, turns: Range<usize>, lists: usize, starts: &mut Vec<u32>, visitors: &mut Vec<u32>) {
    let of = |query: usize| &probes[query * visits..][turns.clone()];
    let queries = probes.len().checked_div(visits).unwrap_or(0);
    starts.clear();
    starts.resize(lists + 1, 0);
    (0..queries).flat_map(of).for_each(|&list| starts[list as usize + 1] += 1);
    for list in 0..lists {
        starts[list + 1] += starts[list];
    }
    visitors.clear();
    visitors.resize(queries * turns.len(), 0);
    let mut free = starts.clone();
    for query in 0..queries {
        for &list in of(query) {
            let place = &mut free[list as usize];
            visitors[*place as usize] = query as u32;
            *place += 1;
        }
    }
}

/// Appends a query as bytes; answers what one stands for.
fn rounded(query: &[f32], bytes: &mut Vec<i8>) -> f32 {
    let most = query.iter().fold(0f32, |most, x| if x.abs() > most { x.abs() } else { most });
    let unit = most / 127.0;
    let inverse = if unit > 0.0 && unit.is_finite() { 1.0 / unit } else { 0.0 };
    bytes.extend(query.iter().map(|x| round(x * inverse).clamp(-127.0, 127.0) as i8));
    unit
}

/// One list of one part against its visitors.
struct Work<'a, Own> {
    engine: &'a SearchEngine,
    parts: &'a [Part<'a>],
    bytes: &'a [i8],
    units: &'a [f32],
    best: &'a mut [Best],
    own: &'a Own,
    /// Parts' first places.
    starts: &'a [u32],
    tile: &'a mut QueryTile,
    /// Places of the tile that have a query.
    filled: usize,
    list: &'a mut ListBytes,
}

impl<'p, Own: Fn(usize) -> SearchParams<'p>> Work<'_, Own> {
    /// Scores a list's rows for its visitors, and asks for the vectors of the part and list that come next meanwhile.
    fn list(&mut self, part: usize, list: usize, visitors: &[u32], next: Option<(usize, usize)>) {
        let Part { index, selection } = self.parts[part];
        let positions = index.layout.rows_of(list);
        if positions.is_empty() {
            return;
        }
        let first_block = index.layout.blocks_of(list).start;
        let (dim, kernel) = (self.tile.dim(), self.engine.kernel);
        let mut ahead = next.map_or(&[][..], |(part, list)| {
            let index = self.parts[part].index;
            index.refine.records(index.layout.rows_of(list))
        });
        let step = ahead.len().div_ceil(positions.len().div_ceil(ROWS)).next_multiple_of(BLOCK);
        let ListRows { rows, scales, less } = self.list.load(&index.refine, positions.clone());
        let mut products = [[0i32; TILE]; ROWS];
        let mut scores = [[0f32; TILE]; ROWS];
        let mut reached = [0u16; ROWS];
        for visitors in visitors.chunks(TILE) {
            let (mut weights, mut floors) = ([0f32; TILE], [f32::INFINITY; TILE]);
            for (place, &query) in visitors.iter().enumerate() {
                let query = query as usize;
                self.tile.set(place, &self.bytes[query * dim..][..dim]);
                (weights[place], floors[place]) = (self.units[query], floor(&self.best[query]));
            }
            (visitors.len()..self.filled).for_each(|place| self.tile.clear(place));
            self.filled = visitors.len();
            for from in (0..positions.len()).step_by(ROWS) {
                let count = ROWS.min(positions.len() - from);
                let rows = rows.part(from, count);
                let (now, later) = ahead.split_at(step.min(ahead.len()));
                kernel.prefetch_far(now);
                ahead = later;
                let by = TileScores {
                    scales: &scales[from..from + count],
                    less: less.get(from..from + count).unwrap_or_default(),
                    weights: &weights,
                    floors: &floors,
                };
                kernel.tile_products(self.tile, rows, &mut products[..count]);
                kernel.tile_scores(by, &products[..count], &mut scores[..count], &mut reached[..count]);
                let allowed = |row: usize| selection.word(first_block + (from + row) / BLOCK) >> (row % BLOCK) & 1 == 1;
                for row in (0..count).filter(|&row| reached[row] != 0 && allowed(row)) {
                    let mut queries = reached[row] & (u32::MAX >> (32 - visitors.len())) as u16;
                    let position = positions.start + from + row;
                    while queries != 0 {
                        let place = queries.trailing_zeros() as usize;
                        queries &= queries - 1;
                        let query = visitors[place] as usize;
                        let key = key(order(scores[row][place]), self.starts[part] + position as u32);
                        if key > self.best[query].floor() && returns((self.own)(query).narrow, part, position) {
                            self.best[query].push(key);
                            floors[place] = floor(&self.best[query]);
                        }
                    }
                }
            }
        }
    }
}

/// The score that a row has to reach.
fn floor(best: &Best) -> f32 {
    match best.floor() {
        0 => f32::NEG_INFINITY,
        u64::MAX => f32::INFINITY,
        floor => score_of(order_of(floor)),
    }
}

/// Whether a query may return a row.
fn returns(narrow: Option<&dyn Narrow>, part: usize, position: usize) -> bool {
    let Some(narrow) = narrow else { return true };
    let mut word = [1];
    !narrow.narrow(part, position..position + 1, &mut word) || word[0] & 1 == 1
}
