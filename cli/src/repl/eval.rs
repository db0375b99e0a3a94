//! `eval`: recommendations against what users really chose.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value as Json;

use super::command::Eval;
use super::failure::Failure;
use super::import::located;
use super::output::{Output, Record, count, to_json};
use super::query::describe;
use torre::Collection;
use torre::Error;
use torre::Row;
use torre::SearchOptions;
use torre::{Progress, Stage};
use torre_data::{Input, Place};
use torre_report::{Cutoff, EvalCase, Evaluation, Latency, Report, read_cases};

/// Users answered in one call.
const BATCH: usize = 256;

#[derive(Serialize)]
struct Evaluated {
    #[serde(flatten)]
    report: Report,
    /// What the first stage alone gives, where there are others.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_stage: Option<Report>,
    #[serde(flatten)]
    latency: Latency,
    /// Users that were timed, one query at a time.
    timed_users: usize,
    effort: Json,
}

pub(super) fn run(collection: &Collection, args: &Eval, progress: &dyn Progress) -> Result<Output, Failure> {
    let cases = read(&args.file)?;
    let users = cases.iter().map(|case| user_row(&args.file, case)).collect::<Result<Vec<Row>, Failure>>()?;
    let users = Users { rows: &users, cases: &cases };
    let first = args.effort.search();
    let mut whole = first.clone();
    args.stages.add_to(&mut whole);
    let first_stage = if args.stages.is_none() {
        None
    } else {
        let rows = of_first_stage(collection, args, users.rows)?;
        Some(measure(collection, args, &first, Users { rows: &rows, ..users }, progress)?.0)
    };
    let (report, times) = measure(collection, args, &whole, users, progress)?;
    let effort = describe(args.effort.effort());
    Ok(show(&Evaluated { report, first_stage, latency: Latency::of(&times), timed_users: times.len(), effort }))
}

/// The users without what rules alone read: by itself the first stage knows no such fields.
fn of_first_stage<'u>(collection: &Collection, args: &Eval, users: &'u [Row]) -> Result<Cow<'u, [Row]>, Failure> {
    let mut fields = args.stages.user_fields();
    if let Some(name) = &args.stages.policy {
        fields.extend(collection.policy(name)?.0.user_fields().map(str::to_owned));
    }
    let tower = collection.specs().map(|(_, user)| user);
    fields.retain(|field| tower.as_ref().is_none_or(|spec| spec.fields().all(|read| read != field)));
    if fields.is_empty() {
        return Ok(Cow::Borrowed(users));
    }
    let without = |user: &Row| {
        let mut user = user.clone();
        fields.iter().for_each(|field| drop(user.remove(field)));
        user
    };
    Ok(users.iter().map(without).collect())
}

/// Who asks, each with a case of the file.
#[derive(Clone, Copy)]
struct Users<'u> {
    rows: &'u [Row],
    cases: &'u [EvalCase],
}

/// What these options give to all users, and how long it takes for some of them.
fn measure(
    collection: &Collection,
    args: &Eval,
    options: &SearchOptions,
    users: Users<'_>,
    progress: &dyn Progress,
) -> Result<(Report, Vec<Duration>), Failure> {
    let mut evaluation = Evaluation::new(&args.k);
    let depth = evaluation.depth();
    for (rows, cases) in users.rows.chunks(BATCH).zip(users.cases.chunks(BATCH)) {
        let seen = cases.iter().map(|case| case.seen.clone()).collect();
        let answers = collection.recommend_many(rows).options(options.clone()).k(depth).exclude_each(seen).run();
        let answers = answers.map_err(|error| about(&args.file, cases, error))?;
        for (answer, case) in answers.iter().zip(cases) {
            let hits: Vec<&str> = answer.ids().collect();
            evaluation.add(&hits, &case.relevant);
        }
        if progress.cancelled() {
            return Err(Error::Interrupted.into());
        }
    }
    let times = time(collection, args, options, users, &mut evaluation, progress)?;
    Ok((evaluation.report(usize::try_from(collection.len()).unwrap_or(usize::MAX)), times))
}

fn read(path: &Path) -> Result<Vec<EvalCase>, Failure> {
    let cases = read_cases(Input::open(path)?.into_reader()).map_err(|error| Failure::new(format!("{}, {error}", path.display())))?;
    if cases.is_empty() {
        return Err(Failure::new(format!(
            "{}: no lines; expected {{\"user\": {{...}}, \"seen\": [ids], \"relevant\": [ids]}}",
            path.display()
        )));
    }
    Ok(cases)
}

fn user_row(path: &Path, case: &EvalCase) -> Result<Row, Failure> {
    Row::from_json_value(Json::Object(case.user.clone())).map_err(|error| about(path, std::slice::from_ref(case), error.into()))
}

/// An error about one of these users, with the line that it stands in.
fn about(path: &Path, cases: &[EvalCase], error: Error) -> Failure {
    if !error.is_about_input() {
        return error.into();
    }
    let lines: Vec<Place> = cases.iter().map(|case| Place::Line(case.line)).collect();
    located(path, &error, &lines)
}

/// The times of single calls, of users spread evenly over the file; a batch's share would not be what a caller waits. Their hits are compared
/// with each other.
fn time(
    collection: &Collection,
    args: &Eval,
    options: &SearchOptions,
    users: Users<'_>,
    evaluation: &mut Evaluation,
    progress: &dyn Progress,
) -> Result<Vec<Duration>, Failure> {
    let depth = evaluation.depth();
    let step = users.rows.len().div_ceil(args.timed).max(1);
    let mut times = Vec::with_capacity(users.rows.len() / step + 1);
    let total = users.rows.len().div_ceil(step) as u64;
    for (user, case) in users.rows.iter().zip(users.cases).step_by(step) {
        let answer = collection.recommend(user).options(options.clone()).k(depth).exclude(case.seen.iter().map(String::as_str)).run()?;
        times.push(answer.elapsed);
        let hits = collection.get_many(answer.ids())?;
        evaluation.add_list(&hits.iter().flatten().filter_map(|item| item.vector()).collect::<Vec<_>>());
        progress.update(Stage::Evaluate, times.len() as u64, Some(total));
        if progress.cancelled() {
            return Err(Error::Interrupted.into());
        }
    }
    Ok(times)
}

fn show(evaluated: &Evaluated) -> Output {
    let Evaluated { report, first_stage, latency, timed_users, .. } = evaluated;
    let share = |value: Option<f64>| value.map_or(Json::Null, |value| Json::from(format!("{value:.4}")));
    let record = |stages: Option<&str>, at: &Cutoff| -> Record {
        let stages = stages.map(|stages| ("stages".to_owned(), Json::from(stages)));
        let measures = [
            ("k".to_owned(), Json::from(at.k)),
            ("recall@k".to_owned(), share(at.recall)),
            ("ndcg@k".to_owned(), share(at.ndcg)),
            ("hit rate@k".to_owned(), share(at.hit_rate)),
            ("map@k".to_owned(), share(at.map)),
        ];
        stages.into_iter().chain(measures).collect()
    };
    let all =
        |stages: Option<&'static str>, report: &Report| -> Vec<Record> { report.cutoffs.0.iter().map(|at| record(stages, at)).collect() };
    let text = |value: Option<f64>, digits: usize| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
    let of_lists = |report: &Report| {
        let apart = text(report.intra_list_distance, 4);
        format!("MRR {}, intra-list distance {apart}, coverage {}", text(report.mrr, 4), text(report.coverage, 4))
    };
    let mut notes = vec![
        format!("{}, {}", count(report.users as u64, "user"), of_lists(report)),
        format!("{latency} ({}, one query at a time)", count(*timed_users as u64, "user")),
    ];
    notes.extend(first_stage.iter().map(|first| format!("the first stage alone: {}", of_lists(first))));
    if report.users_without_relevant > 0 {
        notes.push(format!("passed over, with nothing relevant: {}", count(report.users_without_relevant as u64, "user")));
    }
    let records = match first_stage {
        Some(first) => [all(Some("first"), first), all(Some("all"), report)].concat(),
        None => all(None, report),
    };
    Output { json: to_json(evaluated), records, notes, ..Output::default() }
}
