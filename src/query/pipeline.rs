//! A query from its source to its answer.

use std::time::Instant;

use crate::error::Result;
use crate::features::Row;
use crate::query::answer::{Answer, Hit};
use crate::query::candidates::{Candidates, Ranked};
use crate::query::diversify::diversify;
use crate::query::exclude::Excluded;
use crate::query::fields::fields;
use crate::query::options::{Effort, SearchOptions};
use crate::query::page::page;
use crate::query::request::Request;
use crate::query::restriction::{PartFilters, bind};
use crate::query::retrieve::retrieve;
use crate::query::source::Source;
use crate::query::{encode, rank, sample};
use crate::segment::Shared;
use crate::types::ItemId;

/// Answers the queries in their order, from the collection as it is now. `exclude_each` is empty or has the ids to leave out for each query.
pub(crate) fn run(shared: &Shared, sources: &[Source<'_>], options: &SearchOptions, exclude_each: &[Vec<String>]) -> Result<Vec<Answer>> {
    let start = Instant::now();
    options.check()?;
    Excluded::check(exclude_each, sources.len())?;
    let snapshot = &*shared.read()?;
    options.check_fields(&shared.settings, snapshot)?;
    if let Some(diverse) = &options.diverse {
        diverse.check_field(snapshot, sources.iter().all(|source| source.user().is_some()))?;
    }
    let bound = options.filter.as_ref().map(|filter| bind(snapshot, filter, &options.params())).transpose()?;
    let filter = bound.as_ref().map(|bound| PartFilters::new(snapshot, bound)).transpose()?;
    let ranker = options.rerank.as_ref().map(|rerank| rank::ranker(snapshot, rerank)).transpose()?;
    let mut candidates = Candidates::none(sources.len(), options.explain);
    let vectors = encode::vectors(shared, snapshot, sources, options)?;
    if options.explain {
        encode::report(snapshot, sources, start.elapsed(), &mut candidates);
    }
    let request = Request {
        shared,
        snapshot,
        options,
        sources,
        vectors,
        excluded: Excluded::new(snapshot, sources, &options.exclude, exclude_each),
        filter: filter.as_ref(),
        ranker,
        depth: options.depth().min(usize::try_from(snapshot.live()).unwrap_or(usize::MAX)),
    };
    sample::note(&request);

    retrieve(&request, &mut candidates)?;
    rank::rank(&request, &mut candidates)?;
    // Here is the place of the rules (of the caller).
    diversify(&request, &mut candidates)?;
    page(&request, &mut candidates);
    fields(&request, &mut candidates)?;

    let mut answers = candidates.queries.into_iter().map(|ranked| answer(&request, ranked)).collect::<Result<Vec<Answer>>>()?;
    let share = start.elapsed() / u32::try_from(answers.len().max(1)).unwrap_or(u32::MAX);
    answers.iter_mut().for_each(|answer| answer.elapsed = share);
    Ok(answers)
}

/// What is left of the candidates is the answer.
fn answer(request: &Request<'_>, ranked: Ranked) -> Result<Answer> {
    let (snapshot, training) = (request.snapshot, &request.snapshot.training);
    let Ranked { found, fields, mut features, expected, mut explain } = ranked;
    let mut fields = fields.into_iter().flatten();
    let mut next = || -> Option<Row> { fields.next() };
    let mut seen = |place| Some(features.swap_remove(features.iter().position(|(of, _)| *of == place)?).1);
    let hits = found.iter().map(|found| {
        let id = ItemId::new(snapshot.id(found.place))?;
        Ok(Hit { id, score: found.score as f32, rank_score: found.rank, features: seen(found.place), fields: next() })
    });
    let hits = hits.collect::<Result<Vec<Hit>>>()?;
    if let Some(explain) = &mut explain {
        explain.target_recall = match request.options.effort {
            Effort::Recall(target) => Some(target),
            Effort::Nprobe(_) | Effort::Exact => None,
        };
        explain.calibrated_with = training.trained.as_ref().and_then(|trained| trained.calibrated_with());
    }
    Ok(Answer { hits, generation: training.number, expected_recall: expected, explain, ..Answer::default() })
}
