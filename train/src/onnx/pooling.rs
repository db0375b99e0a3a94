//! The graphs of pools. Lists are padded on the right here; a mask says which places hold something.

use super::graph::{Builder, Name, Value};
use crate::pool::{Attention, Pool};

/// The places of a list.
pub(super) struct Places {
    /// 1.0 where a place holds something, `[N, L]`.
    pub(super) mask: Name,
    /// How many do, `[N, 1]`.
    pub(super) count: Name,
    pub(super) length: usize,
}

impl Places {
    pub(super) fn new(builder: &mut Builder, indexes: &str, padding: i64, length: usize) -> Self {
        let padding = builder.integers(&[padding]);
        let empty = builder.node("Equal", &[indexes, &padding], &[]);
        let full = builder.node("Not", &[&empty], &[]);
        let mask = builder.node("Cast", &[&full], &[("to", Value::Int(1))]);
        let axes = builder.integers(&[1]);
        let count = builder.node("ReduceSum", &[&mask, &axes], &[("keepdims", Value::Int(1))]);
        Self { mask, count, length }
    }

    /// How far each place is from the newest, 0 and up, `[N, L]`.
    fn back(&self, builder: &mut Builder) -> Name {
        let places: Vec<f32> = (1..=self.length).map(|place| place as f32).collect();
        let places = builder.floats(&[1, self.length], &places);
        let back = builder.node("Sub", &[&self.count, &places], &[]);
        let zero = builder.floats(&[], &[0.0]);
        builder.node("Max", &[&back, &zero], &[])
    }
}

/// `[N, L, w]` times `[N, L]`, summed over the places.
pub(super) fn weighted_sum(builder: &mut Builder, e: &str, weights: &str) -> Name {
    let last = builder.integers(&[2]);
    let weights = builder.node("Unsqueeze", &[weights, &last], &[]);
    let product = builder.node("Mul", &[e, &weights], &[]);
    let axes = builder.integers(&[1]);
    builder.node("ReduceSum", &[&product, &axes], &[("keepdims", Value::Int(0))])
}

/// A sum over the number of its terms.
pub(super) fn over_count(builder: &mut Builder, sum: &str, places: &Places) -> Name {
    let one = builder.floats(&[], &[1.0]);
    let count = builder.node("Max", &[&places.count, &one], &[]);
    builder.node("Div", &[sum, &count], &[])
}

/// What a pool makes of a history's embeddings `[N, L, w]`.
pub(super) fn pool(builder: &mut Builder, pool: &Pool, e: &str, places: &Places) -> Name {
    match pool {
        Pool::Mean => {
            let sum = weighted_sum(builder, e, &places.mask);
            over_count(builder, &sum, places)
        }
        Pool::Recency { half_life } => recency(builder, *half_life, e, places),
        Pool::Attention(pool) => attention(builder, pool, e, places),
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
    let back = places.back(builder);
    let most = builder.floats(&[], &[(pool.places.values.len() - 1) as f32]);
    let back = builder.node("Min", &[&back, &most], &[]);
    let back = builder.node("Cast", &[&back], &[("to", Value::Int(7))]);
    let (zero, most) = (builder.integers(&[0]), builder.integers(&[pool.places.values.len() as i64 - 1]));
    let back = builder.node("Max", &[&back, &zero], &[]);
    let back = builder.node("Min", &[&back, &most], &[]);
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

/// Rows of `width` as columns.
pub(super) fn transposed(rows: &[f32], width: usize) -> Vec<f32> {
    (0..width).flat_map(|column| rows.iter().skip(column).step_by(width).copied()).collect()
}
