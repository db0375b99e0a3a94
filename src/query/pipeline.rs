//! A query from its source to its answer.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::features::Row;
use crate::filter::Bound;
use crate::query::answer::{Answer, Hit};
use crate::query::candidates::{Candidates, Ranked};
use crate::query::diversify::diversify;
use crate::query::enrich::enrich;
use crate::query::exclude::{ExcludeEach, Excluded};
use crate::query::fields::fields;
use crate::query::filter_lists::ListRows;
use crate::query::options::{Effort, SearchOptions};
use crate::query::page::page;
use crate::query::prepared::{PreparedFilter, bind};
use crate::query::request::Request;
use crate::query::restriction::PartFilters;
use crate::query::retrieve::retrieve;
use crate::query::rules::{self, Active};
use crate::query::source::Source;
use crate::query::values::Compute;
use crate::query::{encode, rank, sample};
use crate::segment::Shared;
use crate::types::ItemId;

/// Queries that are asked together.
pub(crate) struct Asked<'q> {
    pub(crate) shared: &'q Shared,
    pub(crate) sources: &'q [Source<'q>],
    pub(crate) options: &'q SearchOptions,
    /// Filters beside that of the options.
    pub(crate) prepared: &'q [PreparedFilter],
    /// What each query leaves out.
    pub(crate) exclude_each: &'q ExcludeEach,
    /// What computes values for candidates.
    pub(crate) compute: Option<&'q Compute<'q>>,
}

/// Answers the queries in their order, from the collection as it is now.
pub(crate) fn run(asked: &Asked<'_>) -> Result<Vec<Answer>> {
    let start = Instant::now();
    let &Asked { shared, sources, options, prepared, exclude_each, compute } = asked;
    options.check()?;
    exclude_each.check(sources.len())?;
    let snapshot = &*shared.read()?;
    options.check_fields(&shared.settings, snapshot)?;
    if let Some(diverse) = &options.diverse {
        diverse.check_field(snapshot, sources.iter().all(|source| source.user().is_some()))?;
    }
    let rules = Active::of(shared, options)?;
    let ruled = rules.as_ref().map(|rules| rules.filter(snapshot, &options.params())).transpose()?.flatten();
    let bound = options.filter.as_ref().map(|filter| bind(snapshot, filter, &options.params())).transpose()?;
    let prepared = prepared.iter().map(|filter| filter.bound(snapshot)).collect::<Result<Vec<Arc<Bound>>>>()?;
    let bound = all_of(bound, prepared, ruled.clone());
    let bound = bound.as_deref();
    let lists = bound.map(|bound| ListRows::new(shared, snapshot, bound));
    let filter = bound.zip(lists.as_ref()).map(|(bound, lists)| PartFilters::new(snapshot, bound, lists)).transpose()?;
    let ranker = options.rerank.as_ref().map(|rerank| rank::ranker(snapshot, rerank)).transpose()?;
    let mut candidates = Candidates::none(sources.len(), options.explain);
    let further = encode::further(snapshot, options, rules.as_ref());
    let vectors = encode::vectors(shared, snapshot, sources, &further)?;
    if options.explain {
        encode::report(snapshot, sources, start.elapsed(), &mut candidates);
    }
    let (reorders, limits) = rules.as_ref().map_or((false, false), |rules| (rules.reorders(), rules.limits()));
    let (wanted, window) = (options.wanted(), options.window(reorders || compute.is_some()));
    // Of what a limit leaves out some is found at once.
    let depth = window.max(if limits { wanted.saturating_mul(2) } else { wanted });
    let depth = if wanted == 0 { 0 } else { depth.min(usize::try_from(snapshot.live()).unwrap_or(usize::MAX)) };
    let request = Request {
        shared,
        snapshot,
        options,
        sources,
        vectors,
        excluded: Excluded::new(shared, snapshot, sources, options, exclude_each),
        filter: filter.as_ref(),
        bound,
        ranker: ranker.as_ref(),
        rules: rules.as_ref(),
        compute,
        window,
        wanted,
        depth,
    };
    sample::note(&request);
    report(&request, ruled.as_ref(), &mut candidates)?;

    retrieve(&request, &mut candidates)?;
    enrich(&request, &mut candidates)?;
    rank::rank(&request, &mut candidates)?;
    rules::order(&request, &mut candidates)?;
    rules::take_pins(&request, &mut candidates)?;
    rules::limit(&request, &mut candidates)?;
    diversify(&request, &mut candidates)?;
    rules::place_pins(&mut candidates);
    page(&request, &mut candidates);
    fields(&request, &mut candidates)?;

    let mut answers = candidates.queries.into_iter().map(|ranked| answer(&request, ranked)).collect::<Result<Vec<Answer>>>()?;
    let share = start.elapsed() / u32::try_from(answers.len().max(1)).unwrap_or(u32::MAX);
    answers.iter_mut().for_each(|answer| answer.elapsed = share);
    Ok(answers)
}

/// The one condition that is true where all of these are; `None` of none.
fn all_of(filter: Option<Bound>, mut prepared: Vec<Arc<Bound>>, ruled: Option<Bound>) -> Option<Arc<Bound>> {
    if filter.is_none() && ruled.is_none() && prepared.len() < 2 {
        return prepared.pop();
    }
    let mut all: Vec<Bound> = filter.into_iter().chain(prepared.iter().map(|bound| Bound::clone(bound))).chain(ruled).collect();
    let bound = if all.len() > 1 { Some(Bound::of(all, [])) } else { all.pop() };
    bound.map(Arc::new)
}

/// Says in explanations which rules there are, and how many items they leave out altogether.
fn report(request: &Request<'_>, ruled: Option<&Bound>, candidates: &mut Candidates) -> Result<()> {
    let Some(rules) = request.rules.filter(|_| request.options.explain) else { return Ok(()) };
    let mut report = rules.report();
    if let Some(ruled) = ruled {
        let lists = ListRows::new(request.shared, request.snapshot, ruled);
        report.left_out =
            request.snapshot.live() - PartFilters::new(request.snapshot, ruled, &lists)?.places(request.snapshot).len() as u64;
    }
    candidates.queries.iter_mut().filter_map(|ranked| ranked.explain.as_mut()).for_each(|explain| explain.rules = Some(report.clone()));
    Ok(())
}

/// What is left of the candidates is the answer.
fn answer(request: &Request<'_>, ranked: Ranked) -> Result<Answer> {
    let (snapshot, training) = (request.snapshot, &request.snapshot.training);
    let Ranked { found, fields, features, mut contributions, expected, mut explain, values: _, pinned: _, nprobe: _ } = ranked;
    let mut fields = fields.into_iter().flatten();
    let mut next = || -> Option<Row> { fields.next() };
    let seen = |candidate: Option<u32>| {
        let row = candidate.map(|at| at as usize).filter(|&at| at < features.rows())?;
        request.ranker.map(|ranker| rank::named(ranker, features.row(row)))
    };
    let mut added = |candidate: Option<u32>| contributions.get_mut(candidate? as usize).map(std::mem::take);
    let hits = found.iter().map(|found| {
        Ok(Hit {
            id: ItemId::new(snapshot.id(found.place))?,
            score: found.score as f32,
            rank_score: found.rank,
            rule_score: found.boosted.map(|boosted| boosted as f32),
            buried: found.buried,
            pinned: found.pinned,
            boosts: added(found.candidate).unwrap_or_default(),
            features: seen(found.candidate),
            fields: next(),
        })
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
