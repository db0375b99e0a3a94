//! RNN, GRU and LSTM: the products with the input for many steps at once, then step by step those with the state, for all rows together.

use tract_onnx::pb;

use super::activation::activations;
use super::view::{KERNEL, View, Views};
use crate::kernel::{Curve, Packed};
use crate::tower::attributes::Attributes;

/// Rows of products with the input that are made at once: enough to fill tiles, few enough to stay in the cache.
const ROWS: usize = 96;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rnn,
    /// With the reset gate behind the product with the state, or before it.
    Gru {
        reset_after: bool,
    },
    /// With a forget gate of its own, or one that is what the input gate leaves.
    Lstm {
        coupled: bool,
    },
}

/// A layer with its weights packed.
pub(in crate::tower) struct Recurrent {
    kind: Kind,
    hidden: usize,
    width: usize,
    reverse: bool,
    clip: f32,
    directions: Vec<Direction>,
}

/// The weights of one direction. A row of sums holds the gates side by side, `hidden` each, in ONNX's order.
struct Direction {
    input: Packed,
    /// Without the last gate of a GRU that resets before the product.
    state: Packed,
    /// That gate's.
    last: Option<Packed>,
    /// What a row of sums starts with.
    bias: Vec<f32>,
    /// What the last gate's product with the state starts with, in a GRU that resets behind it.
    state_bias: Vec<f32>,
    /// Of the input, output and forget gates, each `hidden` long; empty where there are none.
    peepholes: Vec<f32>,
    curves: Vec<Curve>,
}

/// Room for one step of all rows.
#[derive(Default)]
struct Room {
    from_state: Vec<f32>,
    kept: Vec<f32>,
    part: Vec<f32>,
}

impl Recurrent {
    /// Packs the weights of a node whose weights are constant. Sequence lengths are left to the reference.
    pub(super) fn of(node: &pb::NodeProto, constant: &[bool], inputs: &Views<'_>) -> Option<Self> {
        let input = |place: usize| inputs.get(place).copied().flatten();
        let packs = |place: usize| input(place).is_none() || constant.get(place).copied().unwrap_or(false);
        if !packs(1) || !packs(2) || !packs(3) || !packs(7) || node.input.get(4).is_some_and(|name| !name.is_empty()) {
            return None;
        }
        let attributes = Attributes(node);
        let (kind, gates, defaults): (Kind, usize, &[&'static str]) = match node.op_type.as_str() {
            "RNN" => (Kind::Rnn, 1, &["Tanh"]),
            "GRU" => (Kind::Gru { reset_after: attributes.flag("linear_before_reset", false) }, 3, &["Sigmoid", "Tanh"]),
            _ => (Kind::Lstm { coupled: attributes.flag("input_forget", false) }, 4, &["Sigmoid", "Tanh", "Tanh"]),
        };
        let (w, r) = (input(1)?, input(2)?);
        let (&[count, rows, width], &[_, _, hidden]) = (w.shape, r.shape) else { return None };
        if rows != gates * hidden || rows == 0 || width == 0 {
            return None;
        }
        let curves = activations(node, count, defaults)?;
        let directions = curves.into_iter().enumerate().map(|(at, curves)| {
            let part = |view: View<'_>, size: usize| view.data.get(at * size..(at + 1) * size).map(<[f32]>::to_vec);
            let biases = input(3).map_or_else(|| Some(vec![0.0; 2 * rows]), |bias| part(bias, 2 * rows))?;
            let (of_input, of_state) = biases.split_at(rows);
            // Behind the product the last gate's bias is reset too.
            let alone = if kind == (Kind::Gru { reset_after: true }) { 2 * hidden } else { rows };
            let bias = of_input.iter().zip(of_state).enumerate().map(|(n, (a, b))| if n < alone { a + b } else { *a }).collect();
            let weights = part(r, rows * hidden)?;
            let (state, last) = match kind {
                Kind::Gru { reset_after: false } => {
                    let (gates, last) = weights.split_at(2 * hidden * hidden);
                    (Packed::of_columns(gates, hidden, 2 * hidden), Some(Packed::of_columns(last, hidden, hidden)))
                }
                _ => (Packed::of_columns(&weights, hidden, rows), None),
            };
            Some(Direction {
                input: Packed::of_columns(&part(w, rows * width)?, width, rows),
                state,
                last,
                bias,
                state_bias: of_state[alone..].to_vec(),
                peepholes: input(7).map_or_else(|| Some(Vec::new()), |peepholes| part(peepholes, 3 * hidden))?,
                curves,
            })
        });
        Some(Self {
            kind,
            hidden,
            width,
            reverse: attributes.text("direction", "forward") == "reverse",
            clip: if attributes.has("clip") { attributes.float("clip", 0.0) as f32 } else { f32::INFINITY },
            directions: directions.collect::<Option<_>>()?,
        })
    }

    /// All states `[steps, directions, rows, hidden]`, the last `[directions, rows, hidden]`, and the last cells.
    pub(super) fn run(&self, inputs: &Views<'_>, outputs: usize) -> Option<Vec<Vec<f32>>> {
        let input = |place: usize| inputs.get(place).copied().flatten();
        let x = input(0)?;
        let &[steps, rows, width] = x.shape else { return None };
        let (count, size) = (self.directions.len(), rows * self.hidden);
        if width != self.width || size == 0 {
            return None;
        }
        let start = |place: usize, at: usize| match input(place) {
            Some(view) => view.data.get(at * size..(at + 1) * size).map(<[f32]>::to_vec),
            None => Some(vec![0.0; size]),
        };
        let mut all = vec![0.0; steps * count * size];
        let (mut last, mut cells) = (Vec::with_capacity(count * size), Vec::with_capacity(count * size));
        let mut room = Room::default();
        let mut sums = Vec::new();
        for (at, direction) in self.directions.iter().enumerate() {
            let (mut h, mut c) = (start(5, at)?, start(6, at)?);
            let backwards = self.reverse || at == 1;
            let chunk = (ROWS / rows).max(1);
            let gates = direction.bias.len();
            for first in (0..steps).step_by(chunk) {
                let chunk = chunk.min(steps - first);
                let from = if backwards { steps - first - chunk } else { first };
                sums.clear();
                (0..chunk * rows).for_each(|_| sums.extend_from_slice(&direction.bias));
                KERNEL.add_product(&x.data[from * rows * width..][..chunk * rows * width], &direction.input, &mut sums);
                for n in 0..chunk {
                    let n = if backwards { chunk - 1 - n } else { n };
                    let sums = &mut sums[n * rows * gates..][..rows * gates];
                    self.step(direction, sums, (&mut h, &mut c), &mut room);
                    all[((from + n) * count + at) * size..][..size].copy_from_slice(&h);
                }
            }
            last.extend_from_slice(&h);
            cells.extend_from_slice(&c);
        }
        Some([all, last, cells].into_iter().take(outputs).collect())
    }

    /// Activates sums, clipped.
    fn activate(&self, curve: Curve, sums: &mut [f32]) {
        if self.clip < f32::INFINITY {
            // NaN stays.
            sums.iter_mut().for_each(|x| *x = x.clamp(-self.clip, self.clip));
        }
        KERNEL.curve(curve, sums);
    }

    fn step(&self, direction: &Direction, sums: &mut [f32], (h, c): (&mut [f32], &mut [f32]), room: &mut Room) {
        match self.kind {
            Kind::Rnn => {
                KERNEL.add_product(h, &direction.state, sums);
                self.activate(direction.curves[0], sums);
                h.copy_from_slice(sums);
            }
            Kind::Gru { reset_after: true } => self.reset_after(direction, sums, h, room),
            Kind::Gru { reset_after: false } => self.reset_before(direction, sums, h, room),
            Kind::Lstm { coupled } => {
                KERNEL.add_product(h, &direction.state, sums);
                let size = self.hidden;
                for ((sums, h), c) in sums.chunks_exact_mut(4 * size).zip(h.chunks_exact_mut(size)).zip(c.chunks_exact_mut(size)) {
                    self.lstm_row(direction, coupled, sums, (h, c));
                }
            }
        }
    }

    /// Gates z, r and h of a GRU.
    fn reset_after(&self, direction: &Direction, sums: &mut [f32], h: &mut [f32], room: &mut Room) {
        let size = self.hidden;
        room.from_state.clear();
        for _ in 0..h.len() / size {
            room.from_state.resize(room.from_state.len() + 2 * size, 0.0);
            room.from_state.extend_from_slice(&direction.state_bias);
        }
        KERNEL.add_product(h, &direction.state, &mut room.from_state);
        let rows = sums.chunks_exact_mut(3 * size).zip(room.from_state.chunks_exact(3 * size));
        for ((sums, from_state), h) in rows.zip(h.chunks_exact_mut(size)) {
            let (gates, new) = sums.split_at_mut(2 * size);
            gates.iter_mut().zip(from_state).for_each(|(sum, from_state)| *sum += from_state);
            self.activate(direction.curves[0], gates);
            let (update, reset) = gates.split_at(size);
            new.iter_mut().zip(reset).zip(&from_state[2 * size..]).for_each(|((new, reset), state)| *new += reset * state);
            self.activate(direction.curves[1], new);
            mix(update, new, h);
        }
    }

    fn reset_before(&self, direction: &Direction, sums: &mut [f32], h: &mut [f32], room: &mut Room) {
        let (size, rows) = (self.hidden, h.len() / self.hidden);
        let Some(last) = &direction.last else { return };
        room.from_state.clear();
        room.from_state.resize(2 * size * rows, 0.0);
        KERNEL.add_product(h, &direction.state, &mut room.from_state);
        room.kept.clear();
        for ((sums, from_state), h) in sums.chunks_exact_mut(3 * size).zip(room.from_state.chunks_exact(2 * size)).zip(h.chunks_exact(size))
        {
            let gates = &mut sums[..2 * size];
            gates.iter_mut().zip(from_state).for_each(|(sum, from_state)| *sum += from_state);
            self.activate(direction.curves[0], gates);
            room.kept.extend(gates[size..].iter().zip(h).map(|(reset, h)| reset * h));
        }
        room.part.clear();
        room.part.resize(size * rows, 0.0);
        KERNEL.add_product(&room.kept, last, &mut room.part);
        for ((sums, part), h) in sums.chunks_exact_mut(3 * size).zip(room.part.chunks_exact(size)).zip(h.chunks_exact_mut(size)) {
            let (gates, new) = sums.split_at_mut(2 * size);
            new.iter_mut().zip(part).for_each(|(new, part)| *new += part);
            self.activate(direction.curves[1], new);
            mix(&gates[..size], new, h);
        }
    }

    /// Gates i, o, f and c of an LSTM, of one row.
    fn lstm_row(&self, direction: &Direction, coupled: bool, sums: &mut [f32], (h, c): (&mut [f32], &mut [f32])) {
        let size = self.hidden;
        let (input, rest) = sums.split_at_mut(size);
        let (output, rest) = rest.split_at_mut(size);
        let (forget, cell) = rest.split_at_mut(size);
        let peep = |gate: &mut [f32], which: usize, c: &[f32]| {
            if let Some(peepholes) = direction.peepholes.get(which * size..(which + 1) * size) {
                gate.iter_mut().zip(peepholes).zip(c).for_each(|((gate, peephole), c)| *gate += peephole * c);
            }
        };
        peep(input, 0, c);
        self.activate(direction.curves[0], input);
        if coupled {
            forget.iter_mut().zip(&*input).for_each(|(forget, input)| *forget = 1.0 - input);
        } else {
            peep(forget, 2, c);
            self.activate(direction.curves[0], forget);
        }
        self.activate(direction.curves[1], cell);
        for (((c, forget), input), cell) in c.iter_mut().zip(&*forget).zip(&*input).zip(&*cell) {
            *c = forget * *c + input * cell;
        }
        peep(output, 1, c);
        self.activate(direction.curves[0], output);
        h.copy_from_slice(c);
        KERNEL.curve(direction.curves[2], h);
        h.iter_mut().zip(&*output).for_each(|(h, output)| *h *= output);
    }
}

/// The next state of a GRU: between the new one and the old.
fn mix(update: &[f32], new: &[f32], h: &mut [f32]) {
    for ((h, update), new) in h.iter_mut().zip(update).zip(new) {
        *h = (1.0 - update) * new + update * *h;
    }
}
