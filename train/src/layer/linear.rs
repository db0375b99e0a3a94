//! `y = x W^T + b`.

use rayon::prelude::*;
use torre_kernel::{Into, View};

use crate::dense::Dense;
use crate::loops::KERNEL;
use crate::rng::Rng;

/// Rows that a thread takes together.
const ROWS: usize = 96;

/// A linear layer: weights `[out, in]` and, mostly, a bias.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Linear {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) weight: Dense,
    pub(crate) bias: Option<Dense>,
}

impl Linear {
    /// Evenly distributed within 1 / sqrt(inputs), weights and bias.
    pub(crate) fn new(name: &str, inputs: usize, outputs: usize, rng: &mut Rng) -> Self {
        let bound = 1.0 / (inputs.max(1) as f32).sqrt();
        let weight = Dense::uniform(format!("{name}.weight"), inputs * outputs, bound, rng);
        let bias = Some(Dense::uniform(format!("{name}.bias"), outputs, bound, rng));
        Self { inputs, outputs, weight, bias }
    }

    pub(crate) fn without_bias(self) -> Self {
        Self { bias: None, ..self }
    }

    pub(crate) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let mut y = vec![0f32; x.len() / self.inputs * self.outputs];
        let weight = View::new(&self.weight.values, self.inputs).transposed();
        y.par_chunks_mut(ROWS * self.outputs).zip(x.par_chunks(ROWS * self.inputs)).for_each(|(y, x)| {
            if let Some(bias) = &self.bias {
                y.chunks_exact_mut(self.outputs).for_each(|y| y.copy_from_slice(&bias.values));
            }
            KERNEL.multiply(View::new(x, self.inputs), weight, y, self.outputs, Into::Add);
        });
        y
    }

    /// The derivatives by `x`; those by weights and bias are added up.
    pub(crate) fn backward(&mut self, x: &[f32], dy: &[f32]) -> Vec<f32> {
        self.parameters_back(x, dy);
        let mut dx = vec![0f32; x.len()];
        let weight = View::new(&self.weight.values, self.inputs);
        dx.par_chunks_mut(ROWS * self.inputs).zip(dy.par_chunks(ROWS * self.outputs)).for_each(|(dx, dy)| {
            KERNEL.multiply(View::new(dy, self.outputs), weight, dx, self.inputs, Into::Set);
        });
        dx
    }

    /// Adds up the derivatives by weights and bias.
    pub(crate) fn parameters_back(&mut self, x: &[f32], dy: &[f32]) {
        /// Outputs that a thread takes together.
        const OUTPUTS: usize = 24;
        let (inputs, outputs) = (self.inputs, self.outputs);
        self.weight.gradient.par_chunks_mut(OUTPUTS * inputs).enumerate().for_each(|(n, gradient)| {
            let from = n * OUTPUTS;
            let dy = View::new(dy, outputs).columns(from, from + gradient.len() / inputs);
            KERNEL.multiply(dy.transposed(), View::new(x, inputs), gradient, inputs, Into::Add);
        });
        if let Some(bias) = &mut self.bias {
            for dy in dy.chunks_exact(outputs) {
                bias.gradient.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
            }
        }
    }

    pub(crate) fn parameters<'a>(&'a mut self, out: &mut Vec<&'a mut Dense>) {
        out.push(&mut self.weight);
        out.extend(self.bias.as_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::differences::check;
    use crate::rng::Purpose;

    #[test]
    fn gradients() {
        for (rows, inputs, outputs) in [(1, 1, 1), (5, 7, 3), (200, 33, 50)] {
            let mut rng = Rng::new(1, Purpose::Weights, 0);
            let mut layer = Linear::new("l", inputs, outputs, &mut rng);
            let x: Vec<f32> = (0..rows * inputs).map(|_| rng.normal()).collect();
            check(
                &mut layer,
                &x,
                rows * outputs,
                |layer, x| layer.forward(x),
                |layer, x, dy| layer.backward(x, dy),
                |layer, out| layer.parameters(out),
            );
        }
    }
}
