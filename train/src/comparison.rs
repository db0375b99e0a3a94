//! What a step compares: its users with what they chose and with candidates, and what that says about the vectors of both towers.

use std::borrow::Cow;

use crate::cache::Cache;
use crate::config::Config;
use crate::examples::StepBatch;
use crate::loss::{Candidates, Columns, Targets, evaluate};
use crate::prefix::{self, Prefix};

/// The vectors of a step.
#[derive(Clone, Copy)]
pub(crate) struct Vectors<'a> {
    pub(crate) dim: usize,
    /// One an example.
    pub(crate) users: &'a [f32],
    /// Those of [`StepBatch::items`].
    pub(crate) items: &'a [f32],
    /// Those of batches before, which are candidates and not moved.
    pub(crate) cache: &'a Cache,
    pub(crate) user_normalized: bool,
    pub(crate) item_normalized: bool,
}

/// The mean loss, and its derivatives by the vectors.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Derivatives {
    pub(crate) loss: f64,
    pub(crate) users: Vec<f32>,
    pub(crate) items: Vec<f32>,
}

/// Users against candidates. `scale` is 1 / temperature.
pub(crate) fn compare(config: &Config, batch: &StepBatch, vectors: Vectors<'_>, scale: f32, columns: &mut Columns) -> Derivatives {
    let Vectors { dim, users, items, cache, user_normalized, item_normalized } = vectors;
    let chosen = batch.chosen;
    let first = if config.negatives.in_batch { 0 } else { chosen };
    let own = items.len() - first * dim;
    let (mut ids, mut candidates) = (Cow::Borrowed(&batch.items[first..]), Cow::Borrowed(&items[first * dim..]));
    if !cache.items().is_empty() {
        ids.to_mut().extend_from_slice(cache.items());
        candidates.to_mut().extend_from_slice(cache.vectors());
    }
    columns.set(&ids);
    let hard = [batch.hard_from - first, batch.items.len() - first];
    let targets = Targets {
        dim,
        users,
        items: &items[..chosen * dim],
        ids: &batch.items[..chosen],
        bias: &batch.own_bias,
        weights: &batch.weights,
        spared: batch.spared.as_ref(),
        // Hard ones are spared to all whose history has them, others where that is wanted.
        spared_among: if config.negatives.spare_history { [0, ids.len()] } else { hard },
        scale,
    };
    let candidates = Candidates { vectors: &candidates, columns, bias: &batch.bias };
    let mut of_loss = evaluate(config.loss.of, targets, candidates);
    for &width in &config.towers.matryoshka {
        let prefix = Prefix { width, user_normalized, item_normalized };
        prefix::add(config.loss.of, prefix, targets, candidates, &mut of_loss);
    }
    // Chosen items have a gradient of their own, and one as candidates where they are that too.
    let mut of_items = vec![0f32; items.len()];
    of_items[first * dim..].copy_from_slice(&of_loss.candidates[..own]);
    of_items[..chosen * dim].iter_mut().zip(&of_loss.items).for_each(|(sum, d)| *sum += d);
    Derivatives { loss: of_loss.loss, users: of_loss.users, items: of_items }
}
