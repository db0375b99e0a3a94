//! Many queries list by list: the stored vectors themselves, as bytes, against sixteen queries at a time. No codes are looked at: every row of
//! a list visited is scored, and the best are scored again as a single query's candidates are. So a batch by tiles finds what the lists hold;
//! single queries, whose candidates are chosen by codes, lose some of it.
//!
//! Where there are enough queries, each visits its nearest list first, which brings its floor near its last height before most of its rows are
//! looked at; with fewer, reading all lists once more would cost more than that. What is found depends neither on the order of lists nor on
//! the other queries: a row is left out only where enough better ones are known.

use std::ops::Range;

use rayon::prelude::*;

use crate::kernel::TILE;
use crate::types::Refine;
use crate::vector::Matrix;

use super::candidate::Candidate;
use super::coarse;
use super::coarse_tiles::CoarseTiles;
use super::engine::SearchEngine;
use super::key::Best;
use super::list_bytes::ListBytes;
use super::narrow::Narrow;
use super::params::{Part, ScanMode, SearchParams};
use super::scratch::{Scratch, prepare};
use super::search::{refine, take_hits};
use super::tile_work::{Tiles, Work, rounded};

/// Most queries that go over the lists together, and most rows that they keep meanwhile.
const QUERIES: usize = 8192;
const KEPT: usize = 1 << 20;
/// Queries a list, from which on each visits its nearest list before all others.
const NEAREST_FIRST: usize = 4;
/// Rows scored again beyond `k`, and the share of it: rounding queries to bytes changes places among those of nearly equal scores, rounding
/// rows, where they are not stored as bytes, among more of them.
const MORE: Beyond = Beyond { share: 4, rows: 8 };
const MORE_ROUNDED: Beyond = Beyond { share: 2, rows: 22 };

struct Beyond {
    share: usize,
    rows: usize,
}

/// Rows that a query gathers beyond those, and for each, before its floor moves.
const GATHERED: usize = 16;

/// What a thread works in.
#[derive(Default)]
struct TileScratch {
    front: Scratch,
    centroids: CoarseTiles,
    /// The queries as bytes, and what a byte stands for.
    bytes: Vec<i8>,
    units: Vec<f32>,
    best: Vec<Best>,
    /// The lists of each query in the order of probing, and where each query's begin.
    probes: Vec<u32>,
    probe_starts: Vec<u32>,
    /// The queries that visit each list, list after list, and where each list's begin.
    visitors: Vec<u32>,
    starts: Vec<u32>,
    list: ListBytes,
    words: Vec<u64>,
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
    let most = (KEPT / wanted(params.k, parts)).clamp(1, QUERIES);
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
fn wanted(k: usize, parts: &[Part<'_>]) -> usize {
    let as_bytes = parts.iter().all(|part| part.index.refine() == Refine::Int8);
    let Beyond { share, rows } = if as_bytes { MORE } else { MORE_ROUNDED };
    k.saturating_add(k / share).saturating_add(rows)
}

/// The best rows of each query into `scratch.best`.
fn search_block<'p>(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    queries: &[&[f32]],
    own: &(impl Fn(usize) -> SearchParams<'p> + Sync),
    scratch: &mut TileScratch,
) {
    let (dim, lists) = (engine.quantizer.dim(), engine.quantizer.lists());
    let all = prepare(parts, &mut scratch.front);
    let TileScratch { front, centroids, bytes, units, best, probes, probe_starts, visitors, starts, list: list_bytes, words } = scratch;
    best.resize_with(best.len().max(queries.len()), Best::default);
    bytes.clear();
    units.clear();
    for (at, (query, best)) in queries.iter().zip(best.iter_mut()).enumerate() {
        let k = own(at).k;
        let wanted = if k == 0 { 0 } else { wanted(k, parts).min(all) };
        best.reset_with(wanted, wanted.saturating_mul(2).saturating_add(GATHERED));
        units.push(rounded(query, bytes));
    }
    let mut tiles = Tiles::new(dim);
    centroids.set(engine);
    probes.clear();
    probe_starts.clear();
    probe_starts.push(0);
    let numbers: Vec<u32> = (0..queries.len() as u32).collect();
    for (numbers, queries) in numbers.chunks(TILE).zip(queries.chunks(TILE)) {
        tiles.fill(0, numbers, (bytes, units), best);
        let (tile, weights) = tiles.first();
        centroids.score(engine, tile, weights);
        for (place, (&at, query)) in numbers.iter().zip(queries).enumerate() {
            coarse::settle(engine, query, own(at as usize).nprobe, centroids.of(place, lists), &mut front.coarse);
            probes.extend(front.coarse.probes.iter().map(|probe| probe.list));
            probe_starts.push(probes.len() as u32);
        }
    }
    let mut work = Work { engine, parts, bytes, units, best, own, starts: &front.starts, tiles: &mut tiles, list: list_bytes, words };
    let first = usize::from(queries.len() >= NEAREST_FIRST * lists);
    for turns in [0..first, first..usize::MAX] {
        by_lists((probes, probe_starts), turns, lists, starts, visitors);
        let of = |list: usize| &visitors[starts[list] as usize..starts[list + 1] as usize];
        let mut visited = (0..lists).filter(|&list| !of(list).is_empty()).peekable();
        while let Some(list) = visited.next() {
            for part in 0..parts.len() {
                let next = if part + 1 < parts.len() { Some((part + 1, list)) } else { visited.peek().map(|&list| (0, list)) };
                work.list(part, list, of(list), next);
            }
        }
    }
}

/// Sorts the visits of some turns by list: the queries of list `i` are `visitors[starts[i]..starts[i + 1]]`, ascending. `probes` are the lists of
/// each query, and where each query's begin.
fn by_lists((probes, probe_starts): (&[u32], &[u32]), turns: Range<usize>, lists: usize, starts: &mut Vec<u32>, visitors: &mut Vec<u32>) {
    let of = |query: usize| {
        let own = &probes[probe_starts[query] as usize..probe_starts[query + 1] as usize];
        &own[turns.start.min(own.len())..turns.end.min(own.len())]
    };
    let queries = probe_starts.len() - 1;
    starts.clear();
    starts.resize(lists + 1, 0);
    (0..queries).flat_map(of).for_each(|&list| starts[list as usize + 1] += 1);
    for list in 0..lists {
        starts[list + 1] += starts[list];
    }
    visitors.clear();
    visitors.resize(starts[lists] as usize, 0);
    let mut free = starts.clone();
    for query in 0..queries {
        for &list in of(query) {
            let place = &mut free[list as usize];
            visitors[*place as usize] = query as u32;
            *place += 1;
        }
    }
}
