//! Items that have a place of their own: taken out before limits and diversity, put in where they belong after those.

use std::time::Instant;

use crate::error::Result;
use crate::index::Narrow;
use crate::index::flat::score_of_row;
use crate::query::candidates::{Candidates, Found};
use crate::query::request::Request;
use crate::rules::Pin;
use crate::segment::Place;

/// Takes the pinned items of each query out of what was found, or fetches them where they were not found. An item that is not in the
/// collection, or that the query leaves out, is not pinned.
///
/// # Errors
/// Storage errors: of an item that was not found the exact vector is read.
pub(crate) fn take_pins(request: &Request<'_>, candidates: &mut Candidates) -> Result<()> {
    let Some(pins) = request.rules.map(|active| active.pins()).filter(|pins| !pins.is_empty()) else { return Ok(()) };
    for (query, ranked) in candidates.queries.iter_mut().enumerate() {
        let start = Instant::now();
        let mut unpinned = Vec::new();
        for &&Pin { ref id, position, .. } in &pins {
            let Some(place) = request.snapshot.locate(id).filter(|&place| returns(request, query, place)) else {
                unpinned.push(id.clone());
                continue;
            };
            let found = match ranked.found.iter().position(|found| found.place == place) {
                Some(at) => ranked.found.remove(at),
                None => Found::new(score(request, query, place)?, place),
            };
            ranked.pinned.push(Found { pinned: Some(position), ..found });
        }
        if let Some(report) = ranked.explain.as_mut().and_then(|explain| explain.rules.as_mut()) {
            report.pinned = ranked.pinned.len() as u64;
            report.unpinned = unpinned;
        }
        ranked.took("pin", start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(())
}

/// Puts the pinned items of each query where they belong, or last where there are fewer hits.
pub(crate) fn place_pins(candidates: &mut Candidates) {
    for ranked in &mut candidates.queries {
        // Their positions ascend, so that none moves another one that is in its place.
        for found in std::mem::take(&mut ranked.pinned) {
            let at = found.pinned.map_or(0, |position| position - 1).min(ranked.found.len());
            ranked.found.insert(at, found);
        }
    }
}

/// Whether the query may return the row.
fn returns(request: &Request<'_>, query: usize, (part, position): Place) -> bool {
    let (mut words, position) = ([1], position as usize);
    request.restriction(query).narrow(part as usize, position..position + 1, &mut words);
    words == [1]
}

/// The row's score in the first stage, by its exact vector.
fn score(request: &Request<'_>, query: usize, place: Place) -> Result<f64> {
    let vector = request.shared.exact_vector(request.snapshot, place)?;
    Ok(f64::from(score_of_row(request.shared.settings.metric, request.vectors.row(query), &vector)))
}
