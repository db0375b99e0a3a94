//! The graph of a Transformer's pool.

use super::dense::{normal, transposed};
use super::graph::{Builder, Name, Value};
use super::places::{Places, weighted_sum};
use crate::layer::Linear;
use crate::pool::Transformer;

/// Places that hold nothing stand on the right, so a causal mask keeps them from the others.
pub(super) fn transformer(builder: &mut Builder, pool: &Transformer, e: &str, places: &Places) -> Name {
    let (width, heads, length) = (pool.width, pool.heads, places.length);
    let rows = pool.places.values.len() / width;
    let back = places.row(builder, rows);
    let of_places = builder.weights(&pool.places.name, &[rows, width], &pool.places.values);
    let of_places = builder.node("Gather", &[&of_places, &back], &[("axis", Value::Int(0))]);
    let mut x = builder.node("Add", &[e, &of_places], &[]);
    let mask: Vec<f32> = (0..length * length).map(|at| if at % length > at / length { -1e9 } else { 0.0 }).collect();
    let mask = builder.weights("pool.causal", &[length, length], &mask);
    let scale = builder.floats(&[], &[1.0 / ((width / heads) as f32).sqrt()]);
    for block in &pool.blocks {
        let normed = normal(builder, &block.before_attention, &x);
        let all = linear(builder, &block.project, &normed);
        let split = [("axis", Value::Int(-1)), ("num_outputs", Value::Int(3))];
        let parts = builder.outputs("Split", &[&all], &split, &[true, true, true]);
        // [N, heads, L, head], and keys turned.
        let shape = builder.integers(&[0, length as i64, heads as i64, (width / heads) as i64]);
        let by_head = |builder: &mut Builder, part: &str, order: [i64; 4]| {
            let part = builder.node("Reshape", &[part, &shape], &[]);
            builder.node("Transpose", &[&part], &[("perm", Value::Ints(order.to_vec()))])
        };
        let mut parts = parts.into_iter();
        let mut next = || parts.next().unwrap_or_default();
        let (q, k, v) = (next(), next(), next());
        let q = by_head(builder, &q, [0, 2, 1, 3]);
        let k = by_head(builder, &k, [0, 2, 3, 1]);
        let v = by_head(builder, &v, [0, 2, 1, 3]);
        let scores = builder.node("MatMul", &[&q, &k], &[]);
        let scores = builder.node("Mul", &[&scores, &scale], &[]);
        let scores = builder.node("Add", &[&scores, &mask], &[]);
        let shares = builder.node("Softmax", &[&scores], &[("axis", Value::Int(-1))]);
        let mixed = builder.node("MatMul", &[&shares, &v], &[]);
        let mixed = builder.node("Transpose", &[&mixed], &[("perm", Value::Ints(vec![0, 2, 1, 3]))]);
        let flat = builder.integers(&[0, length as i64, width as i64]);
        let mixed = builder.node("Reshape", &[&mixed, &flat], &[]);
        let mixed = linear(builder, &block.mix, &mixed);
        x = builder.node("Add", &[&x, &mixed], &[]);
        let normed = normal(builder, &block.before_layers, &x);
        let hidden = linear(builder, &block.first, &normed);
        let hidden = builder.node("Relu", &[&hidden], &[]);
        let more = linear(builder, &block.second, &hidden);
        x = builder.node("Add", &[&x, &more], &[]);
    }
    let last = normal(builder, &pool.last, &x);
    let newest = places.newest(builder);
    weighted_sum(builder, &last, &newest)
}

/// `x W^T + b` over the last of three axes.
fn linear(builder: &mut Builder, layer: &Linear, x: &str) -> Name {
    let weight = transposed(&layer.weight.values, layer.inputs);
    let weight = builder.weights(&layer.weight.name, &[layer.inputs, layer.outputs], &weight);
    let product = builder.node("MatMul", &[x, &weight], &[]);
    match &layer.bias {
        Some(bias) => {
            let bias = builder.weights(&bias.name, &[layer.outputs], &bias.values);
            builder.node("Add", &[&product, &bias], &[])
        }
        None => product,
    }
}
