//! Everything that a run has learnt: what a checkpoint holds.

use std::hash::Hasher;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::cache::{Cache, Held};
use crate::checkpoint;
use crate::config::Config;
use crate::dataset::Dataset;
use crate::entities::{Column, Entities};
use crate::error::TrainError;
use crate::hard::ItemVectors;
use crate::model::Model;
use crate::progress::EpochReport;

/// A run between two steps.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) model: Model,
    /// Epochs passed.
    pub(crate) epoch: usize,
    /// Steps passed, of all epochs.
    pub(crate) step: u64,
    /// Steps of this epoch passed.
    pub(crate) step_of_epoch: usize,
    loss_sum: f64,
    gradient_sums: [f64; 2],
    epochs: Vec<EpochReport>,
    /// The epoch of the best validation, counted from 1, and its parameters.
    best: Option<(usize, Vec<Vec<f32>>)>,
    /// The item vectors that hard negatives are found by.
    pub(crate) ranked: ItemVectors,
    /// The item vectors of the batches before.
    pub(crate) cache: Cache,
    /// The steps of the checkpoint that was written or read last.
    kept: Option<u64>,
}

/// What of a state is not parameters.
#[derive(Serialize, Deserialize)]
struct Head {
    epoch: usize,
    step: u64,
    step_of_epoch: usize,
    loss_sum: f64,
    gradient_sums: [f64; 2],
    epochs: Vec<EpochReport>,
    best: Option<usize>,
    cached: Held,
}

impl State {
    pub(crate) fn new(model: Model) -> Self {
        Self {
            model,
            epoch: 0,
            step: 0,
            step_of_epoch: 0,
            loss_sum: 0.0,
            gradient_sums: [0.0; 2],
            epochs: Vec::new(),
            best: None,
            ranked: ItemVectors::default(),
            cache: Cache::default(),
            kept: None,
        }
    }

    /// Counts a step in.
    pub(crate) fn took(&mut self, loss: f64, gradients: [f64; 2]) {
        self.step += 1;
        self.step_of_epoch += 1;
        self.loss_sum += loss;
        self.gradient_sums[0] += gradients[0];
        self.gradient_sums[1] += gradients[1];
    }

    pub(crate) fn mean_loss(&self, examples: usize) -> f64 {
        self.loss_sum / examples.max(1) as f64
    }

    pub(crate) fn mean_gradients(&self, steps: usize) -> [f64; 2] {
        self.gradient_sums.map(|sum| sum / steps.max(1) as f64)
    }

    /// Keeps the parameters of a better epoch, and begins the next one.
    pub(crate) fn end_epoch(&mut self, report: EpochReport) {
        let value = |epoch: &EpochReport| epoch.validation.map(|quality| quality.ndcg);
        let before = self.best.as_ref().and_then(|(epoch, _)| self.epochs.get(epoch - 1)).and_then(value);
        if let Some(now) = value(&report)
            && before.is_none_or(|before| now > before)
        {
            self.best = Some((report.epoch, self.values()));
        }
        self.epochs.push(report);
        self.epoch += 1;
        (self.step_of_epoch, self.loss_sum, self.gradient_sums) = (0, 0.0, [0.0; 2]);
    }

    /// Whether validation has not become better for so many epochs.
    pub(crate) fn is_settled(&self, patience: usize) -> bool {
        patience > 0 && self.best.as_ref().is_some_and(|(best, _)| self.epoch >= best + patience)
    }

    /// The parameters of the best epoch (of the last one without validation), which epoch that is, and all reports.
    pub(crate) fn finish(mut self) -> (Model, usize, Vec<EpochReport>) {
        let Some((epoch, values)) = self.best.take() else { return (self.model, self.epoch, self.epochs) };
        let mut values = values.into_iter();
        for to in Self::tensors(&mut self.model).into_iter().step_by(3) {
            if let Some(from) = values.next() {
                *to = from;
            }
        }
        (self.model, epoch, self.epochs)
    }

    /// Values, first and second moments of each tensor, in one order.
    fn tensors(model: &mut Model) -> Vec<&mut Vec<f32>> {
        let mut all: Vec<&mut Vec<f32>> = Vec::new();
        let Model { tables, item, user, .. } = model;
        for table in &mut tables.list {
            all.extend([&mut table.values, &mut table.first, &mut table.second]);
        }
        let mut dense = Vec::new();
        item.parameters(&mut dense);
        user.parameters(&mut dense);
        for dense in dense {
            all.extend([&mut dense.values, &mut dense.first, &mut dense.second]);
        }
        all
    }

    fn values(&mut self) -> Vec<Vec<f32>> {
        Self::tensors(&mut self.model).into_iter().step_by(3).map(|values| values.clone()).collect()
    }

    /// What a checkpoint belongs to: data and options.
    pub(crate) fn key(dataset: &Dataset, config: &Config) -> u64 {
        let mut hash = Xxh3::new();
        // Threads and the time between checkpoints change nothing of the numbers.
        let mut config = config.clone();
        (config.training.threads, config.training.checkpoint_minutes) = (0, 0);
        hash.update(serde_json::to_string(&config).unwrap_or_default().as_bytes());
        for event in dataset.events.all() {
            for word in [event.user, event.item, event.profile, event.weight.to_bits(), event.part as u32, u32::from(event.positive)] {
                hash.write_u32(word);
            }
            hash.write_i64(event.time);
        }
        for side in [&dataset.items, &dataset.users] {
            hash_side(side, &mut hash);
        }
        hash.digest()
    }

    /// Writes a checkpoint in place of an older one: after a crash there is either, whole.
    pub(crate) fn save(&mut self, path: &Path, key: u64) -> Result<(), TrainError> {
        let head = Head {
            epoch: self.epoch,
            step: self.step,
            step_of_epoch: self.step_of_epoch,
            loss_sum: self.loss_sum,
            gradient_sums: self.gradient_sums,
            epochs: self.epochs.clone(),
            best: self.best.as_ref().map(|(epoch, _)| *epoch),
            cached: self.cache.held().clone(),
        };
        let head = serde_json::to_vec(&head).map_err(|error| checkpoint::refused(path, error.to_string()))?;
        let best = self.best.take();
        let mut tensors: Vec<&[f32]> = Self::tensors(&mut self.model).into_iter().map(|tensor| &tensor[..]).collect();
        tensors.extend([&self.ranked.values[..], self.cache.vectors()]);
        tensors.extend(best.iter().flat_map(|(_, values)| values).map(|values| &values[..]));
        let written = checkpoint::write(path, key, &head, &tensors);
        self.best = best;
        let (step, kept) = (self.step, self.kept);
        written.map_err(|source| TrainError::Unsaved { path: path.to_owned(), step, kept, source })?;
        self.kept = Some(step);
        Ok(())
    }

    /// Goes on from a checkpoint of data with so many items.
    pub(crate) fn load(&mut self, path: &Path, key: u64, items: usize) -> Result<(), TrainError> {
        let (head, tensors) = checkpoint::read(path, key)?;
        let head: Head = serde_json::from_slice(&head).map_err(|error| checkpoint::refused(path, error.to_string()))?;
        let mut tensors = tensors.into_iter();
        let places = Self::tensors(&mut self.model);
        let sizes: Vec<usize> = places.iter().step_by(3).map(|values| values.len()).collect();
        for place in places {
            let tensor = tensors.next().filter(|tensor| tensor.len() == place.len());
            *place = tensor.ok_or_else(|| checkpoint::refused(path, "it has tensors of another size"))?;
        }
        let ranked = tensors.next().unwrap_or_default();
        let cache = Cache::new(head.cached, tensors.next().unwrap_or_default(), self.model.item.dim, items);
        let cache = cache.ok_or_else(|| checkpoint::refused(path, "the vectors of its last batches have another size"))?;
        let best: Vec<Vec<f32>> = tensors.collect();
        if head.best.is_some() && best.iter().map(Vec::len).collect::<Vec<_>>() != sizes {
            return Err(checkpoint::refused(path, "its best epoch has tensors of another size"));
        }
        (self.ranked, self.cache) = (ItemVectors { values: ranked }, cache);
        self.best = head.best.map(|epoch| (epoch, best));
        (self.epoch, self.step, self.step_of_epoch) = (head.epoch, head.step, head.step_of_epoch);
        (self.loss_sum, self.gradient_sums, self.epochs) = (head.loss_sum, head.gradient_sums, head.epochs);
        self.kept = Some(self.step);
        Ok(())
    }
}

fn hash_side(side: &Entities, hash: &mut Xxh3) {
    hash.update(side.spec.to_json().as_bytes());
    for id in &side.ids {
        hash.update(id.as_bytes());
        hash.write_u8(0);
    }
    for column in &side.columns {
        match column {
            Column::Lists(lists) => {
                lists.starts.iter().for_each(|&start| hash.write_u64(start as u64));
                lists.indexes.iter().for_each(|&index| hash.write_u32(index));
                lists.weights.iter().flatten().for_each(|weight| hash.write_u32(weight.to_bits()));
            }
            Column::Numbers { values, .. } => values.iter().for_each(|value| hash.write_u32(value.to_bits())),
            Column::Weights => {}
        }
    }
}
