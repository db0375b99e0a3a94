//! `recommend`, `similar` and `search`: from options to a query, from an answer to what is shown.

use serde_json::{Value as Json, json};

use super::command::{QueryOptions, Recommend, Search, Similar};
use super::failure::Failure;
use super::output::{Output, Record, grouped, short, to_json};
use torre::Collection;
use torre::{Answer, Effort, Explain, Hit, Query};

pub(super) fn recommend(collection: &Collection, args: &Recommend) -> Result<Output, Failure> {
    if collection.specs().is_none() {
        let problem = "this collection has no user tower, so there is nothing to make a vector of a user with; use `search` with a vector";
        return Err(Failure::new(problem));
    }
    answer(collection.recommend(&args.user()), &args.options)
}

pub(super) fn similar(collection: &Collection, args: &Similar) -> Result<Output, Failure> {
    answer(collection.similar(&args.id), &args.options)
}

pub(super) fn search(collection: &Collection, args: &Search) -> Result<Output, Failure> {
    answer(collection.search(&args.vector()), &args.options)
}

fn answer(query: Query<'_>, options: &QueryOptions) -> Result<Output, Failure> {
    Ok(show(&query.options(options.search()).run()?, options.offset))
}

/// An answer whose first hit has the place `offset` + 1.
fn show(answer: &Answer, offset: usize) -> Output {
    let mut notes = Vec::new();
    if answer.hits.is_empty() {
        notes.push("no hits".to_owned());
    }
    if let Some(explain) = &answer.explain {
        explain_notes(answer, explain, &mut notes);
    }
    Output {
        json: to_json(answer),
        parts: answer.hits.iter().map(to_json).collect(),
        records: answer.hits.iter().zip(offset + 1..).map(|(hit, place)| record(hit, place)).collect(),
        notes,
        ..Output::default()
    }
}

fn record(hit: &Hit, place: usize) -> Record {
    let mut record =
        vec![("#".to_owned(), Json::from(place)), ("id".to_owned(), Json::from(hit.id.as_str())), ("score".to_owned(), short(hit.score))];
    record.extend(hit.rank_score.map(|rank| ("rank score".to_owned(), short(rank))));
    record.extend(hit.rule_score.map(|score| ("rule score".to_owned(), short(score))));
    let placed = hit.pinned.map(|_| "pinned").or(hit.buried.then_some("buried"));
    record.extend(placed.map(|placed| ("placed".to_owned(), Json::from(placed))));
    if !hit.boosts.is_empty() {
        let adds = hit.boosts.iter().map(|boost| boost.adds.map_or_else(|| "null".to_owned(), |adds| short(adds as f32).to_string()));
        record.push(("boosts".to_owned(), Json::from(adds.collect::<Vec<_>>().join(", "))));
    }
    for (name, value) in hit.fields.iter().flat_map(|fields| fields.iter()) {
        let taken = record.iter().any(|(other, _)| other == name);
        record.push((if taken { format!("fields.{name}") } else { name.to_owned() }, value.to_json()));
    }
    record
}

/// Short of a target by more than this, calibration does not reach it.
const OUT_OF_REACH: f32 = 0.006;

/// What to say of an index that does not reach the default target, and what would help.
pub(super) fn out_of_reach(expected: Option<f32>, refine: &str) -> Option<String> {
    let expected = expected.filter(|expected| expected + OUT_OF_REACH < torre::DEFAULT_RECALL)?;
    let help = match refine {
        "f32" => "more bytes a code (build --m) or other lists (build --lists)",
        "none" => "refine vectors (build --refine auto)",
        _ => "finer refine vectors (build --refine f32), then more bytes a code (build --m)",
    };
    Some(format!(
        "warning: a recall of {} is out of reach of this index; expect {expected:.2}. What may help: {help}",
        torre::DEFAULT_RECALL
    ))
}

fn explain_notes(answer: &Answer, explain: &Explain, notes: &mut Vec<String>) {
    let total = answer.elapsed.as_secs_f64() * 1e6;
    notes.push(format!("generation {}, {total:.1} us:", answer.generation));
    for stage in &explain.stages {
        notes.push(format!("  {:<8} {:>9.1} us", stage.stage, stage.micros));
    }
    notes.push(format!(
        "lists probed {}, codes scanned {}, candidates refined {}, rows scanned exactly {}",
        grouped(explain.lists_probed),
        grouped(explain.codes_scanned),
        grouped(explain.candidates_refined),
        grouped(explain.rows_scanned)
    ));
    if let Some(plan) = explain.plan {
        let rate = explain.pass_rate.map_or(String::new(), |rate| format!(", {:.2} % of the rows looked at may be returned", 100.0 * rate));
        let about = explain.estimated_pass_rate.map_or(String::new(), |rate| format!(" (of all about {:.2} %)", 100.0 * rate));
        notes.push(format!("plan: {plan}{rate}{about}"));
    }
    if let Some(expected) = answer.expected_recall {
        let target = explain.target_recall.map_or(String::new(), |target| format!(" for a target of {}", short(target)));
        let by = explain.calibrated_with.map_or(String::new(), |with| format!(", calibrated with {with}"));
        notes.push(format!("expected recall {:.3}{target}{by}", expected));
        if let Some(target) = explain.target_recall.filter(|&target| expected + OUT_OF_REACH < target) {
            notes.push(format!("warning: the target of {} is out of reach of this index", short(target)));
        }
    }
    if let Some(ranker) = &explain.ranker {
        let missing: Vec<String> =
            ranker.missing.iter().map(|missing| format!("{} of {}", missing.feature, grouped(missing.candidates))).collect();
        let missing = if missing.is_empty() { String::new() } else { format!(", missing: {}", missing.join(", ")) };
        notes.push(format!("ranker: {} candidates{missing}", grouped(ranker.candidates)));
    }
    if let Some(rules) = &explain.rules {
        let policy = rules.policy.as_ref().zip(rules.version).map(|(name, version)| format!(" (policy {name}, version {version})"));
        notes.push(format!(
            "rules{}: {} candidates, {} buried, {} over their limit, {} pinned, {} left out of the collection",
            policy.unwrap_or_default(),
            grouped(rules.candidates),
            grouped(rules.buried),
            grouped(rules.over_limit),
            grouped(rules.pinned),
            grouped(rules.left_out)
        ));
        for (what, names) in [("not pinned", &rules.unpinned), ("the user has no", &rules.missing)] {
            if !names.is_empty() {
                notes.push(format!("{what}: {}", names.join(", ")));
            }
        }
    }
    for (what, names) in [("missing features", &explain.missing), ("unknown values", &explain.unknown)] {
        if !names.is_empty() {
            notes.push(format!("{what}: {}", names.join(", ")));
        }
    }
}

/// How hard a measurement looked, as it is reported.
pub(super) fn describe(effort: Effort) -> Json {
    match effort {
        Effort::Recall(target) => json!({"recall": short(target)}),
        other => json!(other),
    }
}
