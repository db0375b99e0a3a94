//! `torre make`: files in, a database that recommends out.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use torre::{Collection, Database, Error, Progress, TowerPair};
use torre_report::{Contest, Latency};
use torre_train::{Joined, Part};

use super::args::{DataArgs, TowerArgs};
use super::files;
use super::fit::{Fit, config, fit, join};
use super::load::load;
use super::rivals::{Held, enter};
use super::saved::Saved;
use super::show::{self, KS};
use super::specs::given;
use super::stock::Stock;
use crate::repl::Failure;
use crate::repl::output::{Output, count, to_json};

/// Users that are timed, one query at a time.
const TIMED: usize = 200;

/// What to make a recommender of.
#[derive(Args, Clone, Debug)]
pub(crate) struct Shop {
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) towers: TowerArgs,
    /// The directory for the towers, their specs, train.toml and eval.jsonl [default: DB.towers]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Seconds of each stage.
#[derive(Default)]
struct Clock {
    stages: Vec<(&'static str, f64)>,
    last: Option<Instant>,
}

impl Clock {
    fn lap(&mut self, stage: &'static str, start: Instant) {
        self.stages.push((stage, self.last.unwrap_or(start).elapsed().as_secs_f64()));
        self.last = Some(Instant::now());
    }
}

/// Infers, trains, attaches, imports, builds and measures. `create` opens the database, once everything that can be refused was tried.
pub(crate) fn make(
    args: &Shop,
    out: PathBuf,
    name: &str,
    create: impl FnOnce() -> Result<Database, Failure>,
    progress: &dyn Progress,
) -> Result<Output, Failure> {
    let (start, mut clock) = (Instant::now(), Clock::default());
    let options = config(&args.towers)?;
    let given = given(&args.towers)?;
    let saved = Saved::new(&out, args.towers.resume)?;
    let loaded = load(&args.data, options.training.seed, progress)?;
    let split = loaded.split.report.clone();
    let (joined, mut notes) = join(loaded, given.as_ref())?;
    clock.lap("read", start);
    notes.extend(show::resumed(&saved, args.towers.resume));
    let fitted = fit(joined, split.clone(), &args.towers, given.as_ref(), Some(&saved), progress)?;
    notes.extend(show::choices(&fitted.choices));
    notes.extend(show::epochs(&fitted.epochs, fitted.best));
    clock.lap("train", start);
    let cases = fitted.dataset.cases(Part::Test);
    let held = Held::new(&fitted.joined, &cases, &args.towers.history);
    let pair = write(&fitted, &held, &out)?;
    clock.lap("write", start);
    let database = create()?;
    let stock = Stock::begin(&database, name, &pair)?;
    stock.import(&fitted.joined, progress)?;
    clock.lap("import", start);
    let built = stock.build(progress)?;
    let collection = stock.serve()?;
    clock.lap("build", start);
    saved.done();
    let before = fitted.joined.chosen();
    let mut contest = Contest::new(&held.users, &before, &KS);
    let hits = answers(&collection, &fitted.joined, &held, contest.depth(), progress)?;
    contest.enter("served", &hits, None);
    let exact = fitted.trained.rankings(&fitted.dataset, &cases, contest.depth());
    contest.enter("towers, exact", &exact, None);
    notes.extend(enter(&mut contest, &held.users, &before));
    let latency = Latency::of(&times(&collection, &held, progress)?);
    let entries = contest.entries();
    clock.lap("measure", start);
    notes.extend(show::segments(&entries));
    notes.push(format!("{latency} (one query at a time)"));
    let stages: Vec<String> = clock.stages.iter().map(|(stage, seconds)| format!("{stage} {seconds:.1} s")).collect();
    notes.push(format!("{} served; {}", count(collection.len(), "row"), stages.join(", ")));
    notes.push(format!("towers and specs in {}; ask with: recommend --user '{}'", out.display(), example(&held)));
    let json = json!({
        "collection": name,
        "out": out,
        "rows": collection.len(),
        "dim": collection.dim(),
        "lists": built.lists,
        "events": fitted.joined.events.len(),
        "users": fitted.joined.user_ids.len(),
        "split": split,
        "item_fields": fitted.choices[0],
        "user_fields": fitted.choices[1],
        "epochs": fitted.epochs,
        "best_epoch": fitted.best,
        "refit": fitted.refit,
        "models": entries,
        "p50_micros": latency.p50_us,
        "p99_micros": latency.p99_us,
        "stages": clock.stages.iter().map(|(stage, seconds)| ((*stage).to_owned(), show::seconds(*seconds))).collect::<serde_json::Map<_, _>>(),
        "seconds": show::seconds(start.elapsed().as_secs_f64()),
    });
    Ok(Output { json: to_json(&json), records: show::records(&entries), notes, ..Output::default() })
}

/// Writes all files and reads the towers back as they will be attached.
pub(super) fn write(fitted: &Fit, held: &Held, out: &std::path::Path) -> Result<TowerPair, Failure> {
    let texts = [fitted.dataset.items.spec.to_json().to_owned(), fitted.dataset.users.spec.to_json().to_owned()];
    files::inferred(out, &texts, &fitted.choices, &fitted.config)?;
    fitted.write(out)?;
    files::write(&out.join("eval.jsonl"), held.lines(&fitted.joined))?;
    Ok(TowerPair::from_files(out.join("item.onnx"), out.join("user.onnx"))?)
}

/// What the collection recommends to each held-out user, by item numbers.
pub(super) fn answers(
    collection: &Collection,
    joined: &Joined,
    held: &Held,
    depth: usize,
    progress: &dyn Progress,
) -> Result<Vec<Vec<u32>>, Failure> {
    /// Users answered in one call.
    const USERS: usize = 256;
    let numbers: std::collections::HashMap<&str, u32> = (0..).zip(&joined.item_ids).map(|(number, id)| (id.as_str(), number)).collect();
    let mut hits = Vec::with_capacity(held.rows.len());
    for (rows, seen) in held.rows.chunks(USERS).zip(held.seen.chunks(USERS)) {
        let answers = collection.recommend_many(rows).k(depth).exclude_each(seen.to_vec()).run()?;
        hits.extend(answers.iter().map(|answer| answer.ids().filter_map(|id| numbers.get(id).copied()).collect()));
        progress.update(torre::Stage::Evaluate, hits.len() as u64, Some(held.rows.len() as u64));
        if progress.cancelled() {
            return Err(Error::Interrupted.into());
        }
    }
    Ok(hits)
}

/// The times of single queries, of users spread evenly.
pub(super) fn times(collection: &Collection, held: &Held, progress: &dyn Progress) -> Result<Vec<Duration>, Failure> {
    let step = held.rows.len().div_ceil(TIMED).max(1);
    let mut times = Vec::with_capacity(TIMED);
    for (row, seen) in held.rows.iter().zip(&held.seen).step_by(step) {
        times.push(collection.recommend(row).k(KS[0]).exclude(seen.iter().map(String::as_str)).run()?.elapsed);
        if progress.cancelled() {
            return Err(Error::Interrupted.into());
        }
    }
    Ok(times)
}

/// A row that somebody may ask with, short enough for a line.
fn example(held: &Held) -> String {
    held.rows.iter().map(|row| row.to_json().to_string()).min_by_key(String::len).unwrap_or_else(|| "{}".to_owned())
}
