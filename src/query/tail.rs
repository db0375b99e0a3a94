//! Retrieval from the tail: recent rows, whose exact vectors are in memory.

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::Instant;

use rayon::prelude::*;

use crate::index::flat::{self, FlatParams, FlatPart, FlatScratch};
use crate::index::{Narrow, Selection};
use crate::kernel::Kernel;
use crate::query::candidates::{Candidates, Found, Ranked};
use crate::query::options::Effort;
use crate::query::request::Request;
use crate::segment::{Run, View};

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
    let selections: Vec<Cow<'_, Selection>> =
        (first..).zip(&snapshot.runs).map(|(part, view)| narrowed(request, query, part, view)).collect();
    let runs = snapshot.runs.iter().zip(&selections);
    let parts: Vec<FlatPart<'_>> = runs.map(|(view, selection)| FlatPart { rows: view.body.vectors.as_slice(), selection }).collect();
    let params = FlatParams { metric: request.shared.settings.metric, k: request.depth, min_score: None };
    SCRATCH.with_borrow_mut(|scratch| {
        flat::search(Kernel::detect(), &parts, request.vectors.row(query), &params, scratch);
        found.extend(scratch.hits().iter().map(|hit| Found::new(hit.score, (first + hit.part, hit.position))));
    });
}

/// How many rows of the tail a query may return.
pub(crate) fn allowed(request: &Request<'_>, query: usize) -> u64 {
    let runs = (request.snapshot.segments.len() as u32..).zip(&request.snapshot.runs);
    runs.map(|(part, view)| narrowed(request, query, part, view).count() as u64).sum()
}

/// The rows of a run that a query may return.
fn narrowed<'r>(request: &Request<'r>, query: usize, part: u32, view: &'r View<Run>) -> Cow<'r, Selection> {
    let restriction = request.restriction(query);
    if restriction.is_none() {
        return Cow::Borrowed(&view.selection);
    }
    let mut words: Vec<u64> = (0..view.selection.blocks()).map(|block| view.selection.word(block)).collect();
    if restriction.narrow(part as usize, 0..view.body.rows.len(), &mut words) {
        Cow::Owned(Selection::from_words(&words))
    } else {
        Cow::Borrowed(&view.selection)
    }
}
