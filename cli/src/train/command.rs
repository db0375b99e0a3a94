//! `torre train`: files in, towers out.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use torre::Progress;
use torre_report::Contest;
use torre_train::Part;

use super::args::{DataArgs, TowerArgs};
use super::files;
use super::fit::{config, fit, join};
use super::load::load;
use super::rivals::{Held, enter};
use super::saved::Saved;
use super::show::{self, KS};
use super::specs::{given, specs};
use crate::repl::Failure;
use crate::repl::output::{Output, to_json};

/// What to train on, how, and where to.
#[derive(Args, Clone, Debug)]
pub(crate) struct Train {
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) towers: TowerArgs,
    /// The directory for item.onnx, user.onnx, their specs, train.toml and eval.jsonl
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Only write the specs and train.toml that the data suggest, for editing
    #[arg(long)]
    infer: bool,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Trains, measures and writes towers.
pub(crate) fn run(args: &Train, progress: &dyn Progress) -> Result<Output, Failure> {
    let start = Instant::now();
    let options = config(&args.towers)?;
    let given = given(&args.towers)?;
    let saved = Saved::new(&args.out, args.towers.resume)?;
    let loaded = load(&args.data, options.training.seed, progress)?;
    let split = loaded.split.report.clone();
    let (joined, mut notes) = join(loaded, given.as_ref())?;
    let suggested = specs(&joined, &args.towers, given.as_ref());
    if args.infer {
        files::inferred(&args.out, &suggested.texts, &suggested.choices, &options)?;
        notes.extend(show::choices(&suggested.choices));
        notes.push(format!("written: item-spec.json, user-spec.json and train.toml in {}", args.out.display()));
        let json = json!({"out": args.out, "item_fields": suggested.choices[0], "user_fields": suggested.choices[1], "split": split});
        return Ok(Output { json: to_json(&json), notes, ..Output::default() });
    }
    notes.extend(show::resumed(&saved, args.towers.resume));
    let fitted = fit(joined, split.clone(), &args.towers, given.as_ref(), Some(&saved), progress)?;
    notes.extend(show::epochs(&fitted.epochs, fitted.best));
    let cases = fitted.dataset.cases(Part::Test);
    let held = Held::new(&fitted.joined, &cases, &args.towers.history);
    let before = fitted.joined.chosen();
    let mut contest = Contest::new(&held.users, &before, &KS);
    let hits = fitted.trained.rankings(&fitted.dataset, &cases, contest.depth());
    contest.enter("towers", &hits, None);
    notes.extend(enter(&mut contest, &held.users, &before));
    let entries = contest.entries();
    notes.extend(show::segments(&entries));

    files::directory(&args.out)?;
    let texts = [fitted.dataset.items.spec.to_json().to_owned(), fitted.dataset.users.spec.to_json().to_owned()];
    files::inferred(&args.out, &texts, &fitted.choices, &options)?;
    fitted.write(&args.out)?;
    files::write(&args.out.join("eval.jsonl"), held.lines(&fitted.joined))?;
    saved.done();
    notes.push(format!("trained in {:.1} s; written: item.onnx and user.onnx in {}", fitted.seconds, args.out.display()));
    let json = json!({
        "out": args.out,
        "events": fitted.joined.events.len(),
        "users": fitted.joined.user_ids.len(),
        "items": fitted.joined.item_ids.len(),
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
