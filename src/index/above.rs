//! Of some rows those that score as high as others that were found.

use crate::types::Refine;

use super::engine::SearchEngine;
use super::params::Part;
use super::refine::RefineQuery;

/// Records fetched ahead of the one that is scored.
const AHEAD: usize = 8;

/// How many of some rows, by part and position, reach a score by their refine vectors. Rows of other parts do not count.
pub(crate) fn above(engine: &SearchEngine, parts: &[Part<'_>], query: &[f32], rows: &[(u32, u32)], score: f64) -> usize {
    let (query, back) = engine.quantizer.carry_query(query);
    let mut forms = RefineQuery::default();
    forms.set(&query, parts.first().map_or(Refine::None, |part| part.index.refine()));
    let of = |&(part, position): &(u32, u32)| Some((parts.get(part as usize)?.index, position as usize));
    let mut count = 0;
    for (at, row) in rows.iter().enumerate() {
        if let Some((index, position)) = rows.get(at + AHEAD).and_then(of) {
            engine.kernel.prefetch(index.refine.record(position));
        }
        let Some((index, position)) = of(row) else { continue };
        count += usize::from(f64::from(index.refine_score(engine.kernel, &query, &mut forms, position)) * back >= score);
    }
    count
}
