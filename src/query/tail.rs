//! Retrieval from the tail: recent rows, whose exact vectors are in memory. Where they are many a query compares itself with those of the lists
//! that it visits in the segments.

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::Instant;

use rayon::prelude::*;

use crate::index::flat::{self, FlatParams, FlatPart, FlatScratch};
use crate::index::{Candidate, CoarseScratch, Narrow, Selection, lists_to_visit};
use crate::kernel::Kernel;
use crate::query::candidates::{Candidates, Found, Ranked};
use crate::query::options::Effort;
use crate::query::request::Request;
use crate::segment::{Run, View};

thread_local! {
    static SCRATCH: RefCell<(CoarseScratch, FlatScratch)> = RefCell::default();
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
    let rows = if request.snapshot.runs.is_empty() { 0 } else { search(request, query, ranked) };
    if let Some(explain) = &mut ranked.explain {
        explain.rows_scanned += rows;
    }
    // An exact query is exact throughout.
    let stage = if request.options.effort == Effort::Exact { "exact" } else { "tail" };
    ranked.took(stage, start.elapsed().as_secs_f64() * 1e6);
}

/// Answers the number of rows that were compared.
fn search(request: &Request<'_>, query: usize, ranked: &mut Ranked) -> u64 {
    let snapshot = request.snapshot;
    let first = snapshot.segments.len() as u32;
    let selections: Vec<Cow<'_, Selection>> =
        (first..).zip(&snapshot.runs).map(|(part, view)| narrowed(request, query, part, view)).collect();
    let runs = snapshot.runs.iter().zip(&selections);
    let parts: Vec<FlatPart<'_>> = runs.map(|(view, selection)| FlatPart { rows: view.body.vectors.as_slice(), selection }).collect();
    let params = FlatParams { metric: request.shared.settings.metric, k: request.depth, min_score: None };
    let (vector, kernel) = (request.vectors.row(query), Kernel::detect());
    SCRATCH.with_borrow_mut(|(coarse, scratch)| {
        let found = |hit: &Candidate| Found::new(hit.score, (first + hit.part, hit.position));
        if let Some(nprobe) = ranked.nprobe.filter(|_| snapshot.is_tail_listed())
            && let Some(trained) = &snapshot.training.trained
        {
            let lists: Vec<u32> = lists_to_visit(&trained.engine, vector, nprobe, coarse).collect();
            let scored = flat::search_some(kernel, &parts, positions(request, &lists), vector, &params, scratch);
            // Others may still be returned where these lists hold too few.
            if ranked.found.len() + scratch.hits().len() >= request.depth {
                ranked.found.extend(scratch.hits().iter().map(found));
                return scored as u64;
            }
        }
        search_all(kernel, &parts, vector, params, scratch);
        ranked.found.extend(scratch.hits().iter().map(found));
        snapshot.tail()
    })
}

/// Finds the best rows, and all that are as good as the last of them: the first that came are kept, and rows of a run lie list by list.
fn search_all(kernel: Kernel, parts: &[FlatPart<'_>], vector: &[f32], params: FlatParams, scratch: &mut FlatScratch) {
    let mut k = params.k.saturating_add(1);
    loop {
        flat::search(kernel, parts, vector, &FlatParams { k, ..params }, scratch);
        let hits = scratch.hits();
        let is_tied = hits.get(params.k.wrapping_sub(1)).zip(hits.last()).is_some_and(|(kept, last)| kept.score == last.score);
        if hits.len() < k || !is_tied {
            break;
        }
        k = k.saturating_mul(2);
    }
}

/// The rows of the tail in some lists, by run and position, and those of which no list is known.
fn positions<'r>(request: &Request<'r>, lists: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    (0u32..).zip(&request.snapshot.runs).flat_map(move |(run, view)| {
        let listed = view.body.lists(&request.snapshot.training);
        let of_lists = listed.into_iter().flat_map(move |of| lists.iter().flat_map(move |&list| of.rows_of(list)));
        let all = if listed.is_some() { 0 } else { view.body.rows.len() as u32 };
        of_lists.chain(0..all).map(move |position| (run, position))
    })
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
