//! Scaled dot-product attention (operator set 23), with a mask or causal, for any grouping of heads.

use super::call::{Call, Result};
use super::matrix::{multiply, transposed};
use super::reduce::log_sum_exp;
use crate::tower::array::{Array, Data};
use crate::tower::shape::{places, volume};

/// `[N, heads, steps, width]` of an input of either layout: that, or `[N, steps, heads * width]`.
fn by_heads(x: &Array, heads: usize) -> Result<(Vec<f64>, [usize; 4])> {
    let data = x.as_floats()?;
    match x.shape.as_slice() {
        &[n, heads, steps, width] => Ok((data.to_vec(), [n, heads, steps, width])),
        &[n, steps, all] => {
            let width = all / heads.max(1);
            let from = |at: usize| {
                let (i, s, h, n) = (at % width, at / width % steps, at / (width * steps) % heads, at / (width * steps * heads));
                data[(n * steps + s) * all + h * width + i]
            };
            Ok(((0..data.len()).map(from).collect(), [n, heads, steps, width]))
        }
        other => Err(format!("an input of shape {other:?}")),
    }
}

/// What the mask adds to each score.
fn bias(call: &Call<'_>, shape: &[usize]) -> Result<Vec<f64>> {
    let Some(mask) = call.optional(3) else { return Ok(vec![0.0; volume(shape)]) };
    let all = places(&mask.shape, shape);
    Ok(match &mask.data {
        Data::Float(data) => all.map(|at| data[at]).collect(),
        Data::Int(data) => all.map(|at| if data[at] != 0 { 0.0 } else { f64::NEG_INFINITY }).collect(),
    })
}

pub(super) fn attention(call: &Call<'_>) -> Result<Array> {
    let attributes = call.attributes();
    let heads = |name: &str| usize::try_from(attributes.int(name, 1)).unwrap_or(1);
    let (q, [n, q_heads, steps, width]) = by_heads(call.input(0)?, heads("q_num_heads"))?;
    let (k, [_, kv_heads, keys, _]) = by_heads(call.input(1)?, heads("kv_num_heads"))?;
    let (v, [.., out_width]) = by_heads(call.input(2)?, heads("kv_num_heads"))?;
    let scale = if attributes.has("scale") { attributes.float("scale", 1.0) } else { (width as f64).sqrt().recip() };
    let causal = attributes.flag("is_causal", false);
    let bias = bias(call, &[n, q_heads, steps, keys])?;
    let mut out = vec![0.0; n * q_heads * steps * out_width];
    for row in 0..n {
        for head in 0..q_heads {
            let at = row * q_heads + head;
            let group = row * kv_heads + head / (q_heads / kv_heads.max(1)).max(1);
            let mut scores = vec![0.0; steps * keys];
            let columns = transposed(&k[group * keys * width..][..keys * width], keys, width);
            multiply(&q[at * steps * width..][..steps * width], &columns, [steps, width, keys], &mut scores);
            for (step, scores) in scores.chunks_mut(keys.max(1)).enumerate() {
                for (key, score) in scores.iter_mut().enumerate() {
                    let hidden = causal && key > step;
                    *score = *score * scale + if hidden { f64::NEG_INFINITY } else { bias[(at * steps + step) * keys + key] };
                }
                let total = log_sum_exp(scores.iter().copied());
                scores.iter_mut().for_each(|score| *score = (*score - total).exp());
            }
            let values = &v[group * keys * out_width..][..keys * out_width];
            multiply(&scores, values, [steps, keys, out_width], &mut out[at * steps * out_width..][..steps * out_width]);
        }
    }
    let shape = call.shape()?;
    if shape.len() == 3 {
        let from = |at: usize| {
            let (i, h) = (at % out_width, at / out_width % q_heads);
            let (s, row) = (at / (out_width * q_heads) % steps, at / (out_width * q_heads * steps));
            out[((row * q_heads + h) * steps + s) * out_width + i]
        };
        out = (0..out.len()).map(from).collect();
    }
    Ok(Array::floats(call.input(0)?.dtype, shape, out))
}
