//! `torre train-ranker`: a second stage for a collection, from who chose what.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value as Json, json};
use torre::{Collection, Database, Error, Progress, RankerSource, Row, Stage};
use torre_report::{Comparison, Measure, Scores};
use torre_train::{Candidates, FittedRanker, RankCase, RankerOptions, fit_ranker};

use super::files;
use super::ranker_args::RankerArgs;
use super::ranker_cases::Cases;
use super::ranker_table;
use super::show::{KS, seconds};
use crate::repl::Failure;
use crate::repl::output::{Output, Record, count, to_json};

/// Users answered in one call.
const USERS: usize = 256;
/// Where the random numbers of intervals come from.
const SEED: u64 = 1;
/// How much better the first stage is on what it was trained with, at least.
const MEMORIZED: f64 = 1.5;

/// Trains a ranker, attaches it, and measures it beside the first stage alone.
pub(crate) fn run(collection: &Collection, args: &RankerArgs, progress: &dyn Progress) -> Result<Output, Failure> {
    let start = Instant::now();
    let trees = args.tree_options();
    trees.check()?;
    Database::check_name(&args.name)?;
    let features = args.features.as_deref().map(features).transpose()?;
    if args.table.is_some() {
        ranker_table::check(features.as_ref())?;
    }
    let Cases { learn, test, mut notes } = Cases::read(collection, args, trees.seed, progress)?;
    let candidates = Candidates::of(collection, &learn, args.candidates, progress)?;
    let options = RankerOptions { features, trees, held_share: args.held_share, space: collection.space() };
    let fitted = fit_ranker(&candidates, &learn, &options, progress)?;
    notes.extend(told(&fitted, &candidates, &options));
    if let Some(path) = &args.table {
        ranker_table::write(path, &fitted, &options.trees)?;
        notes.push(format!("the table is {}; {} trains LightGBM on it", path.display(), path.with_extension("py").display()));
    }
    if let Some(out) = &args.out {
        files::directory(out)?;
        fitted.file.write(&out.join("ranker.onnx"))?;
        files::write(&out.join("features.json"), format!("{:#}\n", fitted.features.features))?;
        notes.push(format!("written: ranker.onnx and features.json in {}", out.display()));
    }
    let replaced = collection.rankers().contains(&args.name);
    collection.attach_ranker(&args.name, &RankerSource::new(fitted.file.onnx.clone()))?;
    let verb = if replaced { "replaced" } else { "attached" };
    notes.push(format!("ranker {} {verb}: recommend --rerank {} --ranker {}", args.name, args.candidates, args.name));
    let measured = Measured::of(collection, test.as_deref().unwrap_or(&learn), args, progress)?;
    notes.push(measured.verdict(test.is_some()));
    notes.extend(measured.memorized(&candidates, &learn));
    let json = json!({
        "ranker": args.name,
        "replaced": replaced,
        "features": fitted.features.features,
        "trees": fitted.boosted.forest.trees.len(),
        "cases": learn.len(),
        "candidates": args.candidates,
        "candidate_recall": recall(&candidates),
        "rows": {"train": fitted.train.rows(), "validation": fitted.held.rows()},
        "groups": {"train": fitted.train.groups(), "validation": fitted.held.groups()},
        "validation": {"k": options.trees.k, "first": fitted.quality[0], "all": fitted.quality[1]},
        "test": measured.json(),
        "seconds": seconds(start.elapsed().as_secs_f64()),
    });
    Ok(Output { json: to_json(&json), records: measured.records(&args.name), notes, ..Output::default() })
}

/// A list of features, or a ranker's document that has one.
fn features(path: &Path) -> Result<Json, Failure> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let json: Json = serde_json::from_str(&text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Ok(match json {
        Json::Object(mut document) => document.remove("features").unwrap_or_default(),
        list => list,
    })
}

/// The share of what was chosen that the first stage finds: no ranker can do more.
fn recall(candidates: &Candidates) -> Option<f64> {
    (candidates.relevant > 0).then(|| candidates.found as f64 / candidates.relevant as f64)
}

/// What was learned from, and what came of it, a line each.
fn told(fitted: &FittedRanker, candidates: &Candidates, options: &RankerOptions) -> Vec<String> {
    let FittedRanker { features, boosted, train, held, quality: [before, after], .. } = fitted;
    let mut lines = features.why.clone();
    lines.push(format!(
        "the first stage finds {:.1} % of what was chosen; {} and {} of {} cases tell something, {} and {}",
        100.0 * recall(candidates).unwrap_or(0.0),
        train.groups(),
        held.groups(),
        candidates.asked.len(),
        count(train.rows() as u64, "row"),
        held.rows(),
    ));
    let k = options.trees.k;
    let trees = count(boosted.forest.trees.len() as u64, "tree");
    lines.push(format!("{trees} of {}; ndcg@{k} of the held candidates {before:.4} -> {after:.4}", boosted.validation.len()));
    let all: f64 = boosted.forest.gains.iter().sum();
    let mut gains: Vec<(&String, f64)> = boosted.forest.features.iter().zip(boosted.forest.gains.iter().map(|gain| gain / all)).collect();
    gains.sort_by(|a, b| b.1.total_cmp(&a.1));
    let gains: Vec<String> = gains.iter().map(|(name, share)| format!("{name} {:.0} %", 100.0 * share)).collect();
    lines.push(format!("what the splits gained: {}", gains.join(", ")));
    lines
}

/// What the first stage alone and both stages together are worth.
struct Measured {
    /// By cut-off: first stage, all stages.
    scores: Vec<[Scores; 2]>,
    against: Option<Comparison>,
}

impl Measured {
    fn of(collection: &Collection, cases: &[RankCase], args: &RankerArgs, progress: &dyn Progress) -> Result<Self, Failure> {
        let mut scores: Vec<[Scores; 2]> = KS.iter().map(|&k| [Scores::new(k), Scores::new(k)]).collect();
        let (depth, total) = (KS.iter().copied().max().unwrap_or(1), cases.len() as u64);
        for (done, cases) in (0..).step_by(USERS).zip(cases.chunks(USERS)) {
            let rows: Vec<Row> = cases.iter().map(|case| case.user.clone()).collect();
            let ask = || collection.recommend_many(&rows).k(depth).exclude_each(cases.iter().map(|case| case.seen.clone()).collect());
            let (first, all) = (ask().run()?, ask().rerank_with(args.name.clone(), args.candidates).run()?);
            for ((first, all), case) in first.iter().zip(&all).zip(cases) {
                let relevant: Vec<&str> = case.relevant.iter().map(String::as_str).collect();
                for (at, answer) in [first, all].into_iter().enumerate() {
                    let hits: Vec<&str> = answer.ids().collect();
                    scores.iter_mut().for_each(|scores| scores[at].add(&hits, &relevant));
                }
            }
            progress.update(Stage::Evaluate, (done + cases.len()) as u64, Some(total));
            if progress.cancelled() {
                return Err(Error::Interrupted.into());
            }
        }
        let against = scores.first().and_then(|[first, all]| all.compare(first, Measure::Ndcg, SEED));
        Ok(Self { scores, against })
    }

    /// Whether the ranker is worth its time.
    fn verdict(&self, apart: bool) -> String {
        let users = self.scores.first().map_or(0, |[first, _]| first.users());
        let on = if apart { "test users" } else { "users, those that it was trained with: measure with others (--test-cases)" };
        let Some(against) = &self.against else { return format!("nothing to measure with: {users} {on}") };
        let (difference, p) = (against.difference, against.p_value);
        let word = match (against.is_significant(), difference.mean > 0.0) {
            (true, true) => "better than the first stage alone",
            (true, false) => "worse than the first stage alone: detach it",
            (false, _) => "not told from the first stage alone",
        };
        format!("{word}: ndcg@{} {difference} (p {p:.3}) of {users} {on}", KS[0])
    }

    /// Says so where the first stage does much better on what the ranker learned from than on what measures: towers that were trained with
    /// those choices know them by heart.
    fn memorized(&self, candidates: &Candidates, learn: &[RankCase]) -> Option<String> {
        let mut scores = Scores::new(KS[0]);
        for asked in &candidates.asked {
            let hits: Vec<&str> = asked.items.iter().take(KS[0]).map(|&item| candidates.items[item as usize].0.as_str()).collect();
            let relevant: Vec<&str> = learn[asked.case].relevant.iter().map(String::as_str).collect();
            scores.add(&hits, &relevant);
        }
        let learned = scores.mean(Measure::Ndcg)?;
        let measured = self.scores.first()?[0].mean(Measure::Ndcg)?;
        (learned > MEMORIZED * measured).then(|| {
            let k = KS[0];
            format!(
                "the first stage has ndcg@{k} {learned:.4} on what the ranker learned from, and {measured:.4} here: if the towers were trained \
                 with that too, the ranker trusts them too much (`make --no-refit` leaves it out)"
            )
        })
    }

    fn records(&self, name: &str) -> Vec<Record> {
        let line = |(at, stages): (usize, String)| -> Record {
            let mut record: Record = vec![("stages".to_owned(), Json::from(stages))];
            for scores in &self.scores {
                let scores = &scores[at];
                let mean = |measure| scores.mean(measure).map_or(Json::Null, |mean| Json::from(format!("{mean:.4}")));
                for (measure, word) in [(Measure::Ndcg, "ndcg"), (Measure::Recall, "recall"), (Measure::HitRate, "hit rate")] {
                    record.push((format!("{word}@{}", scores.k()), mean(measure)));
                }
            }
            record
        };
        ["first".to_owned(), format!("first, then {name}")].into_iter().enumerate().map(line).collect()
    }

    fn json(&self) -> Json {
        let at = |stage: usize| -> Json {
            let of_k = |scores: &[Scores; 2]| {
                let scores = &scores[stage];
                let measures: serde_json::Map<String, Json> =
                    Measure::ALL.iter().map(|&measure| (measure.name().to_owned(), json!(scores.mean(measure)))).collect();
                (scores.k().to_string(), Json::Object(measures))
            };
            Json::Object(self.scores.iter().map(of_k).collect())
        };
        let users = self.scores.first().map_or(0, |[first, _]| first.users());
        json!({"users": users, "first": at(0), "all": at(1), "ndcg": self.against})
    }
}
