//! The coarse step: which lists to visit. Integer products with all centroids order them, f32 products decide about the doubtful ones.

use std::cmp::Reverse;

use crate::kernel::{COARSE_QUERY_MAX, Kernel, round};
use crate::types::Metric;

use super::coarse_copy::{CoarseCopy, OFFSET};
use super::engine::SearchEngine;
use super::key::{keep_largest, key, order, order_of, place_of, score_of};

/// A list to visit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Probe {
    pub(crate) list: u32,
    /// Inner product of query and centroid (see [`probe`] for how exact it is).
    pub(crate) product: f32,
}

/// What the coarse step works in.
#[derive(Default, Debug)]
pub(crate) struct CoarseScratch {
    query: Vec<i8>,
    sums: Vec<i32>,
    scores: Vec<f32>,
    keys: Vec<u64>,
    products: Vec<f32>,
    /// Lists by sort key, with their products.
    found: Vec<(u64, f32)>,
    places: Vec<u32>,
    /// The lists to visit, nearest first.
    pub(crate) probes: Vec<Probe>,
}

/// Finds the `nprobe` lists whose centroids are nearest to the query, nearest first (ties: lower list first).
///
/// Integer scores order all lists; f32 products decide about those around rank `nprobe`, an eighth of it and four to either side. The
/// integers' errors are far smaller than that margin. `products` says whether the products of all lists found must be f32 ones;
/// otherwise those of the safe ones are what the integers stand for.
pub(crate) fn probe(engine: &SearchEngine, query: &[f32], nprobe: usize, products: bool, scratch: &mut CoarseScratch) {
    let lists = engine.quantizer.lists();
    let mut scores = std::mem::take(&mut scratch.scores);
    if margin(nprobe.min(lists)) < lists {
        approximate(&engine.coarse, engine.kernel, engine.quantizer.metric, query, scratch, &mut scores);
    }
    decide(engine, query, (nprobe, products), &scores, scratch);
    scratch.scores = scores;
}

/// The same given the integer scores of all lists, without exact products.
pub(super) fn settle(engine: &SearchEngine, query: &[f32], nprobe: usize, scores: &[f32], scratch: &mut CoarseScratch) {
    decide(engine, query, (nprobe, false), scores, scratch);
}

/// Lists that f32 products have a say about when `nprobe` are wanted, the safe ones included.
fn margin(nprobe: usize) -> usize {
    nprobe + nprobe / 8 + 4
}

/// Decides by integer scores, of which there need not be any where all lists are doubtful.
fn decide(engine: &SearchEngine, query: &[f32], (nprobe, products): (usize, bool), scores: &[f32], scratch: &mut CoarseScratch) {
    let (quantizer, copy, kernel) = (&*engine.quantizer, &engine.coarse, engine.kernel);
    let l2 = quantizer.metric == Metric::L2;
    let lists = quantizer.lists();
    let nprobe = nprobe.min(lists);
    scratch.probes.clear();
    scratch.keys.clear();
    if nprobe == 0 {
        return;
    }
    let margin = margin(nprobe) - nprobe;
    let mut safe = 0;
    if nprobe + margin >= lists {
        scratch.keys.extend((0..lists as u32).map(|list| key(0, list)));
    } else {
        select(kernel, &scores[..lists], nprobe + margin, scratch);
        safe = nprobe.saturating_sub(margin);
        if safe > 0 {
            scratch.keys.select_nth_unstable_by(safe, |a, b| b.cmp(a));
        }
    }
    let exact = if products { 0 } else { safe };
    let CoarseScratch { keys, found, probes, .. } = scratch;
    let floats = |key: u64| quantizer.coarse.row(place_of(key) as usize);
    keys[exact..].iter().for_each(|&key| kernel.prefetch(floats(key)));
    found.clear();
    for &rough in keys.iter() {
        let (list, score) = (place_of(rough), score_of(order_of(rough)));
        let less = copy.less[list as usize];
        if found.len() < exact {
            // A score is twice the product less the squared length under L2.
            found.push((rough, if l2 { 0.5 * (score + less) } else { score }));
        } else {
            let product = kernel.dot(query, floats(rough));
            found.push((key(order(if l2 { 2.0 * product - less } else { product }), list), product));
        }
    }
    let missing = nprobe - safe;
    if found.len() > nprobe {
        found[safe..].select_nth_unstable_by(missing - 1, |a, b| b.0.cmp(&a.0));
        found.truncate(nprobe);
    }
    found.sort_unstable_by_key(|&(key, _)| Reverse(key));
    probes.extend(found.iter().map(|&(key, product)| Probe { list: place_of(key), product }));
}

/// The `nprobe` lists that a query visits, nearest first.
pub(crate) fn lists_to_visit<'s>(
    engine: &SearchEngine,
    query: &[f32],
    nprobe: usize,
    scratch: &'s mut CoarseScratch,
) -> impl Iterator<Item = u32> + use<'s> {
    let (query, _) = engine.quantizer.carry_query(query);
    probe(engine, &query, nprobe, false, scratch);
    scratch.probes.iter().map(|probe| probe.list)
}

/// Integer scores of all lists into `scores`.
fn approximate(copy: &CoarseCopy, kernel: Kernel, metric: Metric, query: &[f32], scratch: &mut CoarseScratch, scores: &mut Vec<f32>) {
    let most = query.iter().fold(0f32, |most, x| if x.abs() > most { x.abs() } else { most });
    let scale = most / COARSE_QUERY_MAX as f32;
    let inverse = if scale > 0.0 && scale.is_finite() { 1.0 / scale } else { 0.0 };
    scratch.query.clear();
    scratch.query.extend(query.iter().map(|x| round(x * inverse).clamp(-64.0, 64.0) as i8));
    scratch.query.resize(4 * copy.steps, 0);
    let offset = OFFSET * scratch.query.iter().map(|&q| i32::from(q)).sum::<i32>();
    scratch.sums.resize(copy.scales.len(), 0);
    kernel.coarse(&scratch.query, &copy.blocks, &mut scratch.sums);
    let unit = if metric == Metric::L2 { 2.0 * scale } else { scale };
    scores.resize(copy.scales.len(), 0.0);
    kernel.coarse_scores(&scratch.sums, offset, unit, &copy.scales, &copy.less, scores);
}

/// Keys of the best `wanted` scores, and perhaps a few more, into `scratch.keys`.
///
/// Scores are first dealt into columns; the `wanted`-th best column maximum is a bound that at least `wanted` scores reach, and few
/// more do: those are taken.
fn select(kernel: Kernel, scores: &[f32], wanted: usize, scratch: &mut CoarseScratch) {
    const WIDTH: usize = 16;
    let lists = scores.len();
    let columns = (2 * wanted).next_multiple_of(WIDTH);
    let mut bound = f32::NEG_INFINITY;
    if columns * 2 <= lists {
        scratch.products.clear();
        scratch.products.resize(columns, f32::NEG_INFINITY);
        kernel.column_maxima(scores, &mut scratch.products);
        scratch.places.clear();
        scratch.places.extend(scratch.products.iter().map(|&score| order(score)));
        let (_, top, _) = scratch.places.select_nth_unstable_by(wanted - 1, |a, b| b.cmp(a));
        bound = score_of(*top);
    }
    scratch.keys.clear();
    if bound > f32::NEG_INFINITY {
        scratch.places.resize(lists, 0);
        let found = kernel.at_least(scores, bound, &mut scratch.places);
        scratch.keys.extend(scratch.places[..found].iter().map(|&list| key(order(scores[list as usize]), list)));
    } else {
        scratch.keys.extend(scores.iter().zip(0..).map(|(&score, list)| key(order(score), list)));
        let kept = keep_largest(&mut scratch.keys, wanted);
        scratch.keys.truncate(kept);
    }
}
