//! Scaled dot-product attention (operator set 23), a head at a time.

use super::view::{KERNEL, View, Views};
use crate::kernel::Packed;
use crate::tower::attributes::Attributes;

/// What the node says of itself.
pub(in crate::tower) struct Attention {
    q_heads: usize,
    kv_heads: usize,
    scale: Option<f32>,
    causal: bool,
}

/// One input by rows and heads: `[N, heads, steps, width]`, or `[N, steps, heads * width]`.
struct Heads<'a> {
    data: &'a [f32],
    heads: usize,
    steps: usize,
    width: usize,
    flat: bool,
}

impl<'a> Heads<'a> {
    fn of(view: View<'a>, heads: usize) -> Option<Self> {
        let (heads, steps, width, flat) = match *view.shape {
            [_, heads, steps, width] => (heads, steps, width, false),
            [_, steps, all] if heads > 0 => (heads, steps, all / heads, true),
            _ => return None,
        };
        (heads * steps * width > 0).then_some(Self { data: view.data, heads, steps, width, flat })
    }

    /// Where a head's vector for a step begins.
    fn at(&self, row: usize, head: usize, step: usize) -> usize {
        let place = if self.flat { (row * self.steps + step) * self.heads + head } else { (row * self.heads + head) * self.steps + step };
        place * self.width
    }

    /// The vectors of a head, step after step.
    fn copy(&self, row: usize, head: usize, out: &mut Vec<f32>) {
        out.clear();
        for step in 0..self.steps {
            out.extend_from_slice(&self.data[self.at(row, head, step)..][..self.width]);
        }
    }
}

impl Attention {
    pub(super) fn of(attributes: Attributes<'_>) -> Self {
        let heads = |name: &str| usize::try_from(attributes.int(name, 1)).unwrap_or(1);
        Self {
            q_heads: heads("q_num_heads"),
            kv_heads: heads("kv_num_heads"),
            scale: attributes.has("scale").then(|| attributes.float("scale", 1.0) as f32),
            causal: attributes.flag("is_causal", false),
        }
    }

    /// The output, in the layout of its rank. A mask is of f32 here; one of booleans is left to the reference.
    pub(super) fn run(&self, inputs: &Views<'_>, rank: usize) -> Option<Vec<f32>> {
        let input = |place: usize| inputs.get(place).copied().flatten();
        let (q, k, v) = (input(0)?, input(1)?, input(2)?);
        let rows = *q.shape.first()?;
        let (q, k, v) = (Heads::of(q, self.q_heads)?, Heads::of(k, self.kv_heads)?, Heads::of(v, self.kv_heads)?);
        let mask = match input(3) {
            Some(mask) => Some(Mask::of(mask, [rows, q.heads, q.steps, k.steps])?),
            None => None,
        };
        let scale = self.scale.unwrap_or_else(|| (q.width as f64).sqrt().recip() as f32);
        let out_heads = Heads { data: &[], heads: q.heads, steps: q.steps, width: v.width, flat: rank == 3 };
        let mut out = vec![0f32; rows * q.heads * q.steps * v.width];
        let (mut queries, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let (mut scores, mut sums) = (vec![0f32; q.steps * k.steps], vec![0f32; q.steps * v.width]);
        for row in 0..rows {
            for head in 0..q.heads {
                let group = head / (q.heads / k.heads).max(1);
                q.copy(row, head, &mut queries);
                k.copy(row, group, &mut keys);
                v.copy(row, group, &mut values);
                KERNEL.products(&queries, &keys, q.width, &mut scores);
                for (step, scores) in scores.chunks_exact_mut(k.steps).enumerate() {
                    scores.iter_mut().for_each(|score| *score *= scale);
                    if let Some(mask) = &mask {
                        mask.add(row, head, step, scores);
                    }
                    if self.causal {
                        scores.iter_mut().skip(step + 1).for_each(|score| *score = f32::NEG_INFINITY);
                    }
                }
                KERNEL.softmax(k.steps, &mut scores);
                sums.fill(0.0);
                KERNEL.add_product(&scores, &Packed::of_rows(&values, k.steps, v.width), &mut sums);
                for (step, sums) in sums.chunks_exact(v.width).enumerate() {
                    out[out_heads.at(row, head, step)..][..v.width].copy_from_slice(sums);
                }
            }
        }
        Some(out)
    }
}

/// What is added to the scores, broadcast to rows, heads, steps and keys.
struct Mask<'a> {
    data: &'a [f32],
    strides: [usize; 4],
}

impl<'a> Mask<'a> {
    fn of(view: View<'a>, sizes: [usize; 4]) -> Option<Self> {
        let skip = 4usize.checked_sub(view.shape.len())?;
        let (mut strides, mut step) = ([0; 4], 1);
        for (place, &dim) in view.shape.iter().enumerate().rev() {
            if dim != 1 && dim != sizes[skip + place] {
                return None;
            }
            strides[skip + place] = if dim == 1 { 0 } else { step };
            step *= dim;
        }
        Some(Self { data: view.data, strides })
    }

    fn add(&self, row: usize, head: usize, step: usize, scores: &mut [f32]) {
        let start = row * self.strides[0] + head * self.strides[1] + step * self.strides[2];
        for (key, score) in scores.iter_mut().enumerate() {
            *score += self.data[start + key * self.strides[3]];
        }
    }
}
