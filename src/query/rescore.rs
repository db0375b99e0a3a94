//! Rows whose order refine vectors leave open, ordered by their stored vectors.
//!
//! Where many of the nearest rows may not be returned, those wanted lie closer together than the rounding of int8 and f16 vectors. The last ones
//! and those behind them are then scored again by what is stored.

use crate::error::Result;
use crate::index::flat::score_of_row;
use crate::query::candidates::Found;
use crate::query::request::Request;
use crate::segment::Trained;
use crate::types::Refine;

/// Rows found beyond those wanted, for the order to be settled among; each that is read costs tens of microseconds. Of f16 vectors half as many say
/// where the ten best behind ten thousand excluded ones are as well as all of them do.
pub(crate) fn more(refine: Refine) -> usize {
    match refine {
        Refine::F32 => 0,
        Refine::F16 => 24,
        _ => 48,
    }
}

/// Rows further apart than so many standard deviations of rounding keep their order.
const APART: f64 = 2.5;
/// Rows that rounding puts on the wrong side of the last place, for each row that lies within a standard deviation of it.
const MISPLACED: f64 = 0.4;

/// Orders what a query found, best first and [`more`] than wanted, and cuts it to what is wanted. Answers which share of the wanted rows is
/// still expected to be right.
pub(crate) fn rescore(request: &Request<'_>, trained: &Trained, query: usize, found: &mut Vec<Found>) -> Result<f32> {
    let depth = request.depth;
    let (Some(last), true) = (found.get(depth.saturating_sub(1)).copied(), found.len() > depth) else { return Ok(1.0) };
    let vector = request.vectors.row(query);
    let (carried, back) = trained.engine.quantizer().carry_query(vector);
    let index = |found: &Found| request.snapshot.segments.get(found.place.0 as usize).map(|view| &view.body.index);
    let rounding = index(&last).map_or(0.0, |index| index.refine_rounding(&carried, last.place.1 as usize)) * back.abs();
    let open = |found: &Found| (found.score - last.score).abs() <= APART * rounding;
    if rounding == 0.0 || !open(&found[depth]) {
        found.truncate(depth);
        return Ok(1.0);
    }
    let first = found.iter().position(open).unwrap_or(depth);
    let end = found.iter().rposition(open).map_or(depth, |at| at + 1);
    // By the scores that the rows were found with: those read below are of another kind.
    let between = (last.score - found[end - 1].score).max(f64::MIN_POSITIVE);
    // The best of those that are open may be certain too, but all are read: their order shows.
    let rows: Vec<u64> = found[first..end].iter().map(|found| request.snapshot.row(found.place)).collect();
    let metric = request.shared.settings.metric;
    for ((found, row), bytes) in found[first..end].iter_mut().zip(&rows).zip(request.shared.vectors_of(&rows)?) {
        found.score = f64::from(score_of_row(metric, vector, &request.shared.values(*row, &bytes)?.to_vec()));
    }
    let all = end == found.len() && between < APART * rounding;
    found[first..].sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(depth);
    if !all {
        return Ok(1.0);
    }
    // Rows behind the last one read may belong before it.
    let blurred = rounding * (end - depth) as f64 / between;
    let settled = ((end - depth) as f64 / (2.0 * blurred)).min(1.0);
    Ok((1.0 - (MISPLACED * blurred / depth as f64).min(1.0) * (1.0 - settled)) as f32)
}
