//! Additive attention without a target: what weighs an item is its embedding and its place from the newest.
//!
//! `a_j = v . tanh(K e_j + b) + p_(n - 1 - j)`, `y = sum_j softmax(a)_j e_j` (Bahdanau, Cho and Bengio 2015, with a learned constant
//! for the query).

use crate::dense::Dense;
use crate::layer::Linear;
use crate::loops::{dot, exp, tanh};
use crate::rng::Rng;

/// Width of the keys.
const KEYS: usize = 32;

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Attention {
    pub(crate) key: Linear,
    pub(crate) value: Dense,
    /// By the place from the newest; later places have the last one's.
    pub(crate) places: Dense,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Trace {
    keys: Vec<f32>,
    shares: Vec<f32>,
}

impl Attention {
    pub(crate) fn new(name: &str, width: usize, places: usize, rng: &mut Rng) -> Self {
        let value = Dense::uniform(format!("{name}.value"), KEYS, 1.0 / (KEYS as f32).sqrt(), rng);
        let places = Dense::constant(format!("{name}.places"), places.max(1), 0.0);
        Self { key: Linear::new(&format!("{name}.key"), width, KEYS, rng), value, places }
    }

    fn place(&self, back: usize) -> usize {
        back.min(self.places.values.len() - 1)
    }

    pub(crate) fn forward(&self, starts: &[usize], e: &[f32]) -> (Vec<f32>, Trace) {
        let width = self.key.inputs;
        let mut keys = self.key.forward(e);
        keys.iter_mut().for_each(|x| *x = tanh(*x));
        let mut shares = Vec::with_capacity(e.len() / width);
        let mut y = vec![0f32; (starts.len() - 1) * width];
        for (pair, y) in starts.windows(2).zip(y.chunks_exact_mut(width)) {
            let (from, to) = (pair[0], pair[1]);
            let score = |at: usize| dot(&keys[at * KEYS..][..KEYS], &self.value.values) + self.places.values[self.place(to - 1 - at)];
            shares.extend((from..to).map(score));
            let own = &mut shares[from..];
            softmax(own);
            for (share, e) in own.iter().zip(e[from * width..].chunks_exact(width)) {
                y.iter_mut().zip(e).for_each(|(y, e)| *y = share.mul_add(*e, *y));
            }
        }
        (y, Trace { keys, shares })
    }

    pub(crate) fn backward(&mut self, starts: &[usize], e: &[f32], trace: &Trace, dy: &[f32]) -> Vec<f32> {
        let width = self.key.inputs;
        let mut de = vec![0f32; e.len()];
        let mut dkeys = vec![0f32; trace.keys.len()];
        for (pair, dy) in starts.windows(2).zip(dy.chunks_exact(width)) {
            let (from, to) = (pair[0], pair[1]);
            let shares = &trace.shares[from..to];
            let mut d: Vec<f32> = (from..to).map(|at| dot(dy, &e[at * width..][..width])).collect();
            softmax_back(shares, &mut d);
            for (at, (&share, &d)) in (from..to).zip(shares.iter().zip(&d)) {
                de[at * width..][..width].iter_mut().zip(dy).for_each(|(de, dy)| *de = share * dy);
                let place = self.place(to - 1 - at);
                self.places.gradient[place] += d;
                let keys = &trace.keys[at * KEYS..][..KEYS];
                for (k, &key) in keys.iter().enumerate() {
                    self.value.gradient[k] += d * key;
                    dkeys[at * KEYS + k] = d * self.value.values[k] * (1.0 - key * key);
                }
            }
        }
        let more = self.key.backward(e, &dkeys);
        de.iter_mut().zip(more).for_each(|(de, more)| *de += more);
        de
    }

    pub(crate) fn parameters<'a>(&'a mut self, out: &mut Vec<&'a mut Dense>) {
        self.key.parameters(out);
        out.push(&mut self.value);
        out.push(&mut self.places);
    }
}

/// Scores to shares of 1.
pub(super) fn softmax(scores: &mut [f32]) {
    let most = scores.iter().fold(f32::NEG_INFINITY, |most, x| most.max(*x));
    scores.iter_mut().for_each(|x| *x = exp(*x - most));
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|x| *x /= sum);
}

/// Of the derivatives by shares those by scores: `s (d - sum s d)`.
pub(super) fn softmax_back(shares: &[f32], d: &mut [f32]) {
    let mean: f32 = shares.iter().zip(d.iter()).map(|(s, d)| s * d).sum();
    d.iter_mut().zip(shares).for_each(|(d, s)| *d = s * (*d - mean));
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::layer::differences::check;
    use crate::rng::Purpose;

    /// Histories of several lengths, an empty one among them.
    pub(in crate::pool) const STARTS: [usize; 6] = [0, 3, 3, 4, 11, 13];

    #[test]
    fn gradients() {
        let mut rng = Rng::new(5, Purpose::Weights, 0);
        let mut pool = Attention::new("p", 6, 5, &mut rng);
        pool.places.values.fill_with(|| rng.normal());
        let e: Vec<f32> = (0..13 * 6).map(|_| rng.normal()).collect();
        let back = |pool: &mut Attention, e: &[f32], dy: &[f32]| {
            let (y, trace) = pool.forward(&STARTS, e);
            assert_eq!(&y[6..12], &[0.0; 6]);
            pool.backward(&STARTS, e, &trace, dy)
        };
        check(&mut pool, &e, 30, |pool, e| pool.forward(&STARTS, e).0, back, |pool, out| pool.parameters(out));
    }
}
