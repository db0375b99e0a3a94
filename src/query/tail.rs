//! Retrieval from the tail: recent rows, whose exact vectors are in memory.

use std::cell::RefCell;
use std::time::Instant;

use rayon::prelude::*;

use crate::index::flat::{self, FlatParams, FlatPart, FlatScratch};
use crate::kernel::Kernel;
use crate::query::candidates::{Candidates, Found, Ranked};
use crate::query::options::Effort;
use crate::query::request::Request;
use crate::segment::Place;

thread_local! {
    static SCRATCH: RefCell<FlatScratch> = RefCell::default();
}

/// Adds the best rows of the tail to what was found.
pub(crate) fn scan(request: &Request<'_>, candidates: &mut Candidates) {
    // A query by itself stays on its thread.
    if let [ranked] = candidates.queries.as_mut_slice() {
        one(request, 0, ranked);
    } else if request.options.explain || !request.snapshot.runs.is_empty() {
        candidates.queries.par_iter_mut().enumerate().for_each(|(query, ranked)| one(request, query, ranked));
    }
}

fn one(request: &Request<'_>, query: usize, ranked: &mut Ranked) {
    let start = Instant::now();
    if !request.snapshot.runs.is_empty() {
        search(request, query, &mut ranked.found);
    }
    if let Some(explain) = &mut ranked.explain {
        explain.rows_scanned += request.snapshot.tail();
    }
    // An exact query is exact throughout.
    let stage = if request.options.effort == Effort::Exact { "exact" } else { "tail" };
    ranked.took(stage, start.elapsed().as_secs_f64() * 1e6);
}

fn search(request: &Request<'_>, query: usize, found: &mut Vec<Found>) {
    let snapshot = request.snapshot;
    let first = snapshot.segments.len() as u32;
    let parts: Vec<FlatPart<'_>> =
        snapshot.runs.iter().map(|view| FlatPart { rows: view.body.vectors.as_slice(), mask: &view.mask }).collect();
    let excluded = request.excluded.of(query).iter();
    let skip: Vec<Place> = excluded.filter(|place| place.0 >= first).map(|&(part, position)| (part - first, position)).collect();
    let params = FlatParams { metric: request.shared.settings.metric, k: request.depth, min_score: None, skip: &skip };
    SCRATCH.with_borrow_mut(|scratch| {
        flat::search(Kernel::detect(), &parts, request.vectors.row(query), &params, scratch);
        found.extend(scratch.hits().iter().map(|hit| Found { score: hit.score, place: (first + hit.part, hit.position) }));
    });
}
