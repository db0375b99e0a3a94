//! Normalisation: of a row to length 1, and of a row's mean and deviation.

use crate::dense::Dense;
use crate::loops::dot;

/// The least length that a row is divided by.
pub(crate) const LEAST: f32 = 1e-6;
/// What is added to a row's variance.
pub(crate) const EPSILON: f32 = 1e-5;

/// Brings rows to length 1; answers their lengths before (at least [`LEAST`]).
pub(crate) fn unit(rows: &mut [f32], width: usize) -> Vec<f32> {
    rows.chunks_exact_mut(width)
        .map(|row| {
            let length = dot(row, row).sqrt().max(LEAST);
            row.iter_mut().for_each(|x| *x /= length);
            length
        })
        .collect()
}

/// Of the derivatives by rows of length 1 those by the rows before: `(d - y <y, d>) / length`.
pub(crate) fn unit_back(y: &[f32], lengths: &[f32], d: &mut [f32], width: usize) {
    for ((y, d), &length) in y.chunks_exact(width).zip(d.chunks_exact_mut(width)).zip(lengths) {
        // A row that was divided by the least length was only scaled.
        let along = if length > LEAST { dot(y, d) } else { 0.0 };
        for (d, y) in d.iter_mut().zip(y) {
            *d = (*d - along * y) / length;
        }
    }
}

/// Layer normalisation (Ba, Kiros and Hinton 2016): `gain (x - mean) / sqrt(variance + 1e-5) + bias` of every row.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct LayerNorm {
    pub(crate) width: usize,
    pub(crate) gain: Dense,
    pub(crate) bias: Dense,
}

/// What the way back needs.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct NormTrace {
    /// Rows without gain and bias.
    normal: Vec<f32>,
    /// 1 / deviation of every row.
    inverse: Vec<f32>,
}

impl LayerNorm {
    pub(crate) fn new(name: &str, width: usize) -> Self {
        Self { width, gain: Dense::constant(format!("{name}.gain"), width, 1.0), bias: Dense::constant(format!("{name}.bias"), width, 0.0) }
    }

    pub(crate) fn forward(&self, x: &[f32]) -> (Vec<f32>, NormTrace) {
        let mut trace = NormTrace { normal: x.to_vec(), inverse: Vec::with_capacity(x.len() / self.width) };
        let mut y = vec![0f32; x.len()];
        for (row, y) in trace.normal.chunks_exact_mut(self.width).zip(y.chunks_exact_mut(self.width)) {
            let mean = row.iter().sum::<f32>() / self.width as f32;
            row.iter_mut().for_each(|x| *x -= mean);
            let inverse = 1.0 / (dot(row, row) / self.width as f32 + EPSILON).sqrt();
            row.iter_mut().for_each(|x| *x *= inverse);
            for (y, ((x, gain), bias)) in y.iter_mut().zip(row.iter().zip(&self.gain.values).zip(&self.bias.values)) {
                *y = gain.mul_add(*x, *bias);
            }
            trace.inverse.push(inverse);
        }
        (y, trace)
    }

    pub(crate) fn backward(&mut self, trace: &NormTrace, dy: &[f32]) -> Vec<f32> {
        let mut dx = dy.to_vec();
        for ((row, dx), &inverse) in trace.normal.chunks_exact(self.width).zip(dx.chunks_exact_mut(self.width)).zip(&trace.inverse) {
            for (d, dx) in dx.iter_mut().enumerate() {
                self.gain.gradient[d] += *dx * row[d];
                self.bias.gradient[d] += *dx;
                *dx *= self.gain.values[d];
            }
            let mean = dx.iter().sum::<f32>() / self.width as f32;
            let along = dot(dx, row) / self.width as f32;
            for (dx, x) in dx.iter_mut().zip(row) {
                *dx = inverse * (*dx - mean - x * along);
            }
        }
        dx
    }

    pub(crate) fn parameters<'a>(&'a mut self, out: &mut Vec<&'a mut Dense>) {
        out.push(&mut self.gain);
        out.push(&mut self.bias);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::differences::check;
    use crate::rng::{Purpose, Rng};

    #[test]
    fn gradients() {
        for (rows, width) in [(1, 2), (7, 5), (20, 64)] {
            let mut rng = Rng::new(2, Purpose::Weights, 0);
            let x: Vec<f32> = (0..rows * width).map(|_| rng.normal() * 2.0).collect();
            let mut layer = LayerNorm::new("n", width);
            layer.gain.values.fill_with(|| 1.0 + 0.3 * rng.normal());
            let back = |layer: &mut LayerNorm, x: &[f32], dy: &[f32]| {
                let (_, trace) = layer.forward(x);
                layer.backward(&trace, dy)
            };
            check(&mut layer, &x, x.len(), |layer, x| layer.forward(x).0, back, |layer, out| layer.parameters(out));

            let forward = |x: &[f32]| {
                let mut y = x.to_vec();
                let lengths = unit(&mut y, width);
                (y, lengths)
            };
            let back = |_: &mut (), x: &[f32], dy: &[f32]| {
                let ((y, lengths), mut d) = (forward(x), dy.to_vec());
                unit_back(&y, &lengths, &mut d, width);
                d
            };
            check(&mut (), &x, x.len(), |(), x| forward(x).0, back, |(), _| ());
        }
    }

    #[test]
    fn a_row_of_zeros_stays_one() {
        let mut rows = vec![0.0, 0.0, 3.0, 4.0];
        let lengths = unit(&mut rows, 2);
        assert_eq!((rows, lengths), (vec![0.0, 0.0, 0.6, 0.8], vec![LEAST, 5.0]));
    }
}
