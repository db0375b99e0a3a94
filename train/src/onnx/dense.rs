//! The graphs of dense layers.

use super::graph::{Builder, Name, Value};
use crate::layer::{LayerNorm, Linear, NORM_EPSILON};

/// `x W^T + b` of rows.
pub(super) fn linear(builder: &mut Builder, layer: &Linear, x: &str) -> Name {
    let weight = builder.weights(&layer.weight.name, &[layer.outputs, layer.inputs], &layer.weight.values);
    let bias = layer.bias.as_ref().map(|bias| builder.weights(&bias.name, &[layer.outputs], &bias.values));
    let mut inputs = vec![x, &weight];
    inputs.extend(bias.as_deref());
    builder.node("Gemm", &inputs, &[("transB", Value::Int(1))])
}

/// Layer normalisation over the last axis.
pub(super) fn normal(builder: &mut Builder, norm: &LayerNorm, x: &str) -> Name {
    let gain = builder.weights(&norm.gain.name, &[norm.width], &norm.gain.values);
    let bias = builder.weights(&norm.bias.name, &[norm.width], &norm.bias.values);
    builder.node("LayerNormalization", &[x, &gain, &bias], &[("axis", Value::Int(-1)), ("epsilon", Value::Float(NORM_EPSILON))])
}

/// Rows of `width` as columns.
pub(super) fn transposed(rows: &[f32], width: usize) -> Vec<f32> {
    (0..width).flat_map(|column| rows.iter().skip(column).step_by(width).copied()).collect()
}
