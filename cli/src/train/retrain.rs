//! `torre retrain`: towers are trained further on what has been chosen since, measured beside those that serve, and take their name.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;
use torre::{Collection, Database, EmbedReport, Progress, TowerPair};
use torre_report::{Contest, Entry};
use torre_train::{Config, Joined, Part, Previous, Table};

use super::args::DataArgs;
use super::fit::{Fit, Plan, join, read_config};
use super::load::load;
use super::make::{answers, write};
use super::rivals::{Held, enter};
use super::saved::Saved;
use super::show::{self, KS};
use super::specs::Specs;
use crate::repl::Failure;
use crate::repl::output::{Output, count, to_json};
use crate::repl::values::at_least_one;

/// What the learning rate is, beside that of the first training: what is known is to be changed, not found anew.
const RATE: f32 = 0.3;
/// From which p a difference is taken for chance.
const CHANCE: f64 = 0.05;

/// What has been chosen since, and how to train on it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Retrain {
    #[command(flatten)]
    data: DataArgs,
    /// Options of training [default: those of the towers, with three tenths of their learning rate]
    #[arg(long, value_name = "TRAIN.toml")]
    config: Option<PathBuf>,
    /// The field of a user's row that holds what was chosen before [default: that of the first training]
    #[arg(long, value_name = "FIELD")]
    history: Option<String>,
    /// Where all random numbers come from [default: the config's]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Passes over the events at most [default: the config's]
    #[arg(long, value_name = "NUMBER", value_parser = at_least_one, allow_negative_numbers = true)]
    epochs: Option<usize>,
    /// Go on from the checkpoint that an interrupted training left
    #[arg(long)]
    resume: bool,
    /// Keep the towers of the training part, instead of training once more with what chose them
    #[arg(long)]
    no_refit: bool,
    /// When the new towers take the name: not-worse (unless they are worse, and not by chance), always, never
    #[arg(long, value_name = "WHEN", default_value = "not-worse")]
    switch: Switch,
    /// The directory for the towers, their specs, train.toml and eval.jsonl [default: DB.retrained]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// When the new towers take the name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Switch {
    /// Unless they are worse than those that serve, and not by chance.
    NotWorse,
    /// Whatever they reach.
    Always,
    /// Somebody looks first.
    Never,
}

/// The collections of a name: the one that is made, and the one that served before.
struct Names {
    next: String,
    previous: String,
}

/// Trains, embeds again, measures, and lets the names change in one commit. The collection that serves is as it was until then.
pub(crate) fn retrain(args: &Retrain, database: &Database, name: &str, out: &Path, progress: &dyn Progress) -> Result<Output, Failure> {
    let start = Instant::now();
    let names = Names { next: format!("{name}.next"), previous: format!("{name}.previous") };
    [&names.next, &names.previous].into_iter().try_for_each(|name| Database::check_name(name))?;
    if args.data.names_items() {
        return Err(Failure::usage("the items are those of the database: import rows first, then train on them"));
    }
    let serving = database.collection(name)?;
    let Some(towers) = serving.towers() else {
        return Err(Failure::new(format!("{name:?} has no towers: its vectors are the caller's own")));
    };
    let previous = Previous::read(towers.item_source(), towers.user_source())?;
    let saved = Saved::new(out, args.resume)?;
    let config = options(args, &previous)?;
    let mut loaded = load(&args.data, config.training.seed, progress)?;
    loaded.sources.items = Some(stored(&serving)?);
    let split = loaded.split.report.clone();
    let (item, user) = previous.specs();
    let (joined, mut notes) = join(loaded, Some(&(item.clone(), user.clone())))?;
    notes.extend(show::resumed(&saved, args.resume));
    let history = args.history.as_deref().or_else(|| previous.history()).unwrap_or("history");
    notes.extend(previous.grown(&joined, history)?.notes);

    let specs = |joined: &Joined| Ok(Specs { texts: previous.grown(joined, history)?.texts, choices: [vec![], vec![]] });
    let plan = Plan { config, history, specs: &specs, refit: !args.no_refit, previous: Some(&previous), saved: Some(&saved) };
    let fitted = plan.fit(joined, split.clone(), progress)?;
    notes.extend(show::epochs(&fitted.epochs, fitted.best));
    let cases = fitted.dataset.cases(Part::Test);
    let held = Held::new(&fitted.joined, &cases, history);
    let pair = write(&fitted, &held, out)?;

    let embedded = embed(database, name, &names, &pair, progress)?;
    notes.extend(left(&embedded));
    let next = database.collection(&names.next)?;
    let entries = measure(&Models { serving: &serving, next: &next }, &fitted, &held, &mut notes, progress)?;
    let switched = switches(args.switch, &entries);
    // Before the names change: a checkpoint of towers that serve already would be of no use.
    saved.done();
    if switched {
        switch(database, name, &names)?;
        let previous = &names.previous;
        notes.push(format!("{name:?} has the new towers; the old ones are {previous:?}: `torre swap DB {previous}` goes back"));
    } else {
        let next = &names.next;
        notes.push(format!("{name:?} is as it was; the new towers are {next:?}: `torre swap DB {next}` lets them serve"));
    }
    notes.push(format!(
        "{} embedded again; trained in {:.1} s; towers and specs in {}",
        count(embedded.rows, "row"),
        fitted.seconds,
        out.display()
    ));
    let json = json!({
        "collection": name,
        "switched": switched,
        "previous": switched.then_some(&names.previous),
        "next": (!switched).then_some(&names.next),
        "out": out,
        "rows": embedded.rows,
        "rankers_left": embedded.rankers_left,
        "events": fitted.joined.events.len(),
        "users": fitted.joined.user_ids.len(),
        "split": split,
        "epochs": fitted.epochs,
        "best_epoch": fitted.best,
        "refit": fitted.refit,
        "models": entries,
        "train_seconds": show::seconds(fitted.seconds),
        "seconds": show::seconds(start.elapsed().as_secs_f64()),
    });
    Ok(Output { json: to_json(&json), records: show::records(&entries), notes, ..Output::default() })
}

/// The options of the first training, which the towers carry, or those of a file.
fn options(args: &Retrain, previous: &Previous) -> Result<Config, Failure> {
    let mut config = match &args.config {
        Some(path) => read_config(path)?,
        None => {
            let mut config = previous.config().clone();
            config.optimizer.rate *= RATE;
            config
        }
    };
    config.training.seed = args.seed.unwrap_or(config.training.seed);
    config.training.epochs = args.epochs.unwrap_or(config.training.epochs);
    config.check()?;
    Ok(config)
}

/// The rows of a collection.
fn stored(collection: &Collection) -> Result<Table, Failure> {
    let mut table = Table::default();
    for item in collection.items() {
        let item = item?;
        table.ids.push(item.id().as_str().to_owned());
        table.rows.push(item.row().clone());
        table.report.rows += 1;
    }
    Ok(table)
}

/// Embeds all rows again, into a collection beside the one that serves; what an earlier run left of it is removed first.
fn embed(database: &Database, name: &str, names: &Names, pair: &TowerPair, progress: &dyn Progress) -> Result<EmbedReport, Failure> {
    if database.contains_collection(&names.next) {
        database.drop_collection(&names.next)?;
    }
    match database.embed_again(name, &names.next, pair, progress) {
        Err(torre::Error::Interrupted) => {
            Err(Failure::new("interrupted while rows were embedded again; the training is saved: the same command with --resume goes on"))
        }
        embedded => Ok(embedded?),
    }
}

fn left(embedded: &EmbedReport) -> Option<String> {
    let rankers = embedded.rankers_left.join(", ");
    (!rankers.is_empty()).then(|| format!("rankers that were trained with scores of the old towers did not come along: {rankers}"))
}

/// What is compared.
struct Models<'a> {
    serving: &'a Collection,
    next: &'a Collection,
}

/// The new towers, the old ones, and what needs no training, with the same users.
fn measure(
    models: &Models<'_>,
    fitted: &Fit,
    held: &Held,
    notes: &mut Vec<String>,
    progress: &dyn Progress,
) -> Result<Vec<Entry>, Failure> {
    let before = fitted.joined.chosen();
    let mut contest = Contest::new(&held.users, &before, &KS);
    for (name, collection) in [("retrained", models.next), ("serving so far", models.serving)] {
        let hits = answers(collection, &fitted.joined, held, contest.depth(), progress)?;
        contest.enter(name, &hits, None);
    }
    notes.extend(enter(&mut contest, &held.users, &before));
    let entries = contest.entries();
    notes.extend(show::segments(&entries));
    Ok(entries)
}

fn switches(when: Switch, entries: &[Entry]) -> bool {
    let old = entries.get(1).and_then(|entry| entry.against_first.as_ref());
    match when {
        Switch::Always => true,
        Switch::Never => false,
        Switch::NotWorse => !old.is_some_and(|old| old.difference.mean > 0.0 && old.p_value < CHANCE),
    }
}

/// Both names change in one commit. What served before the one that serves now is dropped first: it would need the same name.
fn switch(database: &Database, name: &str, names: &Names) -> Result<(), Failure> {
    if database.contains_collection(&names.previous) {
        database.drop_collection(&names.previous)?;
    }
    Ok(database.rename_collections([(name, names.previous.as_str()), (names.next.as_str(), name)])?)
}
