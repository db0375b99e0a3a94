//! One query over the segments of a generation: coarse step, tables, scan, refine, best k.

use crate::types::{Metric, Refine};

use super::candidate::Candidate;
use super::coarse;
use super::engine::SearchEngine;
use super::key::{final_order, final_score, key, order_of, place_of, score_of};
use super::params::{Part, ScanMode, SearchParams};
use super::scan;
use super::scratch::{Scratch, locate, prepare};
use super::stats::{Clock, SearchStats};
use super::survey::{choose, survey};

/// Finds the k best rows for a query of the engine's dimension (normalised under cosine); they are in `scratch.hits()`, ordered by
/// (score, part, position).
pub(crate) fn search(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    query: &[f32],
    params: &SearchParams<'_>,
    scratch: &mut Scratch,
) -> SearchStats {
    let (query, back) = engine.quantizer.carry_query(query);
    let params = SearchParams { min_score: params.min_score.map(|least| least / back), ..*params };
    let stats = search_carried(engine, parts, &query, &params, scratch);
    if back != 1.0 {
        scratch.hits.iter_mut().for_each(|hit| hit.score *= back);
    }
    stats
}

/// The same for a query in the quantizer's scale, with scores in that scale.
pub(crate) fn search_carried(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    query: &[f32],
    params: &SearchParams<'_>,
    scratch: &mut Scratch,
) -> SearchStats {
    let mut stats = SearchStats::default();
    let mut clock = Clock::new(params.timed);
    scratch.hits.clear();
    debug_assert_eq!(query.len(), engine.quantizer.dim());
    let rows = prepare(parts, scratch);
    if params.k == 0 || rows == 0 {
        return stats;
    }
    let products = params.mode == ScanMode::Exact || parts.iter().any(|part| part.index.refine() == Refine::None);
    coarse::probe(engine, query, params.nprobe, products, &mut scratch.coarse);
    survey(parts, params, scratch);
    clock.mark(&mut stats.times.coarse);
    pass(engine, parts, query, params, scratch, &mut stats);
    stats
}

/// Scans the first `params.nprobe` of the lists that were surveyed, and refines.
pub(super) fn pass(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    query: &[f32],
    params: &SearchParams<'_>,
    scratch: &mut Scratch,
    stats: &mut SearchStats,
) {
    let mut clock = Clock::new(params.timed);
    scratch.hits.clear();
    choose(parts, params, scratch);
    stats.lists_probed = params.nprobe.min(engine.quantizer.lists());
    let rows = parts.iter().map(|part| part.index.rows()).sum();
    let wanted = params.candidates.max(params.k).min(rows);
    if params.mode == ScanMode::Exact {
        let scaled = scale_query(engine.quantizer.metric, query, &mut scratch.doubled);
        scratch.exact.build(engine, scaled);
        clock.mark(&mut stats.times.table);
        scan::exact(engine, parts, wanted, scratch, stats);
        clock.mark(&mut stats.times.scan);
        let kept = scratch.best.unsorted().len();
        stats.candidates_refined = kept;
        clock.mark(&mut stats.times.select);
    } else {
        let asked = scan::ask_first(engine, parts, scratch);
        let scaled = scale_query(engine.quantizer.metric, query, &mut scratch.doubled);
        scratch.filter.build(engine, scaled);
        clock.mark(&mut stats.times.table);
        scan::filter(engine, parts, wanted, asked, scratch, stats);
        clock.mark(&mut stats.times.scan);
        stats.candidates_refined = scan::filter_end(scratch);
        clock.mark(&mut stats.times.select);
    }
    refine(engine, parts, query, params, scratch);
    clock.mark(&mut stats.times.refine);
    take_hits(params, scratch);
    clock.mark(&mut stats.times.top);
}

/// Under L2 the scans score 2 <q, x> - |x|^2: the tables take the doubled query.
pub(super) fn scale_query<'a>(metric: Metric, query: &'a [f32], doubled: &'a mut Vec<f32>) -> &'a [f32] {
    if metric != Metric::L2 {
        return query;
    }
    doubled.clear();
    doubled.extend(query.iter().map(|x| 2.0 * x));
    doubled
}

/// Scores the candidates by their refine vectors (or, where none are kept, by their whole codes) into `scratch.best`.
pub(super) fn refine(engine: &SearchEngine, parts: &[Part<'_>], query: &[f32], params: &SearchParams<'_>, scratch: &mut Scratch) {
    /// Candidates fetched ahead: into the first-level cache, and into the second those that no scan has asked for.
    const AHEAD: usize = 4;
    const FAR_AHEAD: usize = 24;
    /// Of more candidates the second-level cache does not hold the records that the scan asked for.
    const MANY: usize = 4096;
    let kernel = engine.kernel;
    let kind = parts.first().map_or(Refine::None, |part| part.index.refine());
    let Scratch { pool, best, few, refine, starts, exact, products, coarse, doubled, .. } = scratch;
    let keys: &mut [u64] = if params.mode == ScanMode::Exact { best.unsorted() } else { pool.kept() };
    if kind == Refine::None {
        let less = if engine.quantizer.metric == Metric::L2 { kernel.dot(query, query) } else { 0.0 };
        if params.mode == ScanMode::Exact {
            for key_ in keys.iter_mut() {
                let score = score_of(order_of(*key_)) - less;
                *key_ = key(final_order(score, || f64::from(score)), place_of(*key_));
            }
        } else {
            exact.build_floats(engine, scale_query(engine.quantizer.metric, query, doubled));
            products.clear();
            products.extend(coarse.probes.iter().map(|probe| (probe.list, probe.product)));
            products.sort_unstable_by_key(|&(list, _)| list);
            for key_ in keys.iter_mut() {
                let place = place_of(*key_);
                let (part, position) = locate(starts, place);
                let index = parts[part].index;
                let list = index.layout.list_of(position) as u32;
                let product = products.binary_search_by_key(&list, |&(list, _)| list).map_or(0.0, |at| products[at].1);
                let (block, lane) = index.block_lane(position);
                let base = scan::base(engine.quantizer.metric, product, index.l2.as_ref().map(|l2| l2.rows[position]));
                let score = exact.score(index, block, lane, base) - less;
                *key_ = key(final_order(score, || f64::from(score)), place);
            }
        }
    } else {
        refine.set(query, kind);
        let record = |key: u64| {
            let (part, position) = locate(starts, place_of(key));
            parts[part].index.refine.record(position)
        };
        let ahead = |key: u64| kernel.prefetch(record(key));
        let first_of_few = if keys.len() > MANY { 0 } else { keys.len().saturating_sub(few.len()) };
        keys.iter().take(AHEAD).for_each(|&key| ahead(key));
        for at in 0..keys.len() {
            if let Some(&key) = keys.get(at + AHEAD) {
                ahead(key);
            }
            if let Some(&key) = keys.get(at + FAR_AHEAD).filter(|_| at + FAR_AHEAD >= first_of_few) {
                kernel.prefetch_far(record(key));
            }
            let place = place_of(keys[at]);
            let (part, position) = locate(starts, place);
            let store = &parts[part].index.refine;
            let score = store.score(kernel, query, refine, position);
            keys[at] = key(final_order(score, || store.precise_score(query, position)), place);
        }
    }
}

/// The best k of the refined candidates into `scratch.hits`.
pub(super) fn take_hits(params: &SearchParams<'_>, scratch: &mut Scratch) {
    let keys: &mut [u64] = if params.mode == ScanMode::Exact { scratch.best.unsorted() } else { scratch.pool.kept() };
    let kept = super::key::keep_largest(keys, params.k);
    let keys = &mut keys[..kept];
    keys.sort_unstable_by(|a, b| b.cmp(a));
    for &key in keys.iter() {
        let score = final_score(order_of(key));
        if params.min_score.is_some_and(|least| score < least) {
            break;
        }
        let (part, position) = locate(&scratch.starts, place_of(key));
        scratch.hits.push(Candidate { part: part as u32, position: position as u32, score });
    }
}
