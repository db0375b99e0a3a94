//! Exact retrieval where refine vectors are precise: all rows by those, and the few that they leave open by their stored vectors.

use rayon::prelude::*;

use crate::error::Result;
use crate::index::flat::score_of_row;
use crate::index::{Candidate, Narrow, Nearest, Part};
use crate::kernel::Kernel;
use crate::query::candidates::{Candidates, Found};
use crate::query::request::Request;

/// Adds the best rows of each query, over everything live in the segments; false, with nothing added, where refine vectors do not tell which they are.
pub(crate) fn scan(request: &Request<'_>, candidates: &mut Candidates) -> Result<bool> {
    let Request { snapshot, vectors, .. } = request;
    let depth = request.depth;
    let Some(trained) = &snapshot.training.trained else { return Ok(false) };
    let parts: Vec<Part<'_>> = snapshot.segments.iter().map(|view| Part { index: &view.body.index, selection: &view.selection }).collect();
    let one = |query: usize| -> Option<Vec<Candidate>> {
        let restriction = request.restriction(query);
        let narrow = (!restriction.is_none()).then_some(&restriction as &dyn Narrow);
        let (carried, _) = trained.engine.quantizer().carry_query(vectors.row(query));
        Nearest { parts: &parts, metric: request.shared.settings.metric, query: &carried, k: depth, narrow }.run(Kernel::detect())
    };
    let found: Option<Vec<Vec<Candidate>>> = match candidates.queries.len() {
        1 => one(0).map(|found| vec![found]),
        queries => (0..queries).into_par_iter().map(one).collect(),
    };
    let Some(found) = found else { return Ok(false) };
    for (query, (ranked, hits)) in candidates.queries.iter_mut().zip(found).enumerate() {
        // In the order of rows: among equals those that came first are kept.
        let mut rows: Vec<(u64, Candidate)> = hits.into_iter().map(|hit| (snapshot.row((hit.part, hit.position)), hit)).collect();
        rows.sort_unstable_by_key(|(row, _)| *row);
        let numbers: Vec<u64> = rows.iter().map(|(row, _)| *row).collect();
        for ((row, hit), bytes) in rows.iter().zip(request.shared.vectors_of(&numbers)?) {
            let vector = request.shared.values(*row, &bytes)?.to_vec();
            let score = score_of_row(request.shared.settings.metric, vectors.row(query), &vector);
            ranked.found.push(Found::new(f64::from(score), (hit.part, hit.position)));
        }
        ranked.found.sort_by(|a, b| b.score.total_cmp(&a.score));
        ranked.found.truncate(depth);
    }
    Ok(true)
}
