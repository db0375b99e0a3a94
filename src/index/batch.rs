//! Many queries at once, on all threads of the current rayon pool.
//!
//! A thread takes a block of queries. Codes that stay in the cache are best scanned query by query. Where they come from memory, and
//! several queries visit a list, they are scanned list by list: each query of the block first scans its nearest lists, which brings
//! its threshold near its last height; the other lists are then scanned for all queries that visit them while they are in the cache.
//! What a scan keeps does not depend on the order of lists, so every query gets what it would have got alone.
//!
//! Where many queries visit each list, no codes are scanned at all: see [`tiles`](super::tiles).

use std::borrow::Cow;

use rayon::prelude::*;

use crate::types::Refine;
use crate::vector::Matrix;

use super::candidate::Candidate;
use super::coarse;
use super::engine::SearchEngine;
use super::narrow::Narrow;
use super::params::{Part, ScanMode, SearchParams};
use super::scan;
use super::scratch::{Scratch, prepare};
use super::search::{refine, scale_query, search_carried, take_hits};
use super::survey::{choose, survey};
use super::tiles::search_tiles;

/// Most queries of a block: their tables and thresholds stay in the second-level cache, and some share a list.
const QUERIES: usize = 128;
/// The share of its lists that a query scans by itself, nearest first.
const OWN_SHARE: usize = 8;

/// Bytes of the scanned planes that the third-level cache is taken to keep from query to query.
const CACHED: usize = 24 << 20;
/// Queries of a block that have to visit a list, on average, for the way list by list to be worth its while.
const VISITORS: usize = 3;

/// Queries that have to visit a list, on average, for tiles of them to be worth their while: from 4 on with AMX, and with AVX-512 VNNI by less
/// (`torre bench --batch` prints both ways); AVX2 alone loses at any number. The same on every CPU, since by tiles a query finds more.
const TILE_VISITORS: usize = 8;

/// How a block of queries is scanned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Queries,
    Lists,
    /// See [`tiles`](super::tiles).
    Tiles,
}

/// Whether so many queries go over the lists by tiles (see [`tiles`](super::tiles)): each then finds the best of all that its lists hold.
pub(crate) fn by_tiles(engine: &SearchEngine, parts: &[Part<'_>], queries: usize, nprobe: usize) -> bool {
    let lists = engine.quantizer.lists();
    let stored = parts.iter().all(|part| part.index.refine() != Refine::None);
    stored && queries.saturating_mul(nprobe.min(lists)) >= TILE_VISITORS * lists
}

impl Order {
    fn choose(engine: &SearchEngine, parts: &[Part<'_>], params: &SearchParams<'_>, queries: usize) -> Self {
        let lists = engine.quantizer.lists();
        if params.mode == ScanMode::Filter && by_tiles(engine, parts, queries, params.nprobe) {
            return Self::Tiles;
        }
        let bytes: usize = parts.iter().map(|part| 64 * part.index.hi.len()).sum();
        let shared = block(queries).saturating_mul(params.nprobe) >= VISITORS * lists;
        if bytes > CACHED && shared { Self::Lists } else { Self::Queries }
    }
}

/// What a thread works in.
#[derive(Default)]
struct BlockScratch {
    queries: Vec<Scratch>,
    /// Lends all queries the buffers that only their beginning needs, so that these stay in the cache.
    front: Scratch,
    /// List, part, query, place among the query's lists.
    visits: Vec<(u32, u32, u32, u32)>,
}

/// Answers every query as [`search`](super::search) does, hit for hit, or, [`by_tiles`], by all rows of its lists. `narrows` has what each query takes out; where it
/// is empty, that of `params` holds for all. Rows left out one by one may differ, the filter is the same for all.
pub(crate) fn search_batch(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    queries: &Matrix,
    params: &SearchParams<'_>,
    narrows: &[Option<&dyn Narrow>],
) -> Vec<Vec<Candidate>> {
    let mut carried: Option<Matrix> = None;
    let mut backs = Vec::with_capacity(queries.rows());
    for (at, query) in queries.iter().enumerate() {
        let (query, back) = engine.quantizer.carry_query(query);
        if let Cow::Owned(query) = query {
            carried.get_or_insert_with(|| queries.clone()).row_mut(at).copy_from_slice(&query);
        }
        backs.push(back);
    }
    let queries = carried.as_ref().unwrap_or(queries);
    // The least score is in each query's own scale.
    let free = SearchParams { min_score: None, ..*params };
    let mut found = search_in(Order::choose(engine, parts, params, queries.rows()), engine, parts, queries, &free, narrows);
    for (hits, back) in found.iter_mut().zip(backs) {
        hits.iter_mut().for_each(|hit| hit.score *= back);
        if let Some(least) = params.min_score {
            hits.retain(|hit| hit.score >= least);
        }
    }
    found
}

/// Queries of a block: several blocks a thread, so that they end together.
fn block(queries: usize) -> usize {
    queries.div_ceil(4 * rayon::current_num_threads()).clamp(1, QUERIES)
}

pub(super) fn search_in(
    order: Order,
    engine: &SearchEngine,
    parts: &[Part<'_>],
    queries: &Matrix,
    params: &SearchParams<'_>,
    narrows: &[Option<&dyn Narrow>],
) -> Vec<Vec<Candidate>> {
    if order == Order::Tiles {
        return search_tiles(engine, parts, queries, params, narrows);
    }
    let own = |query: usize| SearchParams { narrow: narrows.get(query).copied().unwrap_or(params.narrow), ..*params };
    let mut found = vec![Vec::new(); queries.rows()];
    let block = block(queries.rows());
    found.par_chunks_mut(block).enumerate().for_each_init(BlockScratch::default, |scratch, (at, found)| {
        let rows = at * block..at * block + found.len();
        if order == Order::Lists && params.mode == ScanMode::Filter && rows.len() > 1 {
            search_block(engine, parts, queries, rows, &own, scratch);
            for (scratch, found) in scratch.queries.iter().zip(found) {
                found.extend_from_slice(scratch.hits());
            }
        } else {
            for (row, found) in rows.zip(found) {
                search_carried(engine, parts, queries.row(row), &own(row), &mut scratch.front);
                found.extend_from_slice(scratch.front.hits());
            }
        }
    });
    found
}

fn search_block<'p>(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    queries: &Matrix,
    rows: std::ops::Range<usize>,
    own: &impl Fn(usize) -> SearchParams<'p>,
    scratch: &mut BlockScratch,
) {
    let BlockScratch { queries: scratches, front, visits } = scratch;
    scratches.resize_with(scratches.len().max(rows.len()), Scratch::default);
    visits.clear();
    let products = parts.iter().any(|part| part.index.refine() == Refine::None);
    for ((number, row), scratch) in rows.clone().enumerate().zip(scratches.iter_mut()) {
        scratch.hits.clear();
        let params = &own(row);
        let all = prepare(parts, scratch);
        if params.k == 0 || all == 0 {
            continue;
        }
        let query = queries.row(row);
        if !products {
            std::mem::swap(&mut scratch.coarse, &mut front.coarse);
        }
        scratch.filter.swap_floats(&mut front.filter);
        coarse::probe(engine, query, params.nprobe, products, &mut scratch.coarse);
        let scaled = scale_query(engine.quantizer.metric, query, &mut scratch.doubled);
        scratch.filter.build(engine, scaled);
        survey(parts, params, scratch);
        choose(parts, params, scratch);
        scan::filter_begin(engine, parts, params.candidates.max(params.k).min(all), scratch);
        if !products {
            std::mem::swap(&mut scratch.coarse, &mut front.coarse);
        }
        scratch.filter.swap_floats(&mut front.filter);
        let own = scratch.tasks.len().div_ceil(OWN_SHARE);
        let mut fetched = 0;
        for at in 0..own {
            let next = scratch.tasks.get(at + 1).map_or(scan::Ahead::default(), |task| scan::ahead(parts, task));
            scan::filter_list(engine, parts, scratch, at, next, &mut fetched);
        }
        let rest = scratch.tasks.iter().enumerate().skip(own);
        visits.extend(rest.map(|(at, task)| (task.list, task.part, number as u32, at as u32)));
    }
    visits.sort_unstable();
    let mut fetched = 0;
    for (turn, &(list, part, number, at)) in visits.iter().enumerate() {
        // The last query of a list fetches the next list.
        let next = match visits.get(turn + 1) {
            Some(&(l, p, number, at)) if (l, p) != (list, part) => scan::ahead(parts, &scratches[number as usize].tasks[at as usize]),
            _ => scan::Ahead::default(),
        };
        scan::filter_list(engine, parts, &mut scratches[number as usize], at as usize, next, &mut fetched);
    }
    if parts.iter().all(|part| part.index.rows() == 0) {
        return;
    }
    for (row, scratch) in rows.zip(scratches.iter_mut()) {
        let params = &own(row);
        if params.k == 0 {
            continue;
        }
        scan::filter_end(scratch);
        refine(engine, parts, queries.row(row), params, scratch);
        take_hits(params, scratch);
    }
}
