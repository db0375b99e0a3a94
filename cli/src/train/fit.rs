//! From events and rows to trained towers.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::json;
use torre::{FeatureSpec, Progress, Stage};
use torre_train::{Config, Dataset, EpochReport, FieldChoice, Joined, Part, Run, SplitReport, Trained, train};

use super::args::TowerArgs;
use super::load::Loaded;
use crate::repl::Failure;

/// Towers, and all that they came from.
pub(super) struct Fit {
    /// What was trained on at last.
    pub(super) joined: Joined,
    pub(super) dataset: Dataset,
    pub(super) trained: Trained,
    pub(super) config: Config,
    /// The epochs of the first training, which chose how long the last one is.
    pub(super) epochs: Vec<EpochReport>,
    /// The one of them that was best.
    pub(super) best: usize,
    pub(super) refit: bool,
    pub(super) split: SplitReport,
    /// Why fields are read as they are; none where the caller gave the specs.
    pub(super) choices: [Vec<FieldChoice>; 2],
    pub(super) seconds: f64,
}

impl Fit {
    /// Writes the towers, each with what is to be known of its training inside.
    pub(super) fn write(&self, out: &Path) -> Result<(), Failure> {
        let card = json!({
            "events": self.joined.events.len(),
            "users": self.joined.user_ids.len(),
            "items": self.joined.item_ids.len(),
            "split": self.split,
            "config": self.config,
            "epochs": self.epochs,
            "refit": self.refit,
        });
        Ok(self.trained.files(&self.dataset, &card)?.write(out)?)
    }
}

/// The specs of both sides, as texts, and why they are so.
pub(super) struct Specs {
    pub(super) texts: [String; 2],
    pub(super) choices: [Vec<FieldChoice>; 2],
}

/// The options of training: the config's, with what the arguments say otherwise.
pub(super) fn config(args: &TowerArgs) -> Result<Config, Failure> {
    let mut config = match &args.config {
        Some(path) => Config::from_toml(&text(path)?).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?,
        None => Config::default(),
    };
    config.training.seed = args.seed.unwrap_or(config.training.seed);
    config.training.epochs = args.epochs.unwrap_or(config.training.epochs);
    config.check()?;
    Ok(config)
}

/// The specs that the arguments name, where they name some.
pub(super) fn given(args: &TowerArgs) -> Result<Option<(FeatureSpec, FeatureSpec)>, Failure> {
    let (Some(item), Some(user)) = (&args.item_spec, &args.user_spec) else { return Ok(None) };
    let read = |path: &Path| {
        let parsed = FeatureSpec::parse(&text(path)?);
        parsed.map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    };
    let (item, user) = (read(item)?, read(user)?);
    if (item.tower(), user.tower()) != (torre::TowerRole::Item, torre::TowerRole::User) {
        return Err(Failure::usage(format!("--item-spec is of the tower {}, --user-spec of the tower {}", item.tower(), user.tower())));
    }
    Ok(Some((item, user)))
}

pub(super) fn join(loaded: Loaded, given: Option<&(FeatureSpec, FeatureSpec)>) -> Result<(Joined, Vec<String>), Failure> {
    let Loaded { sources, split, mut notes } = loaded;
    let joined = Joined::new(sources, &split, given.map(|(item, user)| (item, user)))?;
    notes.extend(joined.notes.iter().cloned());
    Ok((joined, notes))
}

/// The specs to train by: the given ones, else what the training part says.
pub(super) fn specs(joined: &Joined, args: &TowerArgs, given: Option<&(FeatureSpec, FeatureSpec)>) -> Specs {
    match given {
        Some((item, user)) => Specs { texts: [item.to_json().to_owned(), user.to_json().to_owned()], choices: [vec![], vec![]] },
        None => {
            let (item, user) = joined.infer(&args.spec_options());
            Specs { texts: [item.to_text(), user.to_text()], choices: [item.choices, user.choices] }
        }
    }
}

/// Trains, and then once more with what chose the number of epochs.
pub(super) fn fit(
    joined: Joined,
    split: SplitReport,
    args: &TowerArgs,
    given: Option<&(FeatureSpec, FeatureSpec)>,
    progress: &dyn Progress,
) -> Result<Fit, Failure> {
    let start = Instant::now();
    let config = config(args)?;
    let Specs { texts, choices } = specs(&joined, args, given);
    let dataset = encode(&joined, &texts, &args.history)?;
    let trained = once(&dataset, &config, progress)?;
    let (epochs, best) = (trained.epochs.clone(), trained.best);
    let validated = joined.events.iter().any(|event| event.part == Part::Validation);
    if args.no_refit || !validated {
        let seconds = start.elapsed().as_secs_f64();
        return Ok(Fit { joined, dataset, trained, config, epochs, best, refit: false, split, choices, seconds });
    }
    let joined = joined.refit();
    let mut last = config.clone();
    last.training.epochs = best.max(1);
    let Specs { texts, choices } = specs(&joined, args, given);
    let dataset = encode(&joined, &texts, &args.history)?;
    let trained = once(&dataset, &last, progress)?;
    Ok(Fit { joined, dataset, trained, config: last, epochs, best, refit: true, split, choices, seconds: start.elapsed().as_secs_f64() })
}

fn encode(joined: &Joined, texts: &[String; 2], history: &str) -> Result<Dataset, Failure> {
    let parse = |side: &str, text: &str| FeatureSpec::parse(text).map_err(|error| Failure::new(format!("the {side} spec: {error}")));
    Ok(joined.dataset(parse("item", &texts[0])?, parse("user", &texts[1])?, history)?)
}

fn once(dataset: &Dataset, config: &Config, progress: &dyn Progress) -> Result<Trained, Failure> {
    let stop = AtomicBool::new(false);
    let epochs = config.training.epochs as u64;
    let mut tell = |what: &torre_train::Progress| {
        if let torre_train::Progress::Step { epoch, done, examples, .. } = what {
            let of_epoch = *examples as u64;
            progress.update(Stage::TrainTowers, *epoch as u64 * of_epoch + *done as u64, Some(epochs * of_epoch));
        }
        if progress.cancelled() {
            stop.store(true, Ordering::Relaxed);
        }
    };
    Ok(train(dataset, config, Run { progress: &mut tell, stop: &stop, checkpoint: None, previous: None })?)
}

fn text(path: &Path) -> Result<String, Failure> {
    Ok(std::fs::read_to_string(path).map_err(|source| torre::Error::Io { path: path.to_owned(), source })?)
}
