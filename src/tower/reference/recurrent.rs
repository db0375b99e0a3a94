//! RNN, GRU and LSTM, one step after the other, with all that ONNX lets them be.

use super::call::{Call, Result};
use super::matrix::transposed;
use super::unary::sigmoid;
use crate::tower::array::Array;

type Activation = Box<dyn Fn(f64) -> f64>;

/// The activations of one direction, in ONNX's order, with their alphas and betas.
fn activations(call: &Call<'_>, direction: usize, count: usize, defaults: &[&'static str]) -> Result<Vec<Activation>> {
    let attributes = call.attributes();
    let names: Vec<&str> = attributes.texts("activations").collect();
    let mut alphas = attributes.floats("activation_alpha").iter();
    let mut betas = attributes.floats("activation_beta").iter();
    let mut all = Vec::new();
    for n in 0..(direction + 1) * count {
        let name = names.get(n).or_else(|| names.get(n % count)).copied().unwrap_or(defaults[n % count]);
        // Alphas and betas are listed for those activations that take them.
        let (alpha, beta) = match name.to_ascii_lowercase().as_str() {
            "affine" => (Some(1.0), Some(0.0)),
            "leakyrelu" => (Some(0.01), None),
            "thresholdedrelu" | "elu" => (Some(1.0), None),
            "scaledtanh" => (Some(1.0), Some(1.0)),
            "hardsigmoid" => (Some(0.2), Some(0.5)),
            _ => (None, None),
        };
        let next = |default: Option<f32>, given: &mut std::slice::Iter<'_, f32>| {
            f64::from(default.map_or(0.0, |default| given.next().copied().unwrap_or(default)))
        };
        all.push(activation(name, next(alpha, &mut alphas), next(beta, &mut betas))?);
    }
    Ok(all.split_off(direction * count))
}

/// An activation by its name. `alpha` and `beta` are what ONNX calls so.
pub(super) fn activation(name: &str, alpha: f64, beta: f64) -> Result<Activation> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "sigmoid" => Box::new(sigmoid),
        "tanh" => Box::new(f64::tanh),
        "relu" => Box::new(|x| if x < 0.0 { 0.0 } else { x }),
        "affine" => Box::new(move |x| alpha * x + beta),
        "leakyrelu" => Box::new(move |x| if x < 0.0 { alpha * x } else { x }),
        "thresholdedrelu" => Box::new(move |x| if x > alpha { x } else { 0.0 }),
        "scaledtanh" => Box::new(move |x| alpha * (beta * x).tanh()),
        "hardsigmoid" => Box::new(move |x| (alpha * x + beta).clamp(0.0, 1.0)),
        "elu" => Box::new(move |x| if x < 0.0 { alpha * x.exp_m1() } else { x }),
        "softsign" => Box::new(|x| x / (1.0 + x.abs())),
        "softplus" => Box::new(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        _ => return Err(format!("the activation {name:?}")),
    })
}

/// The weights of one direction: those for the input and for the state transposed, so that a step's gates lie side by side.
struct Layer {
    input: Vec<f64>,
    state: Vec<f64>,
    bias_input: Vec<f64>,
    bias_state: Vec<f64>,
    peepholes: Vec<f64>,
    width: usize,
    hidden: usize,
    gates: usize,
}

impl Layer {
    fn of(call: &Call<'_>, direction: usize, gates: usize) -> Result<Self> {
        let (w, r) = (call.input(1)?, call.input(2)?);
        let (&[_, rows, width], &[_, _, hidden]) = (w.shape.as_slice(), r.shape.as_slice()) else {
            return Err("weights of other dimensions".to_owned());
        };
        let part = |data: &[f64], size: usize| data[direction * size..(direction + 1) * size].to_vec();
        let bias = call.optional_floats(3)?.map_or_else(|| vec![0.0; 2 * rows], |bias| part(bias, 2 * rows));
        let peepholes = call.optional_floats(7)?.map_or_else(|| vec![0.0; 3 * hidden], |p| part(p, 3 * hidden));
        Ok(Self {
            input: transposed(&part(w.as_floats()?, rows * width), rows, width),
            state: transposed(&part(r.as_floats()?, rows * hidden), rows, hidden),
            bias_input: bias[..rows].to_vec(),
            bias_state: bias[rows..].to_vec(),
            peepholes,
            width,
            hidden,
            gates,
        })
    }

    /// `start + x * weights`, for the gates from `from` on.
    fn add(&self, sums: &mut [f64], x: &[f64], weights: &[f64], from: usize) {
        let rows = self.gates * self.hidden;
        for (k, &x) in x.iter().enumerate() {
            for (sum, weight) in sums.iter_mut().zip(&weights[k * rows + from..(k + 1) * rows]) {
                *sum += x * weight;
            }
        }
    }
}

/// What a step makes of the input and the state: the next state (and cell).
struct Cell {
    layer: Layer,
    f: Vec<Activation>,
    clip: f64,
    reset_after: bool,
    coupled: bool,
}

impl Cell {
    fn clipped(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { x.clamp(-self.clip, self.clip) }
    }

    fn step(&self, x: &[f64], h: &mut [f64], c: &mut [f64]) {
        let (layer, size) = (&self.layer, self.layer.hidden);
        let mut sums = layer.bias_input.clone();
        layer.add(&mut sums, x, &layer.input, 0);
        let mut from_state = layer.bias_state.clone();
        layer.add(&mut from_state, h, &layer.state, 0);
        match layer.gates {
            1 => h.iter_mut().enumerate().for_each(|(i, h)| *h = (self.f[0])(self.clipped(sums[i] + from_state[i]))),
            // Gates z, r, h.
            3 => {
                let gate = |at: usize| (self.f[0])(self.clipped(sums[at] + from_state[at]));
                let update: Vec<f64> = (0..size).map(gate).collect();
                let reset: Vec<f64> = (size..2 * size).map(gate).collect();
                let hidden: Vec<f64> = if self.reset_after {
                    (0..size).map(|i| sums[2 * size + i] + reset[i] * from_state[2 * size + i]).collect()
                } else {
                    let kept: Vec<f64> = h.iter().zip(&reset).map(|(h, r)| h * r).collect();
                    let mut part = layer.bias_state[2 * size..].to_vec();
                    layer.add(&mut part, &kept, &layer.state, 2 * size);
                    (0..size).map(|i| sums[2 * size + i] + part[i]).collect()
                };
                for i in 0..size {
                    h[i] = (1.0 - update[i]) * (self.f[1])(self.clipped(hidden[i])) + update[i] * h[i];
                }
            }
            // Gates i, o, f, c.
            _ => {
                for i in 0..size {
                    let sum = |gate: usize, cell: f64, peephole: usize| {
                        let peep = layer.peepholes.get(peephole * size + i).copied().unwrap_or(0.0);
                        self.clipped(sums[gate * size + i] + from_state[gate * size + i] + peep * cell)
                    };
                    let input = (self.f[0])(sum(0, c[i], 0));
                    let forget = if self.coupled { 1.0 - input } else { (self.f[0])(sum(2, c[i], 2)) };
                    let cell = forget * c[i] + input * (self.f[1])(sum(3, 0.0, 0));
                    let output = (self.f[0])(sum(1, cell, 1));
                    c[i] = cell;
                    h[i] = output * (self.f[2])(cell);
                }
            }
        }
    }
}

pub(super) fn recurrent(call: &Call<'_>) -> Result<Vec<Array>> {
    let (gates, defaults): (usize, &[&'static str]) = match call.operator() {
        "RNN" => (1, &["Tanh"]),
        "GRU" => (3, &["Sigmoid", "Tanh"]),
        _ => (4, &["Sigmoid", "Tanh", "Tanh"]),
    };
    let attributes = call.attributes();
    let x = call.input(0)?;
    let data = x.as_floats()?;
    let &[steps, batch, width] = x.shape.as_slice() else { return Err("expected three dimensions".to_owned()) };
    let directions = call.input(1)?.shape[0];
    let backwards = attributes.text("direction", "forward") == "reverse";
    let hidden = call.input(2)?.shape[2];
    let lengths = call.optional_integers(4)?;
    let mut all = vec![0.0; steps * directions * batch * hidden];
    let (mut last, mut cells) = (vec![0.0; directions * batch * hidden], vec![0.0; directions * batch * hidden]);
    for direction in 0..directions {
        let cell = Cell {
            layer: Layer::of(call, direction, gates)?,
            f: activations(call, direction, defaults.len(), defaults)?,
            clip: if attributes.has("clip") { attributes.float("clip", 0.0) } else { f64::INFINITY },
            reset_after: attributes.flag("linear_before_reset", false),
            coupled: attributes.flag("input_forget", false),
        };
        for row in 0..batch {
            let place = (direction * batch + row) * hidden..(direction * batch + row + 1) * hidden;
            let start = |given: Option<&[f64]>| given.map_or_else(|| vec![0.0; hidden], |given| given[place.clone()].to_vec());
            let (mut h, mut c) = (start(call.optional_floats(5)?), start(call.optional_floats(6)?));
            let length = match lengths {
                Some(lengths) => usize::try_from(lengths[row]).unwrap_or(0).min(steps),
                None => steps,
            };
            // ONNX Runtime gives zeros for a row without steps, whatever it started with.
            if length == 0 {
                continue;
            }
            for n in 0..length {
                let step = if backwards || direction == 1 { length - 1 - n } else { n };
                cell.step(&data[(step * batch + row) * width..][..cell.layer.width], &mut h, &mut c);
                all[((step * directions + direction) * batch + row) * hidden..][..hidden].copy_from_slice(&h);
            }
            last[place.clone()].copy_from_slice(&h);
            cells[place].copy_from_slice(&c);
        }
    }
    let state = vec![directions, batch, hidden];
    let results = [(vec![steps, directions, batch, hidden], all), (state.clone(), last), (state, cells)];
    Ok(results.into_iter().take(call.shapes.len()).map(|(shape, data)| Array::floats(x.dtype, shape, data)).collect())
}
