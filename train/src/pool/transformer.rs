//! A causal Transformer (Vaswani and others 2017), of which the newest place is the history's vector (as in SASRec, Kang and McAuley 2018).
//!
//! Each place is the item's embedding plus a learned one of how far it is from the newest. A block is
//! `x += attention(norm(x))`, `x += W2 relu(W1 norm(x))`, and a norm comes last.

use super::attention::{softmax, softmax_back};
use crate::config::Towers;
use crate::dense::Dense;
use crate::layer::{Dropout, LayerNorm, Linear, NormTrace};
use crate::loops::{AddScaled, KERNEL};
use crate::rng::Rng;
use rayon::prelude::*;
use torre_kernel::{Into, View};

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Transformer {
    pub(crate) width: usize,
    pub(crate) heads: usize,
    dropout: f32,
    /// By the place from the newest; later places have the last one's.
    pub(crate) places: Dense,
    pub(crate) blocks: Vec<Block>,
    pub(crate) last: LayerNorm,
}

/// One block.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Block {
    pub(crate) before_attention: LayerNorm,
    /// Queries, keys and values side by side.
    pub(crate) project: Linear,
    pub(crate) mix: Linear,
    pub(crate) before_layers: LayerNorm,
    pub(crate) first: Linear,
    pub(crate) second: Linear,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Trace {
    dropout: Dropout,
    blocks: Vec<BlockTrace>,
    last: NormTrace,
}

#[derive(Clone, PartialEq, Debug)]
struct BlockTrace {
    attention_norm: NormTrace,
    attention_input: Vec<f32>,
    projected: Vec<f32>,
    /// For each history the shares of each head, a square.
    shares: Vec<Vec<f32>>,
    mixed: Vec<f32>,
    mix_dropout: Dropout,
    layers_norm: NormTrace,
    layers_input: Vec<f32>,
    hidden: Vec<f32>,
    layers_dropout: Dropout,
}

impl Transformer {
    pub(crate) fn new(towers: &Towers, width: usize, places: usize, rng: &mut Rng) -> Self {
        let block = |n: usize, rng: &mut Rng| Block {
            before_attention: LayerNorm::new(&format!("pool.{n}.before_attention"), width),
            project: Linear::new(&format!("pool.{n}.project"), width, 3 * width, rng),
            mix: Linear::new(&format!("pool.{n}.mix"), width, width, rng),
            before_layers: LayerNorm::new(&format!("pool.{n}.before_layers"), width),
            first: Linear::new(&format!("pool.{n}.first"), width, width, rng),
            second: Linear::new(&format!("pool.{n}.second"), width, width, rng),
        };
        let places = places.max(1);
        let mut of_places = Dense::constant("pool.places", places * width, 0.0);
        of_places.values.fill_with(|| rng.normal() * towers.deviation);
        let blocks = (0..towers.blocks).map(|n| block(n, rng)).collect();
        let last = LayerNorm::new("pool.last", width);
        Self { width, heads: towers.heads, dropout: towers.dropout, places: of_places, blocks, last }
    }

    /// The row of `places` for each token.
    fn place(&self, starts: &[usize]) -> Vec<usize> {
        let most = self.places.values.len() / self.width - 1;
        starts.windows(2).flat_map(|pair| (0..pair[1] - pair[0]).rev().map(move |back| back.min(most))).collect()
    }

    pub(crate) fn forward(&self, starts: &[usize], e: &[f32], mut rng: Option<&mut Rng>) -> (Vec<f32>, Trace) {
        let width = self.width;
        let mut x = e.to_vec();
        for (x, place) in x.chunks_exact_mut(width).zip(self.place(starts)) {
            KERNEL.run(AddScaled { out: x, x: &self.places.values[place * width..][..width], by: 1.0 });
        }
        let dropout = Dropout::forward(&mut x, self.dropout, rng.as_deref_mut());
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            blocks.push(block.forward(self, starts, &mut x, rng.as_deref_mut()));
        }
        // The newest place of each history.
        let mut newest = vec![0f32; (starts.len() - 1) * width];
        for (pair, newest) in starts.windows(2).zip(newest.chunks_exact_mut(width)) {
            if pair[1] > pair[0] {
                newest.copy_from_slice(&x[(pair[1] - 1) * width..][..width]);
            }
        }
        let (mut y, last) = self.last.forward(&newest);
        for (pair, y) in starts.windows(2).zip(y.chunks_exact_mut(width)) {
            if pair[1] == pair[0] {
                y.fill(0.0);
            }
        }
        (y, Trace { dropout, blocks, last })
    }

    pub(crate) fn backward(&mut self, starts: &[usize], trace: &Trace, dy: &[f32]) -> Vec<f32> {
        let width = self.width;
        let mut dy = dy.to_vec();
        for (pair, dy) in starts.windows(2).zip(dy.chunks_exact_mut(width)) {
            if pair[1] == pair[0] {
                dy.fill(0.0);
            }
        }
        let newest = self.last.backward(&trace.last, &dy);
        let mut dx = vec![0f32; starts.last().copied().unwrap_or(0) * width];
        for (pair, newest) in starts.windows(2).zip(newest.chunks_exact(width)) {
            if pair[1] > pair[0] {
                dx[(pair[1] - 1) * width..][..width].copy_from_slice(newest);
            }
        }
        let heads = self.heads;
        for (block, trace) in self.blocks.iter_mut().zip(&trace.blocks).rev() {
            block.backward(heads, starts, trace, &mut dx);
        }
        trace.dropout.backward(&mut dx);
        for (dx, place) in dx.chunks_exact(width).zip(self.place(starts)) {
            KERNEL.run(AddScaled { out: &mut self.places.gradient[place * width..][..width], x: dx, by: 1.0 });
        }
        dx
    }

    pub(crate) fn parameters<'a>(&'a mut self, out: &mut Vec<&'a mut Dense>) {
        out.push(&mut self.places);
        for block in &mut self.blocks {
            block.before_attention.parameters(out);
            block.project.parameters(out);
            block.mix.parameters(out);
            block.before_layers.parameters(out);
            block.first.parameters(out);
            block.second.parameters(out);
        }
        self.last.parameters(out);
    }
}

impl Block {
    fn forward(&self, of: &Transformer, starts: &[usize], x: &mut [f32], mut rng: Option<&mut Rng>) -> BlockTrace {
        let width = of.width;
        let (attention_input, attention_norm) = self.before_attention.forward(x);
        let projected = self.project.forward(&attention_input);
        let mut mixed = vec![0f32; x.len()];
        let own = by_history(&mut mixed, starts, width);
        let shares = own
            .into_par_iter()
            .zip(starts.par_windows(2))
            .map(|(out, pair)| attend(&projected[pair[0] * 3 * width..pair[1] * 3 * width], width, of.heads, out));
        let shares = shares.collect();
        let mut y = self.mix.forward(&mixed);
        let mix_dropout = Dropout::forward(&mut y, of.dropout, rng.as_deref_mut());
        KERNEL.run(AddScaled { out: x, x: &y, by: 1.0 });
        let (layers_input, layers_norm) = self.before_layers.forward(x);
        let mut hidden = self.first.forward(&layers_input);
        hidden.iter_mut().for_each(|x| *x = x.max(0.0));
        let mut y = self.second.forward(&hidden);
        let layers_dropout = Dropout::forward(&mut y, of.dropout, rng);
        KERNEL.run(AddScaled { out: x, x: &y, by: 1.0 });
        BlockTrace {
            attention_norm,
            attention_input,
            projected,
            shares,
            mixed,
            mix_dropout,
            layers_norm,
            layers_input,
            hidden,
            layers_dropout,
        }
    }

    /// `dx` are the derivatives by what came out; they become those by what went in.
    fn backward(&mut self, heads: usize, starts: &[usize], trace: &BlockTrace, dx: &mut [f32]) {
        let width = self.mix.outputs;
        let mut dy = dx.to_vec();
        trace.layers_dropout.backward(&mut dy);
        let mut hidden = self.second.backward(&trace.hidden, &dy);
        hidden.iter_mut().zip(&trace.hidden).for_each(|(d, x)| *d = if *x > 0.0 { *d } else { 0.0 });
        let d = self.first.backward(&trace.layers_input, &hidden);
        let d = self.before_layers.backward(&trace.layers_norm, &d);
        KERNEL.run(AddScaled { out: dx, x: &d, by: 1.0 });
        let mut dy = dx.to_vec();
        trace.mix_dropout.backward(&mut dy);
        let mixed = self.mix.backward(&trace.mixed, &dy);
        let mut projected = vec![0f32; trace.projected.len()];
        let own = by_history(&mut projected, starts, 3 * width);
        own.into_par_iter().zip(starts.par_windows(2)).zip(&trace.shares).for_each(|((out, pair), shares)| {
            let (from, to) = (pair[0], pair[1]);
            attend_back(&trace.projected[from * 3 * width..to * 3 * width], shares, &mixed[from * width..to * width], heads, out);
        });
        let d = self.project.backward(&trace.attention_input, &projected);
        let d = self.before_attention.backward(&trace.attention_norm, &d);
        KERNEL.run(AddScaled { out: dx, x: &d, by: 1.0 });
    }
}

/// The rows of each history.
fn by_history<'a>(mut rows: &'a mut [f32], starts: &[usize], width: usize) -> Vec<&'a mut [f32]> {
    let mut all = Vec::with_capacity(starts.len() - 1);
    for pair in starts.windows(2) {
        let (own, rest) = std::mem::take(&mut rows).split_at_mut((pair[1] - pair[0]) * width);
        all.push(own);
        rows = rest;
    }
    all
}

/// Attention within one history: every place sees itself and those before it. Answers the shares of all heads.
fn attend(projected: &[f32], width: usize, heads: usize, out: &mut [f32]) -> Vec<f32> {
    let (count, head) = (out.len() / width, width / heads);
    let mut shares = vec![0f32; heads * count * count];
    if count == 0 {
        return shares;
    }
    let all = View::new(projected, 3 * width);
    let scale = 1.0 / (head as f32).sqrt();
    for (n, shares) in shares.chunks_exact_mut(count * count).enumerate() {
        let of = |part: usize| all.columns(part * width + n * head, part * width + (n + 1) * head);
        KERNEL.multiply(of(0), of(1).transposed(), shares, count, Into::Set);
        for (place, row) in shares.chunks_exact_mut(count).enumerate() {
            let (seen, unseen) = row.split_at_mut(place + 1);
            seen.iter_mut().for_each(|x| *x *= scale);
            softmax(seen);
            unseen.fill(0.0);
        }
        KERNEL.multiply(View::new(shares, count), of(2), &mut out[n * head..], width, Into::Set);
    }
    shares
}

/// The way back: derivatives by queries, keys and values.
fn attend_back(projected: &[f32], shares: &[f32], dy: &[f32], heads: usize, out: &mut [f32]) {
    if dy.is_empty() {
        return;
    }
    let count = ((shares.len() / heads) as f64).sqrt().round() as usize;
    let width = dy.len() / count;
    let head = width / heads;
    let (all, dy) = (View::new(projected, 3 * width), View::new(dy, width));
    let scale = 1.0 / (head as f32).sqrt();
    let mut d = vec![0f32; count * count];
    for (n, shares) in shares.chunks_exact(count * count).enumerate() {
        let of = |part: usize| all.columns(part * width + n * head, part * width + (n + 1) * head);
        let at = |part: usize| part * width + n * head;
        let dy = dy.columns(n * head, (n + 1) * head);
        KERNEL.multiply(View::new(shares, count).transposed(), dy, &mut out[at(2)..], 3 * width, Into::Set);
        KERNEL.multiply(dy, of(2).transposed(), &mut d, count, Into::Set);
        for (place, (d, shares)) in d.chunks_exact_mut(count).zip(shares.chunks_exact(count)).enumerate() {
            let (seen, unseen) = d.split_at_mut(place + 1);
            softmax_back(&shares[..place + 1], seen);
            seen.iter_mut().for_each(|x| *x *= scale);
            unseen.fill(0.0);
        }
        KERNEL.multiply(View::new(&d, count), of(1), &mut out[at(0)..], 3 * width, Into::Set);
        KERNEL.multiply(View::new(&d, count).transposed(), of(0), &mut out[at(1)..], 3 * width, Into::Set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::differences::check;
    use crate::pool::attention::tests::STARTS;
    use crate::rng::Purpose;

    #[test]
    fn gradients() {
        for (heads, blocks, dropout) in [(1, 1, 0.0), (2, 2, 0.2)] {
            let mut rng = Rng::new(5, Purpose::Weights, 0);
            let towers = Towers { heads, blocks, dropout, deviation: 0.5, ..Towers::default() };
            let mut pool = Transformer::new(&towers, 6, 5, &mut rng);
            let e: Vec<f32> = (0..13 * 6).map(|_| rng.normal()).collect();
            let stream = || Rng::new(6, Purpose::Users, 0);
            let forward = |pool: &mut Transformer, e: &[f32]| pool.forward(&STARTS, e, Some(&mut stream()));
            let back = |pool: &mut Transformer, e: &[f32], dy: &[f32]| {
                let (y, trace) = forward(pool, e);
                assert_eq!(&y[6..12], &[0.0; 6]);
                pool.backward(&STARTS, &trace, dy)
            };
            check(&mut pool, &e, 30, |pool, e| forward(pool, e).0, back, |pool, out| pool.parameters(out));
        }
    }
}
