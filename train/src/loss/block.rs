//! A loss over a batch: users against their targets and shared candidates.
//!
//! Users go 32 at a time. Their products with all candidates lie candidate by candidate, so that a user is a lane of registers: the loss
//! needs no sums across lanes, and what comes out multiplies the candidates as it lies.

use rayon::prelude::*;
use torre_kernel::{Into, View};

use super::Loss;
use super::columns::Columns;
use super::lanes::{LANES, Lane, Lanes};
use crate::entities::Lists;
use crate::loops::{AddScaled, KERNEL};

/// Parts of a batch that sum the candidates' gradients by themselves. A fixed number, so that sums do not depend on threads.
const PARTS: usize = 4;

/// What all users of a batch are compared with.
#[derive(Clone, Copy)]
pub(crate) struct Candidates<'a> {
    /// Vectors, one after another.
    pub(crate) vectors: &'a [f32],
    /// Which are the same item.
    pub(crate) columns: &'a Columns,
    /// What is added to each one's logits.
    pub(crate) bias: &'a [f32],
}

/// The users of a batch, each with what was chosen.
#[derive(Clone, Copy)]
pub(crate) struct Targets<'a> {
    pub(crate) dim: usize,
    /// Vectors of users.
    pub(crate) users: &'a [f32],
    /// Vectors of the chosen items.
    pub(crate) items: &'a [f32],
    /// Which items they are; candidates that are the same item are no negatives.
    pub(crate) ids: &'a [u32],
    /// What is added to the chosen items' logits.
    pub(crate) bias: &'a [f32],
    /// What each example counts; at least 0.
    pub(crate) weights: &'a [f32],
    /// Further items that are no negatives of a user.
    pub(crate) spared: Option<&'a Lists>,
    /// The candidates for which that holds: from one, to before another.
    pub(crate) spared_among: [usize; 2],
    /// 1 / temperature.
    pub(crate) scale: f32,
}

/// The mean loss of a batch, and its derivatives.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Gradients {
    pub(crate) loss: f64,
    pub(crate) users: Vec<f32>,
    pub(crate) items: Vec<f32>,
    pub(crate) candidates: Vec<f32>,
}

/// Loss and derivatives. The same bits on any number of threads.
pub(crate) fn evaluate(loss: Loss, targets: Targets<'_>, candidates: Candidates<'_>) -> Gradients {
    let (dim, count) = (targets.dim, targets.ids.len());
    let total: f64 = targets.weights.iter().map(|&weight| f64::from(weight)).sum();
    let per_weight = if total > 0.0 { (1.0 / total) as f32 } else { 0.0 };
    let per_part = count.div_ceil(LANES).div_ceil(PARTS).max(1) * LANES;
    let (mut users, mut items) = (vec![0f32; count * dim], vec![0f32; count * dim]);
    let parts = users.par_chunks_mut(per_part * dim).zip(items.par_chunks_mut(per_part * dim)).enumerate();
    let sums: Vec<(f64, Vec<f32>)> = parts
        .map(|(part, (users, items))| {
            let mut sum = 0.0;
            let mut gradient = vec![0f32; candidates.vectors.len()];
            let mut products = vec![[0f32; LANES]; candidates.bias.len()];
            let blocks = users.chunks_mut(LANES * dim).zip(items.chunks_mut(LANES * dim)).enumerate();
            for (block, (users, items)) in blocks {
                let first = part * per_part + block * LANES;
                let block = Block { loss, targets, candidates, first, per_weight };
                sum += block.run(users, items, &mut gradient, &mut products);
            }
            (sum, gradient)
        })
        .collect();
    let mut sums = sums.into_iter();
    let (mut loss, mut gradient) = sums.next().unwrap_or_else(|| (0.0, vec![0.0; candidates.vectors.len()]));
    for (part, more) in sums {
        loss += part;
        KERNEL.run(AddScaled { out: &mut gradient, x: &more, by: 1.0 });
    }
    Gradients { loss, users, items, candidates: gradient }
}

/// Up to 32 users of a batch.
struct Block<'a> {
    loss: Loss,
    targets: Targets<'a>,
    candidates: Candidates<'a>,
    first: usize,
    per_weight: f32,
}

impl Block<'_> {
    /// Writes the derivatives by the users' and chosen items' vectors, adds those by the candidates', and answers the loss.
    fn run(self, users: &mut [f32], items: &mut [f32], gradient: &mut [f32], products: &mut [Lane]) -> f64 {
        let (dim, scale) = (self.targets.dim, self.targets.scale);
        let count = users.len() / dim;
        let own = &self.targets.users[self.first * dim..][..count * dim];
        let chosen = &self.targets.items[self.first * dim..][..count * dim];
        let (vectors, flat) = (self.candidates.vectors, products.as_flattened_mut());
        // Lanes without a user stay 0.
        let mut padded = vec![0f32; LANES * dim];
        padded[..own.len()].copy_from_slice(own);
        let candidates = !flat.is_empty();
        if candidates {
            KERNEL.multiply(View::new(vectors, dim), View::new(&padded, dim).transposed(), flat, LANES, Into::Set);
        }
        let (mut target, mut negatives) = ([0f32; LANES], [products.len() as f32; LANES]);
        for lane in 0..count {
            let product = KERNEL.dot(&own[lane * dim..][..dim], &chosen[lane * dim..][..dim]);
            target[lane] = scale * product + self.targets.bias[self.first + lane];
            let mut spare = |item: u32, [from, to]: [usize; 2]| {
                for column in self.candidates.columns.of(item).filter(|column| (from..to).contains(column)) {
                    if products[column][lane] > f32::NEG_INFINITY {
                        products[column][lane] = f32::NEG_INFINITY;
                        negatives[lane] -= 1.0;
                    }
                }
            };
            spare(self.targets.ids[self.first + lane], [0, usize::MAX]);
            if let Some(spared) = self.targets.spared {
                spared.of(self.first + lane).iter().for_each(|&item| spare(item, self.targets.spared_among));
            }
        }
        let outcome = KERNEL.run(Lanes { loss: self.loss, products, bias: self.candidates.bias, scale, target, negatives });
        let mut sum = 0.0;
        let mut factors = [0f32; LANES];
        for (lane, factor) in factors.iter_mut().enumerate().take(count) {
            let weight = self.targets.weights[self.first + lane] * self.per_weight;
            sum += f64::from(weight) * f64::from(outcome.loss[lane]);
            *factor = weight * scale * outcome.factor[lane];
        }
        let flat = products.as_flattened();
        if candidates {
            KERNEL.multiply(View::new(flat, LANES).transposed().first_rows(count), View::new(vectors, dim), users, dim, Into::Set);
        }
        for (lane, user) in padded.chunks_exact_mut(dim).enumerate().take(count) {
            let (factor, back) = (factors[lane], factors[lane] * outcome.target[lane]);
            let (gradient, chosen) = (&mut users[lane * dim..][..dim], &chosen[lane * dim..][..dim]);
            for ((gradient, chosen), (item, user)) in gradient.iter_mut().zip(chosen).zip(items[lane * dim..].iter_mut().zip(user)) {
                *gradient = back * *chosen + *gradient * factor;
                *item = back * *user;
                *user *= factor;
            }
        }
        if candidates {
            KERNEL.multiply(View::new(flat, LANES), View::new(&padded, dim), gradient, dim, Into::Add);
        }
        sum
    }
}
