//! `eval`: recommendations against what users really chose.

use std::fs::File;
use std::io::BufReader;
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
use torre::{Progress, Stage};
use torre_data::Place;
use torre_report::{Cutoff, EvalCase, Evaluation, Latency, Report, read_cases};

/// Users answered in one call.
const BATCH: usize = 256;

#[derive(Serialize)]
struct Evaluated {
    #[serde(flatten)]
    report: Report,
    #[serde(flatten)]
    latency: Latency,
    /// Users that were timed, one query at a time.
    timed_users: usize,
    effort: Json,
}

pub(super) fn run(collection: &Collection, args: &Eval, progress: &dyn Progress) -> Result<Output, Failure> {
    let cases = read(&args.file)?;
    let users = cases.iter().map(|case| user_row(&args.file, case)).collect::<Result<Vec<Row>, Failure>>()?;
    let mut evaluation = Evaluation::new(&args.k);
    let depth = evaluation.depth();
    for (users, cases) in users.chunks(BATCH).zip(cases.chunks(BATCH)) {
        let seen = cases.iter().map(|case| case.seen.clone()).collect();
        let answers = collection.recommend_many(users).options(args.effort.search()).k(depth).exclude_each(seen).run();
        let answers = answers.map_err(|error| about(&args.file, cases, error))?;
        for (answer, case) in answers.iter().zip(cases) {
            let hits: Vec<&str> = answer.ids().collect();
            evaluation.add(&hits, &case.relevant);
        }
        if progress.cancelled() {
            return Err(Error::Interrupted.into());
        }
    }
    let times = time(collection, args, progress, &users, &cases)?;
    let report = evaluation.report(usize::try_from(collection.len()).unwrap_or(usize::MAX));
    let effort = describe(args.effort.effort());
    Ok(show(&Evaluated { report, latency: Latency::of(&times), timed_users: times.len(), effort }))
}

fn read(path: &Path) -> Result<Vec<EvalCase>, Failure> {
    let file = File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let cases = read_cases(BufReader::new(file)).map_err(|error| Failure::new(format!("{}, {error}", path.display())))?;
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

/// The times of single calls, of users spread evenly over the file; a batch's share would not be what a caller waits.
fn time(
    collection: &Collection,
    args: &Eval,
    progress: &dyn Progress,
    users: &[Row],
    cases: &[EvalCase],
) -> Result<Vec<Duration>, Failure> {
    let depth = args.k.iter().copied().max().unwrap_or(0);
    let step = users.len().div_ceil(args.timed).max(1);
    let mut times = Vec::with_capacity(users.len() / step + 1);
    let total = users.len().div_ceil(step) as u64;
    for (user, case) in users.iter().zip(cases).step_by(step) {
        let answer =
            collection.recommend(user).options(args.effort.search()).k(depth).exclude(case.seen.iter().map(String::as_str)).run()?;
        times.push(answer.elapsed);
        progress.update(Stage::Evaluate, times.len() as u64, Some(total));
        if progress.cancelled() {
            return Err(Error::Interrupted.into());
        }
    }
    Ok(times)
}

fn show(evaluated: &Evaluated) -> Output {
    let Evaluated { report, latency, timed_users, .. } = evaluated;
    let share = |value: Option<f64>| value.map_or(Json::Null, |value| Json::from(format!("{value:.4}")));
    let record = |at: &Cutoff| -> Record {
        vec![
            ("k".to_owned(), Json::from(at.k)),
            ("recall@k".to_owned(), share(at.recall)),
            ("ndcg@k".to_owned(), share(at.ndcg)),
            ("hit rate@k".to_owned(), share(at.hit_rate)),
            ("map@k".to_owned(), share(at.map)),
        ]
    };
    let text = |value: Option<f64>, digits: usize| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
    let mut notes = vec![
        format!("{}, MRR {}, coverage {}", count(report.users as u64, "user"), text(report.mrr, 4), text(report.coverage, 4)),
        format!("{latency} ({}, one query at a time)", count(*timed_users as u64, "user")),
    ];
    if report.users_without_relevant > 0 {
        notes.push(format!("passed over, with nothing relevant: {}", count(report.users_without_relevant as u64, "user")));
    }
    Output { json: to_json(evaluated), records: report.cutoffs.0.iter().map(record).collect(), notes, ..Output::default() }
}
