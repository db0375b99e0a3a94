//! A long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000).
//!
//! `i = s(Wi x + Ui h)`, `o`, `f` alike, `g = tanh(Wg x + Ug h)`, `c' = f c + i g`, `h' = o tanh(c')`; biases left out here.

use super::steps::Steps;
use crate::dense::Dense;
use crate::layer::Linear;
use crate::loops::{KERNEL, Work, sigmoid, tanh};
use crate::rng::Rng;

/// Gates i, o, f and g stand side by side, in the order of ONNX.
const GATES: usize = 4;
/// What a step keeps of each history: the gates, the cell before, and tanh of the cell after.
const KEPT: usize = 6;

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Lstm {
    width: usize,
    pub(crate) input: Linear,
    pub(crate) state: Linear,
}

/// For each step the states before it, and what is kept of it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Trace {
    before: Vec<Vec<f32>>,
    kept: Vec<Vec<f32>>,
}

impl Lstm {
    pub(crate) fn new(name: &str, width: usize, rng: &mut Rng) -> Self {
        let mut input = Linear::new(&format!("{name}.input"), width, GATES * width, rng);
        // A cell that keeps what it has until it has learnt to forget (Jozefowicz, Zaremba and Sutskever 2015).
        if let Some(bias) = &mut input.bias {
            bias.values[2 * width..3 * width].fill(1.0);
        }
        Self { width, input, state: Linear::new(&format!("{name}.state"), width, GATES * width, rng) }
    }

    pub(crate) fn forward(&self, starts: &[usize], e: &[f32]) -> (Vec<f32>, Trace) {
        let (width, steps) = (self.width, Steps::new(starts));
        let of_input = self.input.forward(e);
        let mut h = vec![0f32; (starts.len() - 1) * width];
        let mut cells = h.clone();
        let mut trace = Trace { before: Vec::new(), kept: Vec::new() };
        for t in 0..steps.count() {
            let active = steps.active(t);
            let before = h[..active * width].to_vec();
            let of_state = self.state.forward(&before);
            let mut kept = vec![0f32; active * KEPT * width];
            let rows = steps.tokens(starts, t).zip(of_state.chunks_exact(GATES * width));
            let states = h.chunks_exact_mut(width).zip(cells.chunks_exact_mut(width)).zip(kept.chunks_exact_mut(KEPT * width));
            for ((token, u), ((h, cell), kept)) in rows.zip(states) {
                let x = &of_input[token * GATES * width..][..GATES * width];
                KERNEL.run(Work(|| forward_row(x, u, h, cell, kept)));
            }
            trace.before.push(before);
            trace.kept.push(kept);
        }
        (steps.unsorted(&h, width), trace)
    }

    pub(crate) fn backward(&mut self, starts: &[usize], e: &[f32], trace: &Trace, dy: &[f32]) -> Vec<f32> {
        let (width, steps) = (self.width, Steps::new(starts));
        let mut dh = steps.sorted(dy, width);
        let mut cells = vec![0f32; dh.len()];
        let mut of_input = vec![0f32; e.len() / width * GATES * width];
        for t in (0..steps.count()).rev() {
            let active = steps.active(t);
            let mut of_state = vec![0f32; active * GATES * width];
            let rows = steps.tokens(starts, t).zip(trace.kept[t].chunks_exact(KEPT * width));
            let states = dh.chunks_exact_mut(width).zip(cells.chunks_exact_mut(width)).zip(of_state.chunks_exact_mut(GATES * width));
            for ((token, kept), ((dh, cell), du)) in rows.zip(states) {
                KERNEL.run(Work(|| backward_row(kept, dh, cell, du)));
                of_input[token * GATES * width..][..GATES * width].copy_from_slice(du);
                dh.fill(0.0);
            }
            let more = self.state.backward(&trace.before[t], &of_state);
            dh.iter_mut().zip(more).for_each(|(dh, more)| *dh += more);
        }
        self.input.backward(e, &of_input)
    }

    pub(crate) fn parameters<'a>(&'a mut self, out: &mut Vec<&'a mut Dense>) {
        self.input.parameters(out);
        self.state.parameters(out);
    }
}

#[inline(always)]
fn forward_row(x: &[f32], u: &[f32], h: &mut [f32], cell: &mut [f32], kept: &mut [f32]) {
    let width = h.len();
    for d in 0..width {
        let i = sigmoid(x[d] + u[d]);
        let o = sigmoid(x[width + d] + u[width + d]);
        let f = sigmoid(x[2 * width + d] + u[2 * width + d]);
        let g = tanh(x[3 * width + d] + u[3 * width + d]);
        let before = cell[d];
        cell[d] = f.mul_add(before, i * g);
        let shown = tanh(cell[d]);
        h[d] = o * shown;
        for (n, value) in [i, o, f, g, before, shown].into_iter().enumerate() {
            kept[n * width + d] = value;
        }
    }
}

/// `cells` are the derivatives by the cells after; they become those by the cells before.
#[inline(always)]
fn backward_row(kept: &[f32], dh: &[f32], cells: &mut [f32], du: &mut [f32]) {
    let width = dh.len();
    for d in 0..width {
        let [i, o, f, g, before, shown] = std::array::from_fn(|n| kept[n * width + d]);
        let cell = cells[d] + dh[d] * o * (1.0 - shown * shown);
        du[d] = cell * g * i * (1.0 - i);
        du[width + d] = dh[d] * shown * o * (1.0 - o);
        du[2 * width + d] = cell * before * f * (1.0 - f);
        du[3 * width + d] = cell * i * (1.0 - g * g);
        cells[d] = cell * f;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::differences::check;
    use crate::pool::attention::tests::STARTS;
    use crate::rng::Purpose;

    #[test]
    fn gradients() {
        let mut rng = Rng::new(5, Purpose::Weights, 0);
        let mut pool = Lstm::new("p", 6, &mut rng);
        let e: Vec<f32> = (0..13 * 6).map(|_| rng.normal()).collect();
        let back = |pool: &mut Lstm, e: &[f32], dy: &[f32]| {
            let (y, trace) = pool.forward(&STARTS, e);
            assert_eq!(&y[6..12], &[0.0; 6]);
            pool.backward(&STARTS, e, &trace, dy)
        };
        check(&mut pool, &e, 30, |pool, e| pool.forward(&STARTS, e).0, back, |pool, out| pool.parameters(out));
    }
}
