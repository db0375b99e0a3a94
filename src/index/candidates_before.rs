//! How many candidates a query has to look at before it comes to rows that are known.

use super::coarse;
use super::engine::SearchEngine;
use super::key::place_of;
use super::params::{Part, SearchParams};
use super::scan;
use super::scratch::{Scratch, prepare};
use super::search::scale_query;
use super::stats::SearchStats;
use super::survey::{choose, survey};

/// For each of some rows, by part and position, how many of those that `params` lets through and that its lists hold come before it by their codes'
/// high nibbles: `params.candidates` for a row that is not among so many. The query is in the quantizer's scale.
pub(crate) fn candidates_before(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    query: &[f32],
    params: &SearchParams<'_>,
    wanted: &[(u32, u32)],
    scratch: &mut Scratch,
) -> Vec<usize> {
    let rows = prepare(parts, scratch);
    let most = params.candidates.min(rows);
    if most == 0 {
        return vec![params.candidates; wanted.len()];
    }
    coarse::probe(engine, query, params.nprobe, false, &mut scratch.coarse);
    survey(parts, params, scratch);
    choose(parts, params, scratch);
    let scaled = scale_query(engine.quantizer.metric, query, &mut scratch.doubled);
    scratch.filter.build(engine, scaled);
    scan::filter(engine, parts, most, 0, scratch, &mut SearchStats::default());
    scan::filter_end(scratch);
    // Rows of lists with few of them are candidates at once, and their keys have no score: nothing comes before those.
    let few = scratch.few.len();
    let keys: &[u64] = scratch.pool.kept();
    let (scanned, at_once) = keys.split_at(keys.len().saturating_sub(few));
    let before = |&(part, position): &(u32, u32)| {
        let Some(place) = scratch.starts.get(part as usize).map(|start| start + position) else { return params.candidates };
        if at_once.iter().any(|&key| place_of(key) == place) {
            return 0;
        }
        let own = scanned.iter().find(|&&key| place_of(key) == place);
        own.map_or(params.candidates, |own| scanned.iter().filter(|key| *key > own).count())
    };
    wanted.iter().map(before).collect()
}
