//! A gated recurrent unit (Cho and others 2014, in the form of cuDNN and PyTorch: the reset gate works on the product with the state).
//!
//! `z = s(Wz x + Uz h)`, `r = s(Wr x + Ur h)`, `n = tanh(Wn x + r (Un h + c))`, `h' = (1 - z) n + z h`; biases left out here.

use super::steps::Steps;
use crate::dense::Dense;
use crate::layer::Linear;
use crate::loops::{KERNEL, Work, sigmoid, tanh};
use crate::rng::Rng;

/// Gates z, r and n stand side by side in the outputs of both layers.
const GATES: usize = 3;

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Gru {
    width: usize,
    pub(crate) input: Linear,
    pub(crate) state: Linear,
}

/// For each step the states before it, and z, r, n and `Un h + c` of each history, side by side.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Trace {
    before: Vec<Vec<f32>>,
    gates: Vec<Vec<f32>>,
}

impl Gru {
    pub(crate) fn new(name: &str, width: usize, rng: &mut Rng) -> Self {
        let input = Linear::new(&format!("{name}.input"), width, GATES * width, rng);
        Self { width, input, state: Linear::new(&format!("{name}.state"), width, GATES * width, rng) }
    }

    pub(crate) fn forward(&self, starts: &[usize], e: &[f32]) -> (Vec<f32>, Trace) {
        let (width, steps) = (self.width, Steps::new(starts));
        let of_input = self.input.forward(e);
        let mut h = vec![0f32; (starts.len() - 1) * width];
        let mut trace = Trace { before: Vec::new(), gates: Vec::new() };
        for t in 0..steps.count() {
            let active = steps.active(t);
            let before = h[..active * width].to_vec();
            let of_state = self.state.forward(&before);
            let mut gates = vec![0f32; active * 4 * width];
            let rows = steps.tokens(starts, t).zip(of_state.chunks_exact(GATES * width));
            let out = h.chunks_exact_mut(width).zip(gates.chunks_exact_mut(4 * width));
            for ((token, u), (h, gates)) in rows.zip(out) {
                let x = &of_input[token * GATES * width..][..GATES * width];
                KERNEL.run(Work(|| forward_row(x, u, h, gates)));
            }
            trace.before.push(before);
            trace.gates.push(gates);
        }
        (steps.unsorted(&h, width), trace)
    }

    pub(crate) fn backward(&mut self, starts: &[usize], e: &[f32], trace: &Trace, dy: &[f32]) -> Vec<f32> {
        let (width, steps) = (self.width, Steps::new(starts));
        let mut dh = steps.sorted(dy, width);
        let mut of_input = vec![0f32; e.len() / width * GATES * width];
        for t in (0..steps.count()).rev() {
            let active = steps.active(t);
            let mut of_state = vec![0f32; active * GATES * width];
            let rows = steps.tokens(starts, t).zip(trace.gates[t].chunks_exact(4 * width)).zip(trace.before[t].chunks_exact(width));
            let out = dh.chunks_exact_mut(width).zip(of_state.chunks_exact_mut(GATES * width));
            for (((token, gates), before), (dh, du)) in rows.zip(out) {
                let dx = &mut of_input[token * GATES * width..][..GATES * width];
                KERNEL.run(Work(|| backward_row(gates, before, dh, dx, du)));
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
fn forward_row(x: &[f32], u: &[f32], h: &mut [f32], gates: &mut [f32]) {
    let width = h.len();
    for d in 0..width {
        let z = sigmoid(x[d] + u[d]);
        let r = sigmoid(x[width + d] + u[width + d]);
        let n = tanh(r.mul_add(u[2 * width + d], x[2 * width + d]));
        h[d] = z.mul_add(h[d] - n, n);
        (gates[d], gates[width + d], gates[2 * width + d], gates[3 * width + d]) = (z, r, n, u[2 * width + d]);
    }
}

/// `dh` becomes what goes straight on to the state before.
#[inline(always)]
fn backward_row(gates: &[f32], before: &[f32], dh: &mut [f32], dx: &mut [f32], du: &mut [f32]) {
    let width = dh.len();
    for d in 0..width {
        let (z, r, n, un) = (gates[d], gates[width + d], gates[2 * width + d], gates[3 * width + d]);
        let dz = dh[d] * (before[d] - n) * z * (1.0 - z);
        let dn = dh[d] * (1.0 - z) * (1.0 - n * n);
        let dr = dn * un * r * (1.0 - r);
        dh[d] *= z;
        (dx[d], dx[width + d], dx[2 * width + d]) = (dz, dr, dn);
        (du[d], du[width + d], du[2 * width + d]) = (dz, dr, dn * r);
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
        let mut pool = Gru::new("p", 6, &mut rng);
        let e: Vec<f32> = (0..13 * 6).map(|_| rng.normal()).collect();
        let back = |pool: &mut Gru, e: &[f32], dy: &[f32]| {
            let (y, trace) = pool.forward(&STARTS, e);
            assert_eq!(&y[6..12], &[0.0; 6]);
            pool.backward(&STARTS, e, &trace, dy)
        };
        check(&mut pool, &e, 30, |pool, e| pool.forward(&STARTS, e).0, back, |pool, out| pool.parameters(out));
    }
}
