//! The stage that says which rows are candidates of what follows, and has the caller compute numbers for them.

use std::time::Instant;

use crate::error::Result;
use crate::query::candidates::Candidates;
use crate::query::request::Request;

/// Numbers the best rows of each query, as many as are ranked or go through rules, and asks for their values.
pub(crate) fn enrich(request: &Request<'_>, candidates: &mut Candidates) -> Result<()> {
    for (query, ranked) in candidates.queries.iter_mut().enumerate() {
        let window = request.window.min(ranked.found.len());
        let window = &mut ranked.found[..window];
        window.iter_mut().zip(0..).for_each(|(found, at)| found.candidate = Some(at));
        let Some(compute) = request.compute else { continue };
        let start = Instant::now();
        let ids: Vec<&str> = window.iter().map(|found| request.snapshot.id(found.place)).collect();
        ranked.values = compute.of(query, &ids)?;
        ranked.took("enrich", start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(())
}
