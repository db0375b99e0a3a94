//! A dense tensor of parameters: weights and biases, all of which every step moves.

use crate::loops::KERNEL;
use crate::optimizer::{Move, Rule, Step};
use crate::rng::Rng;

/// Parameters with their gradient and what the rule remembers.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Dense {
    pub(crate) name: String,
    pub(crate) values: Vec<f32>,
    pub(crate) gradient: Vec<f32>,
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

impl Dense {
    /// All of one value.
    pub(crate) fn constant(name: impl Into<String>, len: usize, value: f32) -> Self {
        let zeros = vec![0.0; len];
        Self { name: name.into(), values: vec![value; len], gradient: zeros.clone(), first: zeros.clone(), second: zeros }
    }

    /// Evenly from -bound to bound.
    pub(crate) fn uniform(name: impl Into<String>, len: usize, bound: f32, rng: &mut Rng) -> Self {
        let mut dense = Self::constant(name, len, 0.0);
        dense.values.fill_with(|| (2.0 * rng.uniform() - 1.0) * bound);
        dense
    }

    /// Moves the parameters and empties the gradient. Dense tensors know one rule: Adam.
    pub(crate) fn apply(&mut self, step: Step) {
        let step = Step { rule: Rule::Adam, ..step };
        let Self { values, gradient, first, second, .. } = self;
        KERNEL.run(Move { step, values, first, second, gradient });
        self.gradient.fill(0.0);
    }
}
