//! The first stage: the best rows of segments and tail by their vectors' scores, best first.

use crate::error::Result;
use crate::query::candidates::Candidates;
use crate::query::options::Effort;
use crate::query::plan::{Counts, Plan, Subset};
use crate::query::request::Request;
use crate::query::{exact, gather, segments, tail};

/// Finds the best `depth` rows of each query, of those with the least score or more.
pub(crate) fn retrieve(request: &Request<'_>, candidates: &mut Candidates) -> Result<()> {
    let counts: Vec<Counts> = (0..candidates.queries.len()).map(|query| counts(request, query)).collect();
    // All queries go one way: the one that takes what the most of them may return.
    let most = counts.iter().copied().reduce(|most, other| Counts {
        sealed: most.sealed.max(other.sealed),
        tail: most.tail.max(other.tail),
        ..most
    });
    // Rows that pass a filter are looked for among all.
    let snapshot = request.snapshot;
    let listed = request.filter.is_none() && !snapshot.segments.is_empty() && snapshot.is_tail_listed();
    match most.map_or(Plan::Nothing, |most| most.plan(request.options.effort == Effort::Exact, listed)) {
        Plan::Nothing => return Ok(()),
        Plan::Exact(Subset::Tail) => {
            candidates.queries.iter_mut().filter_map(|ranked| ranked.explain.as_mut()).for_each(|explain| explain.plan = Some("exact"));
        }
        Plan::Exact(Subset::All) => exact::scan(request, candidates)?,
        Plan::Scan if request.options.explain => {
            let estimate = request.filter.and_then(|filter| filter.estimate(request.snapshot));
            let explains = candidates.queries.iter_mut().filter_map(|ranked| ranked.explain.as_mut());
            explains.for_each(|explain| explain.estimated_pass_rate = estimate);
            by_index(request, &counts, candidates)?;
        }
        Plan::Scan => by_index(request, &counts, candidates)?,
    }
    tail::scan(request, candidates);
    let row = |place| request.snapshot.row(place);
    for ranked in &mut candidates.queries {
        // Ties go to the row that came first.
        ranked.found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| row(a.place).cmp(&row(b.place))));
        // Segments and tail give as many each: behind the last that is known to be among the best, others may be missing.
        ranked.found.truncate(request.depth);
        if let Some(least) = request.options.min_score {
            ranked.found.truncate(ranked.found.partition_point(|found| found.score >= f64::from(least)));
        }
    }
    Ok(())
}

/// By the rows themselves where a filter lets few through, else by lists.
fn by_index(request: &Request<'_>, counts: &[Counts], candidates: &mut Candidates) -> Result<()> {
    match gather::rows(request) {
        Some(rows) => gather::scan(request, &rows, candidates),
        None => segments::scan(request, counts, candidates),
    }
}

/// What a query may return: all that is live, but for what it leaves out. How many rows of segments its filter lets through is not known; of
/// the tail it is.
fn counts(request: &Request<'_>, query: usize) -> Counts {
    let (snapshot, excluded) = (request.snapshot, request.excluded.of(query));
    let in_segments = excluded.partition_point(|place| (place.0 as usize) < snapshot.segments.len());
    let (live, tail) = (snapshot.live(), snapshot.tail());
    Counts {
        sealed: (live - tail).saturating_sub(in_segments as u64),
        tail: match request.filter {
            Some(_) => tail::allowed(request, query),
            None => tail.saturating_sub((excluded.len() - in_segments) as u64),
        },
        depth: request.depth,
    }
}
