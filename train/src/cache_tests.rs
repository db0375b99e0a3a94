//! Cached negatives against the formula, and how often candidates come against what is taken for it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use crate::batch::Batch;
use crate::cache::Cache;
use crate::comparison::{Derivatives, Vectors, compare};
use crate::config::Config;
use crate::dataset::{Dataset, History};
use crate::entities::Lists;
use crate::events::Part;
use crate::examples::{Examples, StepBatch};
use crate::hard::HardItems;
use crate::loss::Columns;
use crate::model::Model;
use crate::rng::{Purpose, Rng};
use crate::trainer_tests::{config, popularity, run, shop};

const DIM: usize = 5;
const ITEMS: usize = 12;

/// A step: 7 examples, 6 drawn items, 4 hard ones, two batches before.
struct Naive {
    batch: StepBatch,
    users: Vec<f32>,
    items: Vec<f32>,
    cache: Cache,
    config: Config,
}

impl Naive {
    fn new(seed: u64, in_batch: bool, spare_history: bool) -> Self {
        let mut rng = Rng::new(seed, Purpose::Cases, 3);
        let mut config = Config::default();
        (config.negatives.in_batch, config.negatives.spare_history) = (in_batch, spare_history);
        let mut cache = Cache::default();
        for size in [3, 7] {
            let ids: Vec<u32> = (0..size).map(|_| rng.below(ITEMS) as u32).collect();
            let vectors: Vec<f32> = (0..size * DIM).map(|_| rng.normal()).collect();
            cache.push(&ids, &vectors, 2);
        }
        let items: Vec<u32> = (0..17).map(|_| rng.below(ITEMS) as u32).collect();
        let first = if in_batch { 0 } else { 7 };
        let spared =
            Lists { starts: (0..=7).map(|n| 2 * n).collect(), indexes: (0..14).map(|_| rng.below(ITEMS) as u32).collect(), weights: None };
        let mut normal = |n: usize| (0..n).map(|_| rng.normal()).collect::<Vec<f32>>();
        let batch = StepBatch {
            chosen: 7,
            hard_from: 13,
            weights: normal(7).iter().map(|x| x.abs()).collect(),
            user_batch: Batch { count: 7, columns: Vec::new() },
            item_batch: Batch { count: 17, columns: Vec::new() },
            own_bias: normal(7),
            bias: normal(17 - first + 10),
            spared: Some(spared),
            items,
        };
        Self { batch, users: normal(7 * DIM), items: normal(17 * DIM), cache, config }
    }

    fn ours(&self) -> Derivatives {
        let Self { users, items, cache, .. } = self;
        let vectors = Vectors { dim: DIM, users, items, cache, user_normalized: false, item_normalized: false };
        compare(&self.config, &self.batch, vectors, 0.8, &mut Columns::new(ITEMS))
    }

    /// By the formula, in f64; the vectors of the cache stand still.
    fn loss(&self) -> f64 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let first = if self.config.negatives.in_batch { 0 } else { 7 };
        let mut candidates: Vec<(u32, &[f32], bool)> = Vec::new();
        for (at, vector) in self.items.chunks(DIM).enumerate().skip(first) {
            candidates.push((self.batch.items[at], vector, at >= self.batch.hard_from));
        }
        for (item, vector) in self.cache.items().iter().zip(self.cache.vectors().chunks(DIM)) {
            candidates.push((*item, vector, false));
        }
        let (mut sum, mut weights) = (0.0, 0.0);
        for example in 0..7 {
            let (user, own) = (&self.users[example * DIM..][..DIM], self.batch.items[example]);
            let t = 0.8 * dot(user, &self.items[example * DIM..][..DIM]) + f64::from(self.batch.own_bias[example]);
            let mut total = t.exp();
            for ((item, vector, is_hard), bias) in candidates.iter().zip(&self.batch.bias) {
                let may_spare = *is_hard || self.config.negatives.spare_history;
                let in_history = self.batch.spared.as_ref().unwrap().of(example).contains(item);
                if *item != own && !(may_spare && in_history) {
                    total += (0.8 * dot(user, vector) + f64::from(*bias)).exp();
                }
            }
            sum += f64::from(self.batch.weights[example]) * (total.ln() - t);
            weights += f64::from(self.batch.weights[example]);
        }
        sum / weights
    }
}

#[test]
fn cached_negatives_are_the_formulas_and_gradients_its_differences() {
    for (seed, (in_batch, spare)) in [(true, true), (true, false), (false, true), (false, false)].into_iter().enumerate() {
        let mut naive = Naive::new(seed as u64, in_batch, spare);
        let ours = naive.ours();
        assert!((ours.loss - naive.loss()).abs() < 1e-5, "{} {}", ours.loss, naive.loss());
        let without = Naive { cache: Cache::default(), ..Naive::new(seed as u64, in_batch, spare) };
        assert!((ours.loss - without.loss()).abs() > 1e-2);
        for of_users in [true, false] {
            let gradient = if of_users { &ours.users } else { &ours.items };
            for (at, gradient) in gradient.iter().enumerate() {
                let mut moved = |by: f32| {
                    let values = if of_users { &mut naive.users } else { &mut naive.items };
                    let before = values[at];
                    values[at] = before + by;
                    let by = f64::from(values[at]) - f64::from(before);
                    let loss = naive.loss();
                    let values = if of_users { &mut naive.users } else { &mut naive.items };
                    values[at] = before;
                    (loss, by)
                };
                let ((high, up), (low, down)) = (moved(1e-3), moved(-1e-3));
                let difference = (high - low) / (up - down);
                assert!((f64::from(*gradient) - difference).abs() < 1e-4, "{of_users} {at}: {gradient} {difference}");
            }
        }
    }
}

/// Over whole epochs an item is among the candidates as often as the correction says.
#[test]
fn candidates_come_as_often_as_the_correction_says() {
    let dataset = shop(false, true);
    for (in_batch, cached) in [(true, 0), (true, 3), (false, 2)] {
        let mut config = config();
        (config.negatives.in_batch, config.negatives.cached_batches, config.training.batch) = (in_batch, cached, 40);
        let examples = Examples::new(&dataset, &config);
        let model = Model::new(&dataset, &config, BTreeMap::new()).unwrap();
        let (mut often, mut expected, mut steps) = (vec![0f64; dataset.items.len()], BTreeMap::new(), 0);
        let mut cache = Cache::default();
        for epoch in 0..60 {
            for events in examples.order(epoch).chunks_exact(40) {
                let mut batch = examples.batch(&model, events, steps);
                examples.correct(&mut batch, &HardItems::default(), &cache);
                let first = if in_batch { 0 } else { 40 };
                // As soon as the cache is full.
                if steps >= cached as u64 {
                    batch.items[first..].iter().chain(cache.items()).for_each(|item| often[*item as usize] += 1.0);
                    expected.extend(batch.items.iter().zip(&batch.own_bias).map(|(item, bias)| (*item, f64::from(-bias).exp())));
                }
                cache.push(&batch.items[..40], &vec![0.0; 40 * 2], cached);
                steps += 1;
            }
        }
        let counted = (steps - cached as u64) as f64;
        for (item, expected) in expected {
            let mean = often[item as usize] / counted;
            assert!((mean - expected).abs() < 0.05 + 0.1 * expected, "{in_batch} {cached} {item}: {mean} {expected}");
        }
    }
}

#[test]
fn training_with_a_cache_learns() {
    let dataset = shop(true, true);
    let beaten = popularity(&dataset, &dataset.cases(Part::Test), 10);
    let mut config = config();
    (config.negatives.cached_batches, config.negatives.shared, config.training.epochs) = (4, 0, 12);
    let recall = run(&dataset, &config, false, None).unwrap().evaluate(&dataset, Part::Test, 10).recall;
    assert!(recall > 1.2 * beaten, "{recall} against {beaten} of popularity");
}

/// Histories are spared whether or not the user tower reads them.
#[test]
fn histories_are_spared_where_no_input_reads_them() {
    let dataset = Dataset { history: None::<History>, ..shop(true, true) };
    for (spare_history, hard) in [(true, 0), (false, 20), (true, 20)] {
        let mut config = config();
        (config.negatives.spare_history, config.negatives.hard, config.training.epochs) = (spare_history, hard, 1);
        assert_eq!(run(&dataset, &config, false, None).unwrap().epochs.len(), 1);
    }
}
