//! From events and rows to trained towers.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::{Value as Json, json};
use torre::{FeatureSpec, Progress, Stage};
use torre_train::{Config, Dataset, EpochReport, FieldChoice, Joined, Part, Previous, Run, SplitReport, Trained, train};

use super::args::TowerArgs;
use super::files;
use super::load::Loaded;
use super::saved::{Round, Saved};
use super::specs::{Specs, specs};
use crate::repl::Failure;

/// Towers, and all that they came from.
pub(super) struct Fit {
    /// What was trained on at last.
    pub(super) joined: Joined,
    pub(super) dataset: Dataset,
    pub(super) trained: Trained,
    pub(super) config: Config,
    /// The field of user rows that holds what they chose.
    history: String,
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
    /// Writes the towers, each with what is to be known of its training inside; those of prefixes into directories of their widths.
    pub(super) fn write(&self, out: &Path) -> Result<(), Failure> {
        let mut epochs = json!(self.epochs);
        // The same towers are the same bytes, however long they took.
        epochs.as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut).for_each(|epoch| drop(epoch.remove("seconds")));
        let card = json!({
            "events": self.joined.events.len(),
            "users": self.joined.user_ids.len(),
            "items": self.joined.item_ids.len(),
            "split": self.split,
            "config": self.config,
            "history": self.history,
            "epochs": epochs,
            "best_epoch": self.best,
            "refit": self.refit,
        });
        self.trained.files(&self.dataset, &card)?.write(out)?;
        for &width in &self.config.towers.matryoshka {
            let mut dataset = self.dataset.clone();
            dataset.set_width(width)?;
            self.trained.prefix(width).files(&dataset, &card)?.write(&out.join(width.to_string()))?;
        }
        Ok(())
    }
}

/// The options of training: the config's, with what the arguments say otherwise.
pub(super) fn config(args: &TowerArgs) -> Result<Config, Failure> {
    let mut config = args.config.as_deref().map(read_config).transpose()?.unwrap_or_default();
    config.training.seed = args.seed.unwrap_or(config.training.seed);
    config.training.epochs = args.epochs.unwrap_or(config.training.epochs);
    if !args.matryoshka.is_empty() {
        config.towers.matryoshka = args.prefixes();
    }
    config.check()?;
    Ok(config)
}

/// A file of options.
pub(super) fn read_config(path: &Path) -> Result<Config, Failure> {
    Config::from_toml(&files::text(path)?).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

pub(super) fn join(loaded: Loaded, given: Option<&(FeatureSpec, FeatureSpec)>) -> Result<(Joined, Vec<String>), Failure> {
    let Loaded { sources, split, mut notes } = loaded;
    let joined = Joined::new(sources, &split, given.map(|(item, user)| (item, user)))?;
    notes.extend(joined.notes.iter().cloned());
    Ok((joined, notes))
}

/// How towers are fitted to events.
pub(super) struct Plan<'a> {
    pub(super) config: Config,
    /// The field of user rows that holds what they chose.
    pub(super) history: &'a str,
    /// The specs that a training part suggests.
    pub(super) specs: &'a dyn Fn(&Joined) -> Result<Specs, Failure>,
    /// Whether the towers are trained once more with what chose the number of epochs.
    pub(super) refit: bool,
    /// Towers that are gone on from.
    pub(super) previous: Option<&'a Previous>,
    pub(super) saved: Option<&'a Saved>,
}

impl Plan<'_> {
    /// Trains, and then once more with what chose the number of epochs.
    pub(super) fn fit(&self, joined: Joined, split: SplitReport, progress: &dyn Progress) -> Result<Fit, Failure> {
        let start = Instant::now();
        let config = self.config.clone();
        let Specs { texts, choices } = (self.specs)(&joined)?;
        let dataset = encode(&joined, &texts, self.history)?;
        let trained = self.once(&dataset, &config, Round::First, progress)?;
        let (epochs, best) = (trained.epochs.clone(), trained.best);
        let history = self.history.to_owned();
        let validated = joined.events.iter().any(|event| event.part == Part::Validation);
        if !self.refit || !validated {
            let seconds = start.elapsed().as_secs_f64();
            return Ok(Fit { joined, dataset, trained, config, history, epochs, best, refit: false, split, choices, seconds });
        }
        let joined = joined.refit();
        let mut last = config.clone();
        last.training.epochs = best.max(1);
        let Specs { texts, choices } = (self.specs)(&joined)?;
        let dataset = encode(&joined, &texts, self.history)?;
        let trained = self.once(&dataset, &last, Round::Last, progress)?;
        let seconds = start.elapsed().as_secs_f64();
        Ok(Fit { joined, dataset, trained, config, history, epochs, best, refit: true, split, choices, seconds })
    }

    fn once(&self, dataset: &Dataset, config: &Config, round: Round, progress: &dyn Progress) -> Result<Trained, Failure> {
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
        let checkpoint = self.saved.map(|saved| saved.path(round)).transpose()?;
        let run = Run { progress: &mut tell, stop: &stop, checkpoint, previous: self.previous };
        train(dataset, config, run).map_err(|error| match self.saved {
            Some(saved) => saved.explain(error),
            None => error.into(),
        })
    }
}

/// Trains by the arguments alone.
pub(super) fn fit(
    joined: Joined,
    split: SplitReport,
    args: &TowerArgs,
    given: Option<&(FeatureSpec, FeatureSpec)>,
    saved: Option<&Saved>,
    progress: &dyn Progress,
) -> Result<Fit, Failure> {
    let plan = Plan {
        config: config(args)?,
        history: &args.history,
        specs: &|joined| Ok(specs(joined, args, given)),
        refit: !args.no_refit,
        previous: None,
        saved,
    };
    plan.fit(joined, split, progress)
}

fn encode(joined: &Joined, texts: &[String; 2], history: &str) -> Result<Dataset, Failure> {
    let parse = |side: &str, text: &str| FeatureSpec::parse(text).map_err(|error| Failure::new(format!("the {side} spec: {error}")));
    Ok(joined.dataset(parse("item", &texts[0])?, parse("user", &texts[1])?, history)?)
}
