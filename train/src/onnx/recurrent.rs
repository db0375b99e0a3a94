//! The graphs of recurrent pools: the layer runs over all places, and the state at the newest one is taken.

use super::graph::{Builder, Name, Value};
use super::places::{Places, weighted_sum};
use crate::layer::Linear;
use crate::pool::{Gru, Lstm};

/// ONNX has the gates of a GRU in the order z, r, h, as they are here.
pub(super) fn gru(builder: &mut Builder, pool: &Gru, e: &str, places: &Places) -> Name {
    let gates = layer(builder, &pool.input, &pool.state);
    let hidden = Value::Int(pool.input.inputs as i64);
    let attributes = [("hidden_size", hidden), ("linear_before_reset", Value::Int(1))];
    newest(builder, "GRU", &gates, &attributes, e, places)
}

/// The gates of an LSTM in the order i, o, f, c, as they are here.
pub(super) fn lstm(builder: &mut Builder, pool: &Lstm, e: &str, places: &Places) -> Name {
    let gates = layer(builder, &pool.input, &pool.state);
    newest(builder, "LSTM", &gates, &[("hidden_size", Value::Int(pool.input.inputs as i64))], e, places)
}

/// W, R and B.
fn layer(builder: &mut Builder, input: &Linear, state: &Linear) -> [Name; 3] {
    let weights = |builder: &mut Builder, layer: &Linear| {
        builder.weights(&layer.weight.name, &[1, layer.outputs, layer.inputs], &layer.weight.values)
    };
    let biases = [input, state].into_iter().flat_map(|layer| layer.bias.iter().flat_map(|bias| bias.values.iter().copied()));
    let biases: Vec<f32> = biases.collect();
    [weights(builder, input), weights(builder, state), builder.weights("pool.biases", &[1, biases.len()], &biases)]
}

fn newest(builder: &mut Builder, operator: &str, gates: &[Name; 3], attributes: &[(&str, Value)], e: &str, places: &Places) -> Name {
    let by_place = builder.node("Transpose", &[e], &[("perm", Value::Ints(vec![1, 0, 2]))]);
    let [w, r, b] = gates;
    // [L, 1, N, width]
    let states = builder.node(operator, &[&by_place, w, r, b], attributes);
    let direction = builder.integers(&[1]);
    let states = builder.node("Squeeze", &[&states, &direction], &[]);
    let states = builder.node("Transpose", &[&states], &[("perm", Value::Ints(vec![1, 0, 2]))]);
    let newest = places.newest(builder);
    weighted_sum(builder, &states, &newest)
}
