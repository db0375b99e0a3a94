//! Retrieval by the index: lists of the segments, and more of them where those hold too few rows that may be returned.

use std::cell::RefCell;
use std::time::Instant;

use rayon::prelude::*;

use crate::error::Result;
use crate::index::{self, Narrow, Part, Scratch, SearchParams, SearchStats};
use crate::query::answer::{Explain, StageTime};
use crate::query::batch::Batch;
use crate::query::candidates::{Candidates, Found, Ranked};
use crate::query::effort::{LEFT_OUT, Setting, with_tail};
use crate::query::plan::Counts;
use crate::query::request::Request;
use crate::query::rescore::{more, rescore};
use crate::query::restriction::Restriction;

thread_local! {
    /// A query allocates nothing in the index once its thread has answered one like it.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Adds the best rows of the segments. `counts` has what each query may return, in their order.
pub(crate) fn scan(request: &Request<'_>, counts: &[Counts], candidates: &mut Candidates) -> Result<()> {
    let Request { snapshot, vectors, excluded, options, .. } = request;
    let Some(trained) = &snapshot.training.trained else { return Ok(()) };
    let parts: Vec<Part<'_>> = snapshot.segments.iter().map(|view| Part { index: &view.body.index, selection: &view.selection }).collect();
    let mut setting = Setting::new(trained, snapshot, request.depth, options);
    let params = SearchParams {
        k: request.depth,
        nprobe: setting.nprobe,
        candidates: setting.candidates,
        timed: options.explain,
        ..SearchParams::default()
    };
    let restrictions: Vec<Restriction<'_>> = (0..candidates.queries.len()).map(|query| request.restriction(query)).collect();
    let narrow = |query: usize| (!restrictions[query].is_none()).then(|| &restrictions[query] as &dyn Narrow);
    let one = |query: usize, nprobe: usize, ranked: &mut Ranked| {
        SCRATCH.with_borrow_mut(|scratch| {
            let params = SearchParams { narrow: narrow(query), nprobe, ..params };
            let stats = index::search(&trained.engine, &parts, vectors.row(query), &params, scratch);
            take(ranked, &stats, scratch);
        });
    };
    let alone = setting;
    let goal = alone.goal(trained, request.depth);
    let restricted = |query: usize| goal.filter(|_| request.filter.is_some() || excluded.of(query).len() > LEFT_OUT);
    let several = candidates.queries.len() > 1;
    let plain = |query: &usize| restricted(*query).is_none();
    // Many queries share what they read of the lists. Only a query by itself can be timed by stages.
    let mut done = vec![false; candidates.queries.len()];
    if several && !options.explain {
        let (all, some): (Vec<usize>, Vec<usize>) = (0..candidates.queries.len()).partition(plain);
        let batch = Batch { request, trained, parts: &parts, restrictions: &restrictions, params };
        setting = batch.scan(setting, (&all, &some), &mut done, candidates);
    }
    if done.contains(&false) {
        let behind = |query: usize| {
            let left_out = excluded.of(query).len();
            request.filter.is_none().then(|| alone.behind(trained, snapshot, (request.depth, left_out), options)).flatten()
        };
        // The recall to expect; `None` where the query is not restricted, or was searched before.
        let each = |(query, ranked): (usize, &mut Ranked)| match restricted(query) {
            _ if done[query] => None,
            None => {
                one(query, alone.nprobe, ranked);
                None
            }
            Some(goal) => SCRATCH.with_borrow_mut(|scratch| {
                let params = SearchParams { narrow: narrow(query), k: request.depth.saturating_add(more(trained.refine)), ..params };
                let (engine, vector) = (&trained.engine, vectors.row(query));
                let (stats, recall) = match behind(query) {
                    Some(behind) => {
                        let (stats, recall) = index::search_behind(engine, &parts, vector, &params, &behind, scratch);
                        (stats, Some(recall))
                    }
                    None => {
                        let (stats, kept) = index::search_narrowed(engine, &parts, vector, &params, &goal, scratch);
                        (stats, alone.recall_of(kept))
                    }
                };
                take(ranked, &stats, scratch);
                recall
            }),
        };
        let recalls: Vec<Option<f32>> = if several && !options.explain {
            candidates.queries.par_iter_mut().enumerate().map(each).collect()
        } else {
            candidates.queries.iter_mut().enumerate().map(each).collect()
        };
        // Storage is read on this thread alone: threads of a pool hold no locks.
        for (query, (ranked, recall)) in candidates.queries.iter_mut().zip(recalls).enumerate() {
            let Some(recall) = recall else { continue };
            let start = Instant::now();
            let settled = rescore(request, trained, query, &mut ranked.found)?;
            ranked.took("rescore", start.elapsed().as_secs_f64() * 1e6);
            ranked.expected = Some(with_tail(snapshot, recall * settled));
        }
    }
    let lists = trained.engine.quantizer().lists();
    for (query, (ranked, counts)) in candidates.queries.iter_mut().zip(counts).enumerate().filter(|(query, _)| plain(query)) {
        let mut nprobe = setting.nprobe;
        while let Some(wider) = counts.wider(ranked.found.len(), nprobe, lists) {
            nprobe = wider;
            one(query, nprobe, ranked);
        }
        ranked.nprobe = Some(nprobe);
        ranked.expected = setting.expected(snapshot, excluded.of(query).len()).filter(|_| request.filter.is_none());
    }
    Ok(())
}

/// Takes the hits of a search in the place of what was found before.
pub(crate) fn take(ranked: &mut Ranked, stats: &SearchStats, scratch: &Scratch) {
    if let Some(explain) = &mut ranked.explain {
        report(stats, explain);
    }
    ranked.found.clear();
    ranked.found.extend(scratch.hits().iter().map(Found::of));
}

/// Adds the index's account of a search to an explanation.
fn report(stats: &SearchStats, explain: &mut Explain) {
    explain.plan = Some(match stats {
        SearchStats { gathered: true, .. } => "gather",
        SearchStats { rows_counted: 0, .. } => "scan",
        _ => "narrowed",
    });
    explain.pass_rate = (stats.rows_counted > 0).then(|| stats.rows_passing as f32 / stats.rows_counted as f32);
    explain.lists_probed += stats.lists_probed as u64;
    explain.codes_scanned += stats.codes_scanned as u64;
    explain.candidates_refined += stats.candidates_refined as u64;
    let times = &stats.times;
    let stages = [
        ("coarse", times.coarse),
        ("tables", times.table),
        ("scan", times.scan),
        ("select", times.select),
        ("refine", times.refine),
        ("top-k", times.top),
    ];
    let forecast = Some(("forecast", times.forecast)).filter(|_| !times.forecast.is_zero());
    explain.stages.extend(forecast.into_iter().chain(stages).map(|(stage, time)| StageTime { stage, micros: time.as_secs_f64() * 1e6 }));
}
