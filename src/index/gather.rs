//! A query over rows that are named one by one: all of them are scored by their refine vectors.

use crate::types::Refine;

use super::coarse;
use super::engine::SearchEngine;
use super::ivf::IvfIndex;
use super::params::{Part, SearchParams};
use super::scratch::{Scratch, prepare};
use super::search::{refine, take_hits};
use super::selection::Selection;
use super::stats::{Clock, SearchStats};

/// Finds the best `params.k` of these rows, by part and position in any order but each once, which `params.narrow` must let through but for
/// what it excludes; they are in `scratch.hits()`.
pub(crate) fn gather(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    query: &[f32],
    rows: &[(u32, u32)],
    params: &SearchParams<'_>,
    scratch: &mut Scratch,
) -> SearchStats {
    let (query, back) = engine.quantizer.carry_query(query);
    let mut stats = SearchStats { gathered: true, ..SearchStats::default() };
    let mut clock = Clock::new(params.timed);
    scratch.hits.clear();
    if prepare(parts, scratch) == 0 || params.k == 0 {
        return stats;
    }
    if parts.iter().any(|part| part.index.refine() == Refine::None) {
        // Codes are scored beside their centroids' products.
        coarse::probe(engine, &query, engine.quantizer.lists(), true, &mut scratch.coarse);
        clock.mark(&mut stats.times.coarse);
    }
    let excluded = params.narrow.map_or(&[][..], |narrow| narrow.excluded());
    let Scratch { few, starts, pool, .. } = scratch;
    few.clear();
    let left = rows.iter().filter(|row| excluded.is_empty() || excluded.binary_search(row).is_err());
    few.extend(left.map(|&(part, position)| starts[part as usize] + position));
    pool.reset(1, 0);
    pool.add(few);
    (stats.rows_passing, stats.candidates_refined) = (few.len(), few.len());
    refine(engine, parts, &query, params, scratch);
    clock.mark(&mut stats.times.refine);
    take_hits(&SearchParams { min_score: None, ..*params }, scratch);
    scratch.hits.iter_mut().for_each(|hit| hit.score *= back);
    clock.mark(&mut stats.times.top);
    stats
}

impl IvfIndex {
    /// Keeps those of some rows, best ascending, that are selected.
    pub(crate) fn retain(&self, rows: &mut Vec<u32>, selection: &Selection) {
        let mut list = 0;
        rows.retain(|&position| {
            let position = position as usize;
            if !self.layout.rows_of(list).contains(&position) {
                let next = list + 1;
                let follows = next < self.layout.lists() && self.layout.rows_of(next).contains(&position);
                list = if follows { next } else { self.layout.list_of(position) };
            }
            let within = position - self.layout.rows_of(list).start;
            selection.contains(self.layout.blocks_of(list).start + within / crate::kernel::BLOCK, within % crate::kernel::BLOCK)
        });
    }
}
