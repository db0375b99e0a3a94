//! Retrieval where a filter lets few rows of the segments through: those are found without a pass over all, and scored by their refine vectors.

use std::cell::RefCell;

use rayon::prelude::*;

use crate::error::Result;
use crate::index::{self, Narrow, Part, Scratch, SearchParams};
use crate::query::candidates::{Candidates, Ranked};
use crate::query::effort::{Setting, with_tail};
use crate::query::plan::few;
use crate::query::request::Request;
use crate::query::rescore::{more, rescore};
use crate::query::segments::take;
use crate::segment::Place;
use crate::types::Refine;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The rows of the segments that the filter lets through, where they are few.
pub(crate) fn rows(request: &Request<'_>) -> Option<Vec<Place>> {
    let sealed = request.snapshot.live() - request.snapshot.tail();
    request.filter?.few(request.snapshot, few(sealed))
}

/// Adds the best of these rows.
pub(crate) fn scan(request: &Request<'_>, rows: &[Place], candidates: &mut Candidates) -> Result<()> {
    let Request { snapshot, vectors, options, .. } = request;
    let depth = request.depth;
    let Some(trained) = &snapshot.training.trained else { return Ok(()) };
    let parts: Vec<Part<'_>> = snapshot.segments.iter().map(|view| Part { index: &view.body.index, selection: &view.selection }).collect();
    let one = |(query, ranked): (usize, &mut Ranked)| {
        SCRATCH.with_borrow_mut(|scratch| {
            let restriction = request.restriction(query);
            let narrow = Some(&restriction as &dyn Narrow);
            let params =
                SearchParams { k: depth.saturating_add(more(trained.refine)), narrow, timed: options.explain, ..SearchParams::default() };
            let stats = index::gather(&trained.engine, &parts, vectors.row(query), rows, &params, scratch);
            take(ranked, &stats, scratch);
        });
    };
    if candidates.queries.len() > 1 && !options.explain {
        candidates.queries.par_iter_mut().enumerate().for_each(one);
    } else {
        candidates.queries.iter_mut().enumerate().for_each(one);
    }
    let setting = Setting::new(trained, snapshot, depth, options);
    let sealed = (snapshot.live() - snapshot.tail()).max(1);
    // Storage is read on this thread alone: threads of a pool hold no locks.
    for (query, ranked) in candidates.queries.iter_mut().enumerate() {
        let settled = rescore(request, trained, query, &mut ranked.found)?;
        // Without refine vectors all rows are scored by their codes, which lose what they usually do.
        let by_codes = trained.refine == Refine::None;
        ranked.expected = if by_codes { setting.expected_of(snapshot, settled) } else { Some(with_tail(snapshot, settled)) };
        if let Some(explain) = &mut ranked.explain {
            explain.pass_rate = Some(rows.len() as f32 / sealed as f32);
        }
    }
    Ok(())
}
