//! Exact retrieval where refine vectors are precise: all rows by those, and the few that they leave open by their stored vectors.

use rayon::prelude::*;

use crate::error::Result;
use crate::index::flat::{self, FlatParams, FlatPart, FlatScratch};
use crate::index::{Candidate, Narrow, Nearest, Part, Selection};
use crate::kernel::Kernel;
use crate::query::candidates::{Candidates, Found};
use crate::query::request::Request;
use crate::vector::Matrix;

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
    let mut scratch = FlatScratch::default();
    for (query, (ranked, hits)) in candidates.queries.iter_mut().zip(found).enumerate() {
        // In the order of rows: among equals those that came first are kept.
        let mut rows: Vec<(u64, Candidate)> = hits.into_iter().map(|hit| (snapshot.row((hit.part, hit.position)), hit)).collect();
        rows.sort_unstable_by_key(|(row, _)| *row);
        let numbers: Vec<u64> = rows.iter().map(|(row, _)| *row).collect();
        let mut stored = Matrix::with_capacity(request.shared.settings.dim, rows.len());
        for (row, bytes) in numbers.iter().zip(request.shared.vectors_of(&numbers)?) {
            request.shared.values(*row, &bytes)?.push_to(&mut stored);
        }
        let selection = Selection::flat(rows.len());
        let params = FlatParams { metric: request.shared.settings.metric, k: depth, min_score: None };
        let part = FlatPart { rows: stored.as_slice(), selection: &selection };
        flat::search(Kernel::detect(), &[part], vectors.row(query), &params, &mut scratch);
        let found = scratch.hits().iter().filter_map(|hit| {
            let (_, of) = rows.get(hit.position as usize)?;
            Some(Found::new(hit.score, (of.part, of.position)))
        });
        ranked.found.extend(found);
    }
    Ok(true)
}
