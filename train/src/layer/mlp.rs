//! Linear layers one after another, with normalisation, ReLU and dropout between them.

use super::{Dropout, LayerNorm, Linear, NormTrace};
use crate::dense::Dense;
use crate::rng::Rng;

/// How a perceptron is built.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct MlpShape<'a> {
    pub(crate) inputs: usize,
    pub(crate) hidden: &'a [usize],
    pub(crate) outputs: usize,
    pub(crate) layer_norm: bool,
    pub(crate) dropout: f32,
}

/// A perceptron: every hidden layer is linear, normalised where wanted, ReLU, dropout; the last is linear.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Mlp {
    pub(crate) hidden: Vec<(Linear, Option<LayerNorm>)>,
    pub(crate) last: Linear,
    dropout: f32,
}

/// What the way back needs.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct MlpTrace {
    layers: Vec<LayerTrace>,
    input: Vec<f32>,
}

#[derive(Clone, PartialEq, Debug)]
struct LayerTrace {
    input: Vec<f32>,
    norm: NormTrace,
    /// After the ReLU, before dropout.
    active: Vec<bool>,
    dropout: Dropout,
}

impl Mlp {
    pub(crate) fn new(name: &str, shape: &MlpShape<'_>, rng: &mut Rng) -> Self {
        let mut inputs = shape.inputs;
        let mut hidden = Vec::new();
        for (n, &outputs) in shape.hidden.iter().enumerate() {
            let norm = shape.layer_norm.then(|| LayerNorm::new(&format!("{name}.{n}.norm"), outputs));
            hidden.push((Linear::new(&format!("{name}.{n}"), inputs, outputs, rng), norm));
            inputs = outputs;
        }
        let last = Linear::new(&format!("{name}.{}", shape.hidden.len()), inputs, shape.outputs, rng);
        Self { hidden, last, dropout: shape.dropout }
    }

    /// `rng` in training alone.
    pub(crate) fn forward(&self, x: Vec<f32>, mut rng: Option<&mut Rng>) -> (Vec<f32>, MlpTrace) {
        let mut trace = MlpTrace { layers: Vec::with_capacity(self.hidden.len()), input: x };
        for (linear, norm) in &self.hidden {
            let mut y = linear.forward(&trace.input);
            let mut normed = NormTrace::default();
            if let Some(norm) = norm {
                (y, normed) = norm.forward(&y);
            }
            let active = y.iter().map(|y| *y > 0.0).collect();
            y.iter_mut().for_each(|y| *y = y.max(0.0));
            let dropout = Dropout::forward(&mut y, self.dropout, rng.as_deref_mut());
            let input = std::mem::replace(&mut trace.input, y);
            trace.layers.push(LayerTrace { input, norm: normed, active, dropout });
        }
        (self.last.forward(&trace.input), trace)
    }

    pub(crate) fn backward(&mut self, trace: &MlpTrace, dy: &[f32]) -> Vec<f32> {
        let mut d = self.last.backward(&trace.input, dy);
        for ((linear, norm), trace) in self.hidden.iter_mut().zip(&trace.layers).rev() {
            trace.dropout.backward(&mut d);
            d.iter_mut().zip(&trace.active).for_each(|(d, active)| *d = if *active { *d } else { 0.0 });
            if let Some(norm) = norm {
                d = norm.backward(&trace.norm, &d);
            }
            d = linear.backward(&trace.input, &d);
        }
        d
    }

    pub(crate) fn parameters<'a>(&'a mut self, out: &mut Vec<&'a mut Dense>) {
        for (linear, norm) in &mut self.hidden {
            linear.parameters(out);
            if let Some(norm) = norm {
                norm.parameters(out);
            }
        }
        self.last.parameters(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::differences::check;
    use crate::rng::Purpose;

    #[test]
    fn gradients() {
        for (layer_norm, dropout, hidden) in [(false, 0.0, &[][..]), (false, 0.0, &[9]), (true, 0.3, &[16, 8])] {
            let mut rng = Rng::new(3, Purpose::Weights, 0);
            let shape = MlpShape { inputs: 6, hidden, outputs: 4, layer_norm, dropout };
            let mut layer = Mlp::new("m", &shape, &mut rng);
            let x: Vec<f32> = (0..11 * 6).map(|_| rng.normal()).collect();
            // The same numbers are dropped every time.
            let stream = || Rng::new(4, Purpose::Users, 0);
            let back = |layer: &mut Mlp, x: &[f32], dy: &[f32]| {
                let (_, trace) = layer.forward(x.to_vec(), Some(&mut stream()));
                layer.backward(&trace, dy)
            };
            check(&mut layer, &x, 44, |layer, x| layer.forward(x.to_vec(), Some(&mut stream())).0, back, |layer, out| layer.parameters(out));
        }
    }
}
