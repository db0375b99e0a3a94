//! What every query does that may not return all rows.

use std::time::Instant;

use super::engine::SearchEngine;
use super::params::SearchParams;
use super::scratch::Scratch;
use super::stats::SearchStats;

/// Searches for a query carried into the quantizer's scale, and gives the hits' scores in the query's own. What the stages do not account for is time of
/// the forecast. A lowest score is no matter of the search: it would end before it knows what it has found.
pub(super) fn restricted<'p>(
    engine: &SearchEngine,
    query: &[f32],
    params: &SearchParams<'p>,
    scratch: &mut Scratch,
    search: impl FnOnce(&[f32], SearchParams<'p>, &mut Scratch) -> (SearchStats, f32),
) -> (SearchStats, f32) {
    let (query, back) = engine.quantizer.carry_query(query);
    let began = Instant::now();
    let (mut stats, found) = search(&query, SearchParams { min_score: None, ..*params }, scratch);
    if params.timed {
        stats.times.forecast = began.elapsed().saturating_sub(stats.times.sum());
    }
    scratch.hits.iter_mut().for_each(|hit| hit.score *= back);
    (stats, found)
}
