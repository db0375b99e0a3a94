//! The graphs of pools.

use super::dense::transposed;
use super::graph::{Builder, Name, Value};
use super::places::{Places, over_count, weighted_sum};
use super::{recurrent, transformer};
use crate::pool::{Attention, Pool};

/// What a pool makes of a history's embeddings `[N, L, w]`.
pub(super) fn pool(builder: &mut Builder, pool: &Pool, e: &str, places: &Places) -> Name {
    match pool {
        Pool::Mean => {
            let sum = weighted_sum(builder, e, &places.mask);
            over_count(builder, &sum, places)
        }
        Pool::Recency { half_life } => recency(builder, *half_life, e, places),
        Pool::Attention(pool) => attention(builder, pool, e, places),
        Pool::Gru(pool) => recurrent::gru(builder, pool, e, places),
        Pool::Lstm(pool) => recurrent::lstm(builder, pool, e, places),
        Pool::Transformer(pool) => transformer::transformer(builder, pool, e, places),
    }
}

fn recency(builder: &mut Builder, half_life: f32, e: &str, places: &Places) -> Name {
    let back = places.back(builder);
    let by = builder.floats(&[], &[-std::f32::consts::LN_2 / half_life]);
    let power = builder.node("Mul", &[&back, &by], &[]);
    let weights = builder.node("Exp", &[&power], &[]);
    let weights = builder.node("Mul", &[&weights, &places.mask], &[]);
    let axes = builder.integers(&[1]);
    let sum = builder.node("ReduceSum", &[&weights, &axes], &[("keepdims", Value::Int(1))]);
    // The newest weighs 1: only an empty list's sum is less.
    let one = builder.floats(&[], &[1.0]);
    let sum = builder.node("Max", &[&sum, &one], &[]);
    let weights = builder.node("Div", &[&weights, &sum], &[]);
    weighted_sum(builder, e, &weights)
}

fn attention(builder: &mut Builder, pool: &Attention, e: &str, places: &Places) -> Name {
    let (width, keys) = (pool.key.inputs, pool.key.outputs);
    let key = transposed(&pool.key.weight.values, width);
    let key = builder.weights(&pool.key.weight.name, &[width, keys], &key);
    let mut k = builder.node("MatMul", &[e, &key], &[]);
    if let Some(bias) = &pool.key.bias {
        let bias = builder.weights(&bias.name, &[keys], &bias.values);
        k = builder.node("Add", &[&k, &bias], &[]);
    }
    let k = builder.node("Tanh", &[&k], &[]);
    let value = builder.weights(&pool.value.name, &[keys, 1], &pool.value.values);
    let score = builder.node("MatMul", &[&k, &value], &[]);
    let last = builder.integers(&[2]);
    let score = builder.node("Squeeze", &[&score, &last], &[]);
    let back = places.row(builder, pool.places.values.len());
    let of_places = builder.weights(&pool.places.name, &[pool.places.values.len()], &pool.places.values);
    let of_places = builder.node("Gather", &[&of_places, &back], &[("axis", Value::Int(0))]);
    let score = builder.node("Add", &[&score, &of_places], &[]);
    let half = builder.floats(&[], &[0.5]);
    let full = builder.node("Greater", &[&places.mask, &half], &[]);
    let least = builder.floats(&[], &[-1e9]);
    let score = builder.node("Where", &[&full, &score, &least], &[]);
    let shares = builder.node("Softmax", &[&score], &[("axis", Value::Int(-1))]);
    let shares = builder.node("Mul", &[&shares, &places.mask], &[]);
    weighted_sum(builder, e, &shares)
}
