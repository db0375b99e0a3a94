//! The loop: batches, steps, validation, the best of the epochs.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::comparison::{Vectors, compare};
use crate::config::{Config, Optimizer};
use crate::dataset::{Case, Dataset};
use crate::error::TrainError;
use crate::events::Part;
use crate::examples::Examples;
use crate::hard::{Asking, HardItems};
use crate::loss::{Columns, Loss};
use crate::model::Model;
use crate::optimizer::{Rule, Step};
use crate::progress::{EpochReport, Progress};
use crate::ranking::{quality, rank};
use crate::rng::{Purpose, Rng};
use crate::spread::alike;
use crate::state::State;
use crate::tower::TableGradients;
use crate::trained::Trained;
use crate::warm::Previous;

/// What a run has beside data and options.
pub struct Run<'a> {
    /// Is told how it goes.
    pub progress: &'a mut dyn FnMut(&Progress),
    /// Once true, the run saves its checkpoint, if it has one, and ends.
    pub stop: &'a AtomicBool,
    /// Where checkpoints go. One of the same data and options that is there already is gone on from.
    pub checkpoint: Option<PathBuf>,
    /// Towers whose parameters are the first ones. The dataset's specs are theirs, or have grown from theirs.
    pub previous: Option<&'a Previous>,
}

/// Trains both towers. The same data, options and seed give the same bits, on any number of threads, resumed or not.
///
/// # Errors
/// [`TrainError::Data`] where there is nothing to train on, [`TrainError::NotFinite`] where the numbers run away,
/// [`TrainError::Interrupted`] where the run was stopped, [`TrainError::Previous`], and those of the checkpoint.
pub fn train(dataset: &Dataset, config: &Config, run: Run<'_>) -> Result<Trained, TrainError> {
    config.check()?;
    let threads = config.training.threads;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| TrainError::Option { name: "training.threads", reason: format!("{threads}: {error}") })?;
    let Run { progress, stop, checkpoint, previous } = run;
    let trainer = Trainer::new(dataset, config, previous)?;
    // What tells of progress stays on the caller's thread's behalf: nothing of it has to be sendable.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let tell = |what: Progress| drop(sender.send(what));
            pool.install(|| trainer.run(&tell, stop, checkpoint))
        });
        receiver.iter().for_each(|what| progress(&what));
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

struct Trainer<'a> {
    dataset: &'a Dataset,
    config: &'a Config,
    examples: Examples<'a>,
    /// What checkpoints belong to.
    key: u64,
    cases: Vec<Case>,
    state: State,
    gradients: TableGradients,
    columns: Columns,
    scale: f32,
}

/// What a step left behind.
struct StepReport {
    loss: f64,
    gradients: [f64; 2],
}

impl<'a> Trainer<'a> {
    fn new(dataset: &'a Dataset, config: &'a Config, previous: Option<&Previous>) -> Result<Self, TrainError> {
        let examples = Examples::new(dataset, config);
        if dataset.items.len() < 2 {
            return Err(TrainError::Data(format!("{} items: there is nothing to choose from", dataset.items.len())));
        }
        if examples.len() == 0 {
            return Err(TrainError::Data("no event of the training part is positive and has a weight".to_owned()));
        }
        let mut cases = dataset.cases(Part::Validation);
        let most = config.training.validation_users;
        if most > 0 && cases.len() > most {
            // Evenly chosen, and the same in every run.
            Rng::new(config.training.seed, Purpose::Cases, 0).shuffle(&mut cases);
            cases.truncate(most);
        }
        let mut model = Model::new(dataset, config, previous.map(Previous::widths).unwrap_or_default())?;
        if let Some(previous) = previous {
            previous.fill(&mut model, [&dataset.items.spec, &dataset.users.spec])?;
        }
        let dim = model.user.dim;
        if let Some(width) = config.towers.matryoshka.iter().find(|width| **width >= dim) {
            let reason = format!("{width} is no prefix of vectors of {dim} numbers");
            return Err(TrainError::Option { name: "towers.matryoshka", reason });
        }
        let key = State::key(dataset, config) ^ previous.map_or(0, |previous| previous.hash);
        let normalized = model.item.normalized && model.user.normalized;
        let temperature = config.loss.temperature.unwrap_or(match config.loss.of {
            Loss::Softmax if normalized => 0.07,
            _ => 1.0,
        });
        let gradients = model.tables.gradients();
        let (columns, scale) = (Columns::new(dataset.items.len()), 1.0 / temperature);
        Ok(Self { dataset, config, examples, key, cases, state: State::new(model), gradients, columns, scale })
    }

    fn run(mut self, tell: &dyn Fn(Progress), stop: &AtomicBool, checkpoint: Option<PathBuf>) -> Result<Trained, TrainError> {
        let training = &self.config.training;
        if let Some(path) = checkpoint.as_deref().filter(|path| path.exists()) {
            self.state.load(path, self.key, self.dataset.items.len())?;
        }
        tell(self.plan());
        let steps = self.examples.steps();
        let mut saved = Instant::now();
        while self.state.epoch < training.epochs && !self.state.is_settled(training.patience) {
            let (started, begun) = (Instant::now(), self.state.step);
            let mut told = started;
            let order = self.examples.order(self.state.epoch as u64);
            for (n, events) in order.chunks(training.batch).enumerate().skip(self.state.step_of_epoch) {
                let report = self.step(events)?;
                self.state.took(report.loss * events.len() as f64, report.gradients);
                if told.elapsed() > Duration::from_millis(500) {
                    told = Instant::now();
                    tell(self.where_it_is(n, steps, self.state.step - begun, started.elapsed()));
                }
                let stopped = stop.load(Ordering::Relaxed);
                if let Some(path) = &checkpoint
                    && (stopped || saved.elapsed() > Duration::from_secs(60 * training.checkpoint_minutes))
                {
                    self.state.save(path, self.key)?;
                    saved = Instant::now();
                }
                if stopped {
                    return Err(TrainError::Interrupted { step: self.state.step });
                }
            }
            let report = self.end_of_epoch(steps, started);
            tell(Progress::Epoch(report.clone()));
            self.state.end_epoch(report);
            if let Some(path) = &checkpoint {
                self.state.save(path, self.key)?;
                saved = Instant::now();
            }
        }
        let (model, best, epochs) = self.state.finish();
        let mut trained = Trained { model, config: self.config.clone(), epochs, best, lambda: 0.0 };
        crate::fold::fold(&mut trained, self.dataset, &self.cases);
        Ok(trained)
    }

    fn plan(&mut self) -> Progress {
        let tables = self.state.model.tables.list.iter().map(|table| table.values.len()).sum();
        let count = |tower: &mut crate::tower::Tower| {
            let mut all = Vec::new();
            tower.parameters(&mut all);
            all.iter().map(|dense| dense.values.len()).sum()
        };
        Progress::Plan {
            examples: self.examples.len(),
            epochs: self.config.training.epochs,
            table_parameters: tables,
            item_parameters: count(&mut self.state.model.item),
            user_parameters: count(&mut self.state.model.user),
            validation_users: self.cases.len(),
        }
    }

    fn where_it_is(&self, n: usize, steps: usize, passed: u64, elapsed: Duration) -> Progress {
        let done = ((n + 1) * self.config.training.batch).min(self.examples.len());
        let per_step = elapsed.as_secs_f64() / passed.max(1) as f64;
        let left = steps - (n + 1) + (self.config.training.epochs - self.state.epoch - 1) * steps;
        Progress::Step {
            epoch: self.state.epoch,
            done,
            examples: self.examples.len(),
            loss: self.state.mean_loss(done),
            per_second: self.config.training.batch as f64 / per_step,
            left: Duration::from_secs_f64(per_step * left as f64),
        }
    }

    fn step(&mut self, events: &[u32]) -> Result<StepReport, TrainError> {
        let step = self.state.step;
        let (dataset, negatives) = (self.dataset, &self.config.negatives);
        let State { model, ranked, cache, epoch, .. } = &mut self.state;
        let mut batch = self.examples.batch(model, events, step);
        let seed = self.config.training.seed;
        let (mut user_rng, mut item_rng) = (Rng::new(seed, Purpose::Users, step), Rng::new(seed, Purpose::Items, step));
        let (users, user_trace) = model.user.forward(&model.tables, &batch.user_batch, Some(&mut user_rng));
        let dim = model.user.dim;
        let mut hard = HardItems::default();
        if negatives.hard > 0 {
            let mut rng = Rng::new(seed, Purpose::Hard, step);
            ranked.refresh(model, dataset, step, negatives.hard_refresh);
            hard = ranked.draw(Asking { dataset, events, users: &users, dim }, negatives, &mut rng);
            self.examples.add_hard(&mut batch, model, &hard, &mut rng);
        }
        self.examples.correct(&mut batch, &hard, cache);
        let (items, item_trace) = model.item.forward(&model.tables, &batch.item_batch, Some(&mut item_rng));
        let (user_normalized, item_normalized) = (model.user.normalized, model.item.normalized);
        let vectors = Vectors { dim, users: &users, items: &items, cache, user_normalized, item_normalized };
        let of_loss = compare(self.config, &batch, vectors, self.scale, &mut self.columns);
        let rate = rate_at(&self.config.optimizer, step, self.examples.steps() * self.config.training.epochs, *epoch);
        let not_finite = |tensor: &str| TrainError::NotFinite { step, tensor: tensor.to_owned(), rate };
        for (name, values) in [("item vectors", &items), ("user vectors", &users)] {
            if !values.iter().all(|x| x.is_finite()) {
                return Err(not_finite(name));
            }
        }
        if !of_loss.loss.is_finite() {
            return Err(not_finite("loss"));
        }
        let length = |d: &[f32]| d.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let gradients = [length(&of_loss.items), length(&of_loss.users)];
        model.user.backward(&model.tables, &batch.user_batch, &user_trace, of_loss.users, &mut self.gradients);
        model.item.backward(&model.tables, &batch.item_batch, &item_trace, of_loss.items, &mut self.gradients);
        for (table, gradient) in model.tables.list.iter().zip(&self.gradients) {
            if !gradient.is_finite() {
                return Err(not_finite(&format!("gradient of table {}", table.name)));
            }
        }
        model.tables.apply(&mut self.gradients, rate, self.config.optimizer.l2, step + 1);
        for dense in model.parameters() {
            if !dense.gradient.iter().all(|x| x.is_finite()) {
                return Err(not_finite(&format!("gradient of {}", dense.name)));
            }
            dense.apply(Step::new(Rule::Adam, rate, self.config.optimizer.dense_l2, step + 1));
        }
        cache.push(&batch.items[..batch.chosen], &items[..batch.chosen * dim], negatives.cached_batches);
        Ok(StepReport { loss: of_loss.loss, gradients })
    }

    fn end_of_epoch(&mut self, steps: usize, started: Instant) -> EpochReport {
        let model = &self.state.model;
        let dim = model.item.dim;
        let rows: Vec<u32> = (0..self.dataset.items.len() as u32).collect();
        let items = model.items(self.dataset, &rows);
        let users = model.users(self.dataset, &self.cases);
        let validation = (!self.cases.is_empty()).then(|| {
            let k = self.config.training.k;
            quality(&rank(&users, &items, dim, &self.cases, k), &self.cases, k)
        });
        EpochReport {
            epoch: self.state.epoch + 1,
            loss: self.state.mean_loss(self.examples.len()),
            gradients: self.state.mean_gradients(steps),
            validation,
            alike: [alike(&items, dim), alike(&users, dim)],
            seconds: started.elapsed().as_secs_f64(),
        }
    }
}

/// The learning rate of a step: a rise over the first steps, then a fall by epochs.
fn rate_at(optimizer: &Optimizer, step: u64, steps: usize, epoch: usize) -> f32 {
    let rising = (f64::from(optimizer.warm_up) * steps as f64).max(1.0);
    let rise = ((step + 1) as f64 / rising).min(1.0) as f32;
    optimizer.rate * rise * optimizer.decay.powi(epoch as i32)
}
