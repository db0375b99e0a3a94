//! Trains on a published split, two files of lines `user item item ...`, and measures it by exact full ranking.
//!
//!     cargo run --release -p torre-train --example published -- TRAIN TEST [--config FILE] [--user-id] [--share 0.1] [--out DIR]
//!
//! Items have an id and nothing else, users what they chose (with `--user-id` an id too). A tenth of each user's training items is
//! validation; with `--share 0` all of them are trained on, for the last run, when nothing is to be chosen any more.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use serde_json::json;
use torre_features::{FeatureSpec, Row};
use torre_train::{Config, Dataset, Entities, Event, Events, Part, Progress, Run, TrainError, train};

type Failure = Box<dyn std::error::Error>;

/// What the command line says.
struct Arguments {
    files: Vec<PathBuf>,
    config: Config,
    user_id: bool,
    share: f64,
    out: Option<PathBuf>,
}

fn main() -> Result<(), Failure> {
    let arguments = arguments()?;
    let [training, test] = &arguments.files[..] else { return Err("usage: published TRAIN TEST [options]".into()) };
    let dataset = dataset(&arguments, &lines(training)?, &lines(test)?)?;
    println!("{} users, {} items, {} events", dataset.users.len(), dataset.items.len(), dataset.events.all().len());
    let before = cpu_seconds();
    let mut progress = |what: &Progress| {
        if let Progress::Epoch(epoch) = what {
            let validation = epoch.validation.map_or(String::new(), |v| format!("recall@{} {:.4} ndcg {:.4}", v.k, v.recall, v.ndcg));
            println!("epoch {:2}  loss {:.4}  {validation}  {:.1} s  alike {:.2?}", epoch.epoch, epoch.loss, epoch.seconds, epoch.alike);
        }
    };
    let stop = AtomicBool::new(false);
    let trained = train(&dataset, &arguments.config, Run { progress: &mut progress, stop: &stop, checkpoint: None, previous: None })?;
    let seconds = cpu_seconds() - before;
    let examples = dataset.events.all().iter().filter(|event| event.part == Part::Train).count();
    let steps = examples.div_ceil(arguments.config.training.batch) * trained.epochs.len();
    let per_step = 1000.0 * seconds / steps as f64;
    println!("trained in {seconds:.1} CPU seconds, {per_step:.1} ms a step; best epoch {}, lambda {}", trained.best, trained.lambda);
    let quality = trained.evaluate(&dataset, Part::Test, arguments.config.training.k);
    println!("test: {} users, recall@{} {:.4}, ndcg@{} {:.4}", quality.users, quality.k, quality.recall, quality.k, quality.ndcg);
    if let Some(out) = &arguments.out {
        let files = trained.files(&dataset, &json!({"epochs": trained.epochs, "test": quality}))?;
        println!("{} rows agree with the exported towers within {:e}", files.compared, files.difference);
        files.write(out)?;
    }
    println!("peak memory {} MB", peak_megabytes());
    Ok(())
}

fn arguments() -> Result<Arguments, Failure> {
    let (mut files, mut config, mut user_id, mut share, mut out) = (Vec::new(), Config::default(), false, 0.1, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match &*argument {
            "--config" => config = Config::from_toml(&std::fs::read_to_string(value()?)?)?,
            "--share" => share = value()?.parse()?,
            "--out" => out = Some(PathBuf::from(value()?)),
            "--user-id" => user_id = true,
            _ => files.push(PathBuf::from(argument)),
        }
    }
    Ok(Arguments { files, config, user_id, share, out })
}

/// Users and their items, as a file has them.
fn lines(path: &PathBuf) -> Result<Vec<(usize, Vec<u32>)>, Failure> {
    let text = std::fs::read_to_string(path)?;
    let mut all = Vec::new();
    for line in text.lines() {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
        let Some(user) = numbers.next() else { continue };
        all.push((user? as usize, numbers.collect::<Result<_, _>>()?));
    }
    Ok(all)
}

fn dataset(arguments: &Arguments, training: &[(usize, Vec<u32>)], test: &[(usize, Vec<u32>)]) -> Result<Dataset, Failure> {
    let both = || training.iter().chain(test);
    let users = both().map(|(user, _)| user + 1).max().unwrap_or(0);
    let items = both().flat_map(|(_, items)| items).max().map_or(0, |&item| item as usize + 1);
    let mut events = Vec::new();
    for (user, list) in training {
        for (n, &item) in list.iter().enumerate() {
            // Without times any tenth does; the same one always.
            let held = arguments.share > 0.0 && list.len() > 2 && hash(*user, item) < arguments.share && n > 0;
            events.push(event(*user, item, if held { Part::Validation } else { Part::Train }));
        }
    }
    events.extend(test.iter().flat_map(|(user, list)| list.iter().map(|&item| event(*user, item, Part::Test))));
    let events = Events::new(events, false, users, items)?;
    let ids: Vec<String> = (0..items).map(|item| item.to_string()).collect();
    let user_ids: Vec<String> = (0..users).map(|user| user.to_string()).collect();
    let vocab = json!({"tensor": "id", "dtype": "i64", "shape": ["N"], "from": "id", "op": {"vocab": {"name": "items", "oov": 1}}});
    let history = json!({"tensor": "history", "dtype": "i64", "shape": ["N", 500], "from": "history",
        "op": {"vocab": {"name": "items", "oov": 1}}, "list": {"max": 500, "keep": "last"}});
    let user = json!({"tensor": "user", "dtype": "i64", "shape": ["N"], "from": "user", "op": {"vocab": {"values": user_ids, "oov": 1}}});
    let inputs = if arguments.user_id { vec![history, user] } else { vec![history] };
    let item_rows: Vec<Row> = ids.iter().map(|id| Row::new().with("id", id.as_str())).collect();
    let user_row = |id: &String| if arguments.user_id { Row::new().with("user", id.as_str()) } else { Row::new() };
    let user_rows: Vec<Row> = user_ids.iter().map(user_row).collect();
    let items = Entities::encode(ids.clone(), spec("item", &ids, &[vocab])?, &item_rows, false)?;
    let users = Entities::encode(user_ids.clone(), spec("user", &ids, &inputs)?, &user_rows, false)?;
    Ok(Dataset::new(items, users, events, Some("history"))?)
}

fn event(user: usize, item: u32, part: Part) -> Event {
    Event { user: user as u32, item, time: 0, weight: 1.0, positive: true, profile: user as u32, part }
}

/// A number from 0 to 1 that belongs to a pair.
fn hash(user: usize, item: u32) -> f64 {
    let mixed = ((user as u64) << 32 | u64::from(item)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

fn spec(tower: &str, ids: &[String], inputs: &[serde_json::Value]) -> Result<FeatureSpec, TrainError> {
    let document = json!({"torre": 1, "tower": tower, "model": "published", "dim": 64, "metric": "ip", "normalized": false,
        "output": "vector", "vocabs": {"items": ids}, "inputs": inputs, "golden": []});
    FeatureSpec::parse(&document.to_string()).map_err(|source| TrainError::Spec { side: "example's", source })
}

/// CPU seconds of this process, user and system, where the system says.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// The most memory this process had, where the system says.
fn peak_megabytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_ascii_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<usize>().ok()).unwrap_or(0) / 1024
}
