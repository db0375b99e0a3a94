//! Losses against their formulas, gradients against differences.

#![allow(clippy::unwrap_used)]

use super::Loss;
use super::block::{Candidates, Gradients, Targets, evaluate};
use super::columns::Columns;
use crate::entities::Lists;
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
    spared_among: [usize; 2],
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
        let spared_among = [[0, candidates], [candidates / 3, candidates.saturating_sub(1)]][seed as usize % 2];
        Self { dim, users: u, items: i, candidates: c, ids, candidate_ids, bias, candidate_bias, weights, spared, spared_among, scale: 0.7 }
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
            spared_among: self.spared_among,
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
            let [from, to] = self.spared_among;
            let is_spared = |c: usize| (from..to).contains(&c) && self.spared.of(user).contains(&self.candidate_ids[c]);
            let counts = |c: &usize| self.candidate_ids[*c] != id && !is_spared(*c);
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
    for (seed, (dim, users, candidates, items)) in
        [(1, 1, 1, 2), (3, 33, 7, 9), (16, 5, 70, 300), (40, 70, 0, 4), (5, 2, 3, 1)].into_iter().enumerate()
    {
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
