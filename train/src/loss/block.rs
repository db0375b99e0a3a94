//! A loss over a batch: users against their targets and shared candidates.
//!
//! Users go 32 at a time. Their products with all candidates lie candidate by candidate, so that a user is a lane of registers: the loss
//! needs no sums across lanes, and what comes out multiplies the candidates as it lies.

use rayon::prelude::*;
use torre_kernel::{Into, View};

use super::columns::Columns;
use super::lanes::{LANES, Lane, Lanes};
use super::Loss;
use crate::entities::Lists;
use crate::loops::{AddScaled, KERNEL, dot};

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
            let product = dot(&own[lane * dim..][..dim], &chosen[lane * dim..][..dim]);
            target[lane] = scale.mul_add(product, self.targets.bias[self.first + lane]);
            let mut spare = |item: u32| {
                for column in self.candidates.columns.of(item) {
                    if products[column][lane] > f32::NEG_INFINITY {
                        products[column][lane] = f32::NEG_INFINITY;
                        negatives[lane] -= 1.0;
                    }
                }
            };
            spare(self.targets.ids[self.first + lane]);
            if let Some(spared) = self.targets.spared {
                spared.of(self.first + lane).iter().for_each(|&item| spare(item));
            }
        }
        let outcome = KERNEL.run(Lanes { loss: self.loss, products, bias: self.candidates.bias, scale, target, negatives });
        let mut sum = 0.0;
        let mut factors = [0f32; LANES];
        for lane in 0..count {
            let weight = self.targets.weights[self.first + lane] * self.per_weight;
            sum += f64::from(weight) * f64::from(outcome.loss[lane]);
            factors[lane] = weight * scale * outcome.factor[lane];
        }
        let flat = products.as_flattened();
        if candidates {
            KERNEL.multiply(View::new(flat, LANES).transposed().first_rows(count), View::new(vectors, dim), users, dim, Into::Set);
        }
        for (lane, user) in padded.chunks_exact_mut(dim).enumerate().take(count) {
            let (factor, back) = (factors[lane], factors[lane] * outcome.target[lane]);
            let (gradient, chosen) = (&mut users[lane * dim..][..dim], &chosen[lane * dim..][..dim]);
            for ((gradient, chosen), (item, user)) in gradient.iter_mut().zip(chosen).zip(items[lane * dim..].iter_mut().zip(user)) {
                *gradient = back.mul_add(*chosen, *gradient * factor);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng};

    struct Case {
        dim: usize,
        users: Vec<f32>,
        items: Vec<f32>,
        candidates: Vec<f32>,
        ids: Vec<u32>,
        candidate_ids: Vec<u32>,
        bias: Vec<f32>,
        candidate_bias: Vec<f32>,
        weights: Vec<f32>,
        spared: Lists,
        scale: f32,
    }

    impl Case {
        fn new(seed: u64, dim: usize, users: usize, candidates: usize, items: usize) -> Self {
            let mut rng = Rng::new(seed, Purpose::Weights, 0);
            let mut normal = |n: usize| (0..n).map(|_| rng.normal()).collect::<Vec<f32>>();
            let (u, i, c) = (normal(users * dim), normal(users * dim), normal(candidates * dim));
            let (bias, candidate_bias) = (normal(users), normal(candidates));
            let mut spared = Lists { starts: vec![0], ..Lists::default() };
            for _ in 0..users {
                spared.indexes.extend((0..rng.below(4)).map(|_| rng.below(items) as u32));
                spared.starts.push(spared.indexes.len());
            }
            let ids = (0..users).map(|_| rng.below(items) as u32).collect();
            let candidate_ids = (0..candidates).map(|_| rng.below(items) as u32).collect();
            let weights = (0..users).map(|_| rng.uniform()).collect();
            Self { dim, users: u, items: i, candidates: c, ids, candidate_ids, bias, candidate_bias, weights, spared, scale: 0.7 }
        }

        fn ours(&self, loss: Loss, items: usize) -> Gradients {
            let mut columns = Columns::new(items);
            columns.set(&self.candidate_ids);
            let candidates = Candidates { vectors: &self.candidates, columns: &columns, bias: &self.candidate_bias };
            let targets = Targets {
                dim: self.dim,
                users: &self.users,
                items: &self.items,
                ids: &self.ids,
                bias: &self.bias,
                weights: &self.weights,
                spared: Some(&self.spared),
                scale: self.scale,
            };
            evaluate(loss, targets, candidates)
        }

        /// By the formulas, in f64, every logit by itself.
        fn naive(&self, loss: Loss) -> f64 {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            let row = |rows: &'_ [f32], at: usize| rows[at * self.dim..][..self.dim].to_vec();
            let soft = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            let mut sum = 0.0;
            for (user, &id) in self.ids.iter().enumerate() {
                let u = row(&self.users, user);
                let t = f64::from(self.scale) * dot(&u, &row(&self.items, user)) + f64::from(self.bias[user]);
                let counts = |c: &usize| self.candidate_ids[*c] != id && !self.spared.of(user).contains(&self.candidate_ids[*c]);
                let logit = |c: usize| f64::from(self.scale) * dot(&u, &row(&self.candidates, c)) + f64::from(self.candidate_bias[c]);
                let x: Vec<f64> = (0..self.candidate_ids.len()).filter(counts).map(logit).collect();
                let n = (x.len() as f64).max(1.0);
                let one = match loss {
                    Loss::Softmax => (t.exp() + x.iter().map(|x| x.exp()).sum::<f64>()).ln() - t,
                    Loss::Bce { weight } => soft(-t) + f64::from(weight) / n * x.iter().map(|x| soft(*x)).sum::<f64>(),
                    Loss::CosineContrastive { weight, margin } => {
                        1.0 - t + f64::from(weight) / n * x.iter().map(|x| (x - f64::from(margin)).max(0.0)).sum::<f64>()
                    }
                    Loss::Bpr => x.iter().map(|x| soft(x - t)).sum::<f64>() / n,
                    Loss::Triplet { margin } => x.iter().map(|x| (f64::from(margin) + x - t).max(0.0)).sum::<f64>() / n,
                };
                sum += f64::from(self.weights[user]) * one;
            }
            sum / self.weights.iter().map(|&w| f64::from(w)).sum::<f64>()
        }
    }

    const LOSSES: [Loss; 5] = [
        Loss::Softmax,
        Loss::Bce { weight: 3.0 },
        Loss::CosineContrastive { weight: 150.0, margin: 0.4 },
        Loss::Bpr,
        Loss::Triplet { margin: 0.5 },
    ];

    #[test]
    fn losses_are_the_formulas_and_gradients_their_differences() {
        for (seed, (dim, users, candidates, items)) in [(1, 1, 1, 2), (3, 33, 7, 9), (16, 5, 70, 300), (40, 70, 0, 4), (5, 2, 3, 1)].into_iter().enumerate() {
            for loss in LOSSES {
                let mut case = Case::new(seed as u64, dim, users, candidates, items);
                let ours = case.ours(loss, items);
                let naive = case.naive(loss);
                assert!((ours.loss - naive).abs() < 1e-5 * naive.abs().max(1.0), "{loss:?} {dim} {users}: {} {naive}", ours.loss);
                let mut rng = Rng::new(9, Purpose::Order, 0);
                for which in 0..3 {
                    let (len, gradient) = match which {
                        0 => (case.users.len(), &ours.users),
                        1 => (case.items.len(), &ours.items),
                        _ => (case.candidates.len(), &ours.candidates),
                    };
                    assert_eq!(len, gradient.len());
                    for _ in 0..len.min(40) {
                        let at = rng.below(len);
                        let mut moved = |by: f32| {
                            let values = match which {
                                0 => &mut case.users,
                                1 => &mut case.items,
                                _ => &mut case.candidates,
                            };
                            let before = values[at];
                            values[at] = before + by;
                            let by = f64::from(values[at]) - f64::from(before);
                            let loss = case.naive(loss);
                            let values = match which {
                                0 => &mut case.users,
                                1 => &mut case.items,
                                _ => &mut case.candidates,
                            };
                            values[at] = before;
                            (loss, by)
                        };
                        let ((high, up), (low, down)) = (moved(1e-4), moved(-1e-4));
                        let expected = (high - low) / (up - down);
                        let off = (f64::from(gradient[at]) - expected).abs();
                        assert!(off < 2e-4 * expected.abs().max(0.1), "{loss:?} {which} {at}: {} {expected}", gradient[at]);
                    }
                }
            }
        }
    }

    #[test]
    fn large_logits_and_any_number_of_threads() {
        let mut case = Case::new(4, 24, 300, 90, 50);
        case.scale = 15.0;
        for loss in LOSSES {
            let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let one = pool(1).install(|| case.ours(loss, 50));
            assert!(one.loss.is_finite() && one.users.iter().chain(&one.candidates).all(|x| x.is_finite()));
            let naive = case.naive(loss);
            assert!((one.loss - naive).abs() < 1e-4 * naive.abs(), "{loss:?}: {} {naive}", one.loss);
            assert_eq!(one, pool(3).install(|| case.ours(loss, 50)));
        }
    }
}
