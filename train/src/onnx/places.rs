//! The places of a list: lists are padded on the right, a mask says which places hold something.

use super::graph::{Builder, Name, Value};

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

    /// The same as integers, which are seen to be rows of a table.
    pub(super) fn row(&self, builder: &mut Builder, rows: usize) -> Name {
        let back = self.back(builder);
        let back = builder.node("Cast", &[&back], &[("to", Value::Int(7))]);
        let (zero, most) = (builder.integer(0), builder.integer(rows as i64 - 1));
        builder.node("Clip", &[&back, &zero, &most], &[])
    }

    /// 1.0 at the newest place of a list that has one, `[N, L]`.
    pub(super) fn newest(&self, builder: &mut Builder) -> Name {
        let places: Vec<f32> = (1..=self.length).map(|place| place as f32).collect();
        let places = builder.floats(&[1, self.length], &places);
        let newest = builder.node("Equal", &[&self.count, &places], &[]);
        builder.node("Cast", &[&newest], &[("to", Value::Int(1))])
    }

    /// How far each place is from the newest, 0 and up, `[N, L]`.
    pub(super) fn back(&self, builder: &mut Builder) -> Name {
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
