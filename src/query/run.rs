//! The steps of a query after its vector is known: scan the segments, scan the tail, merge, fetch fields.

use std::cell::RefCell;
use std::time::Instant;

use rayon::prelude::*;

use crate::error::Result;
use crate::features::{Row, VECTOR_FIELD, Value};
use crate::index::flat::{self, FlatParams, FlatPart, FlatScratch};
use crate::index::{self, Candidate, Part, Scratch, SearchParams};
use crate::kernel::Kernel;
use crate::query::answer::StageTime;
use crate::query::options::{Effort, Options};
use crate::query::{Answer, Explain, Hit, exact, plan};
use crate::segment::{Place, Shared, Snapshot};
use crate::types::{ItemId, Metric};
use crate::vector::Matrix;

thread_local! {
    /// A query allocates nothing in the index once its thread has answered one like it.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    static FLAT: RefCell<FlatScratch> = RefCell::default();
}

/// Where the lists visited hold too few rows that may be returned, this many times as many are.
const WIDER: usize = 4;

/// Up to so many items left out, calibration, which leaves none out, says what to expect.
const LEFT_OUT: usize = 5;

/// A row found, before it is a hit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Found {
    pub(crate) score: f64,
    pub(crate) place: Place,
}

/// Answers the queries, one row of `vectors` each. `exclude_each` is empty or has the ids to leave out for each query.
pub(crate) fn answers(
    shared: &Shared,
    snapshot: &Snapshot,
    vectors: &Matrix,
    exclude_each: &[Vec<String>],
    options: &Options,
    mut explain: Option<Explain>,
) -> Result<Vec<Answer>> {
    let skips = skips(snapshot, vectors.rows(), exclude_each, &options.exclude);
    let depth = options.depth().min(usize::try_from(snapshot.live()).unwrap_or(usize::MAX));
    // Where everything is compared by its vector, everything is found.
    let mut expected = Some(1.0);
    let mut found = if depth == 0 {
        vec![Vec::new(); vectors.rows()]
    } else if options.effort == Effort::Exact {
        exact::scan(shared, snapshot, vectors, &skips, depth, explain.as_mut())?
    } else {
        let (mut found, recall) = segments(snapshot, vectors, &skips, depth, options, explain.as_mut());
        expected = recall;
        let start = Instant::now();
        let add_tail = |(query, found): (usize, &mut Vec<Found>)| {
            tail(snapshot, vectors.row(query), skip_of(&skips, query), depth, shared.settings.metric, found);
        };
        // A query by itself stays on its thread.
        if let [found] = found.as_mut_slice() {
            add_tail((0, found))
        } else {
            found.par_iter_mut().enumerate().for_each(add_tail)
        }
        if let Some(explain) = &mut explain {
            explain.rows_scanned += snapshot.tail() * vectors.rows() as u64;
            explain.stages.push(StageTime { stage: "tail", micros: start.elapsed().as_secs_f64() * 1e6 });
        }
        found
    };
    let start = Instant::now();
    let mut answers = Vec::with_capacity(found.len());
    for found in &mut found {
        // Ties go to the row that came first.
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| snapshot.row(a.place).cmp(&snapshot.row(b.place))));
        let above = |found: &&Found| options.min_score.is_none_or(|least| found.score >= f64::from(least));
        let kept = found.iter().filter(above).skip(options.offset).take(options.k);
        let kept: Vec<Found> = kept.copied().collect();
        let hits = hits(shared, snapshot, &kept, options.fields.as_deref())?;
        answers.push(Answer { hits, generation: snapshot.training.number, expected_recall: expected, ..Answer::default() });
    }
    if let Some(mut explain) = explain {
        explain.target_recall = match options.effort {
            Effort::Recall(target) => Some(target),
            Effort::Nprobe(_) | Effort::Exact => None,
        };
        explain.calibrated_with = snapshot.training.trained.as_ref().and_then(|trained| trained.calibrated_with());
        if options.fields.is_some() {
            explain.stages.push(StageTime { stage: "fields", micros: start.elapsed().as_secs_f64() * 1e6 });
        }
        if let Some(first) = answers.first_mut() {
            first.explain = Some(explain);
        }
    }
    Ok(answers)
}

/// The places that each query leaves out, sorted; one list for all when no query has its own.
pub(crate) fn skips(snapshot: &Snapshot, queries: usize, each: &[Vec<String>], all: &[String]) -> Vec<Vec<Place>> {
    let places = |own: &[String]| -> Vec<Place> {
        let mut places: Vec<Place> = own.iter().chain(all).filter_map(|id| snapshot.locate(id)).collect();
        places.sort_unstable();
        places.dedup();
        places
    };
    if each.is_empty() { if queries == 0 { vec![] } else { vec![places(&[])] } } else { each.iter().map(|own| places(own)).collect() }
}

/// The places that query number `query` leaves out.
pub(crate) fn skip_of(skips: &[Vec<Place>], query: usize) -> &[Place] {
    skips.get(query).or_else(|| skips.first()).map_or(&[], Vec::as_slice)
}

fn segments(
    snapshot: &Snapshot,
    vectors: &Matrix,
    skips: &[Vec<Place>],
    depth: usize,
    options: &Options,
    explain: Option<&mut Explain>,
) -> (Vec<Vec<Found>>, Option<f32>) {
    let nothing = || (vec![Vec::new(); vectors.rows()], Some(1.0));
    let Some(trained) = &snapshot.training.trained else { return nothing() };
    let parts: Vec<Part<'_>> = snapshot.segments.iter().map(|view| Part { index: &view.body.index, mask: &view.mask }).collect();
    if parts.is_empty() {
        return nothing();
    }
    let setting = plan::setting(trained, snapshot, depth, options);
    let timed = explain.is_some();
    let params = SearchParams {
        k: depth,
        nprobe: setting.nprobe,
        candidates: setting.candidates,
        mode: setting.mode,
        skip: &[],
        min_score: None,
        timed,
    };
    let found = |hit: &Candidate| Found { score: hit.score, place: (hit.part, hit.position) };
    let mut explain = explain;
    let mut one = |query: usize, nprobe: usize| {
        SCRATCH.with_borrow_mut(|scratch| {
            let params = SearchParams { skip: skip_of(skips, query), nprobe, ..params };
            let stats = index::search(&trained.engine, &parts, vectors.row(query), &params, scratch);
            if let Some(explain) = explain.as_deref_mut() {
                plan::report(&stats, explain);
            }
            scratch.hits().iter().map(found).collect::<Vec<Found>>()
        })
    };
    // Many queries share what they read of the lists. Only a query by itself can be timed by stages.
    let mut all: Vec<Vec<Found>> = if vectors.rows() > 1 && !timed {
        let all = index::search_batch(&trained.engine, &parts, vectors, &params, skips);
        all.iter().map(|hits| hits.iter().map(found).collect()).collect()
    } else {
        (0..vectors.rows()).map(|query| one(query, setting.nprobe)).collect()
    };
    let lists = trained.engine.quantizer().lists();
    for (query, found) in all.iter_mut().enumerate() {
        let (needed, mut nprobe) = (needed(snapshot, depth, skip_of(skips, query)), setting.nprobe);
        while found.len() < needed && nprobe < lists {
            nprobe = nprobe.saturating_mul(WIDER);
            *found = one(query, nprobe);
        }
    }
    let expected = setting.expected.filter(|_| skips.iter().all(|skip| skip.len() <= LEFT_OUT)).map(|recall| {
        // Rows of the tail are always found.
        let tail = snapshot.tail() as f32 / snapshot.live().max(1) as f32;
        recall + (1.0 - recall) * tail
    });
    (all, expected)
}

/// Rows that the segments have to give, with those of the tail, for `depth` in all: as many as there are to be had.
fn needed(snapshot: &Snapshot, depth: usize, skip: &[Place]) -> usize {
    let in_segments = skip.partition_point(|place| (place.0 as usize) < snapshot.segments.len());
    let left = |live: u64, skipped: usize| usize::try_from(live).unwrap_or(usize::MAX).saturating_sub(skipped);
    let tail = left(snapshot.tail(), skip.len() - in_segments);
    depth.saturating_sub(tail).min(left(snapshot.live() - snapshot.tail(), in_segments))
}

/// Adds the best rows of the tail to what was found.
pub(crate) fn tail(snapshot: &Snapshot, query: &[f32], skip: &[Place], depth: usize, metric: Metric, found: &mut Vec<Found>) {
    if snapshot.runs.is_empty() {
        return;
    }
    let first = snapshot.segments.len() as u32;
    let parts: Vec<FlatPart<'_>> =
        snapshot.runs.iter().map(|view| FlatPart { rows: view.body.vectors.as_slice(), mask: &view.mask }).collect();
    let skip: Vec<Place> = skip.iter().filter(|place| place.0 >= first).map(|&(part, position)| (part - first, position)).collect();
    FLAT.with_borrow_mut(|scratch| {
        flat::search(Kernel::detect(), &parts, query, &FlatParams { metric, k: depth, min_score: None, skip: &skip }, scratch);
        found.extend(scratch.hits().iter().map(|hit| Found { score: hit.score, place: (first + hit.part, hit.position) }));
    });
}

/// What was found, with the fields asked for: their records are read in one trip to the store.
fn hits(shared: &Shared, snapshot: &Snapshot, found: &[Found], fields: Option<&[String]>) -> Result<Vec<Hit>> {
    let hit = |found: &Found, fields| Ok(Hit { id: ItemId::new(snapshot.id(found.place))?, score: found.score as f32, fields });
    let Some(names) = fields else { return found.iter().map(|found| hit(found, None)).collect() };
    let rows: Vec<u64> = found.iter().map(|found| snapshot.row(found.place)).collect();
    let records = shared.records(&rows)?;
    // The vector is kept beside the features, and read only where it is asked for.
    let vectors = if names.iter().any(|name| name == VECTOR_FIELD) { shared.vectors_of(&rows)? } else { Vec::new() };
    let one = |(at, found): (usize, &Found)| {
        let row = rows[at];
        let record = shared.decode(row, &records[at])?;
        let stored = Row::from_bytes(record.features).ok_or_else(|| shared.damaged(format!("row {row}"), "the features do not decode"))?;
        let vector = vectors.get(at).map(|bytes| shared.values(row, bytes)).transpose()?;
        let vector = |name: &str| Some(vector.filter(|_| name == VECTOR_FIELD)?.iter().map(Value::from).collect::<Value>());
        let field = |name: &str| stored.get(name).cloned().or_else(|| vector(name));
        hit(found, Some(names.iter().filter_map(|name| Some((name.as_str(), field(name)?))).collect()))
    };
    found.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::{BuildOptions, CollectionOptions, Database, Item, Metric, NoProgress, row};

    #[test]
    fn as_many_come_as_may_be_returned_however_few_lists_are_visited() {
        let database = Database::in_memory().unwrap();
        let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2).lenient(true).m(1).lists(9)).unwrap();
        let item = |n: u64| Item::new(n).unwrap().with_row(row! { "n" => n }).with_vector([n as f32, (n % 7) as f32]);
        items.upsert_many((0..200).map(item)).unwrap();
        items.build(&BuildOptions::default(), &NoProgress).unwrap();
        items.upsert_many((200..210).map(item)).unwrap();
        items.delete((150..160).map(|n: u64| n.to_string())).unwrap();
        let near: Vec<String> = (0..60).map(|n| n.to_string()).collect();
        for (k, exclude, hits) in [(10, &near[..], 10), (150, &near, 140), (200, &[], 200), (usize::MAX, &[], 200), (190, &near[..5], 190)]
        {
            let answer = items.search(&[1.0, 1.0]).k(k).nprobe(1).exclude(exclude).run().unwrap();
            assert_eq!(answer.hits.len(), hits, "{k} without {}", exclude.len());
            let queries: [&[f32]; 2] = [&[1.0, 1.0], &[100.0, 3.0]];
            let answers = items.search_many(queries).k(k).recall(0.1).exclude(exclude).run().unwrap();
            assert!(answers.iter().all(|answer| answer.hits.len() == hits), "{k} without {}, in a batch", exclude.len());
            assert!(!answer.ids().any(|id| exclude.iter().any(|other| other == id)));
        }
    }
}
