//! The examples of training: which events, in which order, with which histories and negatives.

use crate::batch::Batch;
use crate::cache::Cache;
use crate::config::{Config, LogQ};
use crate::dataset::Dataset;
use crate::entities::Lists;
use crate::events::Part;
use crate::hard::HardItems;
use crate::model::Model;
use crate::rng::{Purpose, Rng};
use crate::sampler::Sampler;

/// What a run draws its batches from.
pub(crate) struct Examples<'a> {
    dataset: &'a Dataset,
    config: &'a Config,
    /// Places of the events that are trained on.
    events: Vec<u32>,
    /// How often each item is chosen in them.
    counts: Vec<u32>,
    sampler: Sampler,
}

/// One step's inputs.
pub(crate) struct StepBatch {
    /// Rows of the items: those chosen, then those drawn, then hard ones.
    pub(crate) items: Vec<u32>,
    /// How many were chosen.
    pub(crate) chosen: usize,
    /// Where hard ones begin.
    pub(crate) hard_from: usize,
    pub(crate) weights: Vec<f32>,
    pub(crate) user_batch: Batch,
    pub(crate) item_batch: Batch,
    /// Added to the logits of the chosen, and of the candidates; empty until [`Examples::correct`].
    pub(crate) own_bias: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    /// Items of the users' histories, where they are spared to all or to some.
    pub(crate) spared: Option<Lists>,
}

impl<'a> Examples<'a> {
    pub(crate) fn new(dataset: &'a Dataset, config: &'a Config) -> Self {
        let all = dataset.events.all();
        let trained = |at: &u32| {
            let event = &all[*at as usize];
            event.part == Part::Train && event.positive && event.weight > 0.0
        };
        let events: Vec<u32> = (0..all.len() as u32).filter(trained).collect();
        let mut counts = vec![0u32; dataset.items.len()];
        for &at in &events {
            counts[all[at as usize].item as usize] += 1;
        }
        let sampler = Sampler::new(&counts, config.negatives.alpha);
        Self { dataset, config, events, counts, sampler }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// Steps of an epoch; the last batch may be smaller.
    pub(crate) fn steps(&self) -> usize {
        self.events.len().div_ceil(self.config.training.batch)
    }

    /// The order of an epoch.
    pub(crate) fn order(&self, epoch: u64) -> Vec<u32> {
        let mut order = self.events.clone();
        Rng::new(self.config.training.seed, Purpose::Order, epoch).shuffle(&mut order);
        order
    }

    /// The inputs of a step. `events` are places of events; `step` counts over all epochs.
    pub(crate) fn batch(&self, model: &Model, events: &[u32], step: u64) -> StepBatch {
        let Config { negatives, towers, training, .. } = self.config;
        let all = self.dataset.events.all();
        let mut rng = Rng::new(training.seed, Purpose::Negatives, step);
        let mut items: Vec<u32> = events.iter().map(|&at| all[at as usize].item).collect();
        items.extend((0..negatives.shared).map(|_| self.sampler.draw(&mut rng)));
        let profiles: Vec<u32> = events.iter().map(|&at| all[at as usize].profile).collect();
        let mut user_batch = Batch::gather(&self.dataset.users, &profiles);
        let mut item_batch = Batch::gather(&self.dataset.items, &items);
        user_batch.forget(&model.user_layouts, towers, &mut rng);
        item_batch.forget(&model.item_layouts, towers, &mut rng);
        let mut spared = (negatives.spare_history || negatives.hard > 0).then(|| Lists { starts: vec![0], ..Lists::default() });
        let mut before = Vec::new();
        if let Some(spared) = &mut spared {
            for &at in events {
                self.dataset.events.history(at as usize, &mut before);
                spared.indexes.extend_from_slice(&before);
                spared.starts.push(spared.indexes.len());
            }
        }
        if let Some(history) = &self.dataset.history {
            let most = if training.history == 0 { history.max } else { training.history.min(history.max) };
            let mut lists = Lists { starts: vec![0], ..Lists::default() };
            for &at in events {
                self.dataset.events.history(at as usize, &mut before);
                // Histories without order are cut anywhere, others as in serving.
                if !self.dataset.events.timed() && before.len() > most {
                    for place in 0..most {
                        let other = place + rng.below(before.len() - place);
                        before.swap(place, other);
                    }
                    before.truncate(most);
                }
                let kept = history.cut(&before);
                let kept = if history.keeps_last { &kept[kept.len().saturating_sub(most)..] } else { &kept[..kept.len().min(most)] };
                lists.indexes.extend(kept.iter().map(|&item| history.index_of[item as usize]));
                lists.starts.push(lists.indexes.len());
            }
            user_batch = user_batch.with_history(history.input, lists);
        }
        StepBatch {
            weights: events.iter().map(|&at| all[at as usize].weight).collect(),
            own_bias: Vec::new(),
            bias: Vec::new(),
            hard_from: items.len(),
            items,
            chosen: events.len(),
            user_batch,
            item_batch,
            spared,
        }
    }

    /// Puts hard items behind the others.
    pub(crate) fn add_hard(&self, batch: &mut StepBatch, model: &Model, hard: &HardItems, rng: &mut Rng) {
        let mut more = Batch::gather(&self.dataset.items, &hard.items);
        more.forget(&model.item_layouts, &self.config.towers, rng);
        batch.item_batch.append(more);
        batch.items.extend_from_slice(&hard.items);
    }

    /// Sets what is added to the logits for how often items are to be expected among the candidates: the batch's, then the cache's.
    pub(crate) fn correct(&self, batch: &mut StepBatch, hard: &HardItems, cache: &Cache) {
        let negatives = &self.config.negatives;
        let first = if negatives.in_batch { 0 } else { batch.chosen };
        // Examples whose chosen items are candidates of all.
        let examples = if negatives.in_batch { batch.chosen } else { 0 } + cache.items().len();
        let bias = |item: &u32, wanted: bool| if wanted { -self.expected(*item, examples, hard).max(1e-12).ln() as f32 } else { 0.0 };
        let (own_wanted, wanted) = (negatives.log_q == LogQ::All, negatives.log_q != LogQ::None);
        batch.own_bias = batch.items[..batch.chosen].iter().map(|item| bias(item, own_wanted)).collect();
        batch.bias = batch.items[first..].iter().chain(cache.items()).map(|item| bias(item, wanted)).collect();
    }

    /// How often an item is expected among the candidates: `examples` that were chosen, those drawn, and hard ones.
    fn expected(&self, item: u32, examples: usize, hard: &HardItems) -> f64 {
        let drawn = f64::from(self.sampler.log_chance(item)).exp() * self.config.negatives.shared as f64;
        // An item that was never chosen is only drawn. Hard ones are expected by the lists of this very batch.
        let chosen = f64::from(self.counts[item as usize]) / self.events.len().max(1) as f64 * examples as f64;
        drawn + chosen + hard.expected.get(&item).copied().unwrap_or(0.0)
    }
}
