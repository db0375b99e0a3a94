//! Reductions along neighbouring axes, and the logarithm of a softmax.

use super::view::{KERNEL, View, Views};
use crate::kernel::Curve;
use crate::tower::attributes::Attributes;
use crate::tower::reference::axes;
use crate::tower::shape::volume;

/// What the numbers along the axes become.
#[derive(Clone, Copy)]
pub(in crate::tower) enum Reduction {
    Max,
    Min,
    LogSumExp,
    Sum,
    Mean,
    L2,
}

/// A reduction over `count` numbers that lie `inner` apart, `outer` times.
struct Span {
    outer: usize,
    count: usize,
    inner: usize,
}

impl Span {
    /// The axes of the second input or of the attribute, all without; `None` where they are not neighbours.
    fn of(attributes: Attributes<'_>, inputs: &Views<'_>) -> Option<Self> {
        let shape = inputs.first().copied().flatten()?.shape;
        let given = inputs.get(1).copied().flatten().map(|view| view.whole).or_else(|| attributes.ints("axes"));
        let axes = match given {
            Some([]) if attributes.flag("noop_with_empty_axes", false) => return None,
            None | Some([]) => (0..shape.len()).collect(),
            Some(list) => axes(list, shape.len()).ok()?,
        };
        let (first, last) = (*axes.first()?, *axes.last()?);
        let span = Self { outer: volume(&shape[..first]), count: volume(&shape[first..=last]), inner: volume(&shape[last + 1..]) };
        (last - first + 1 == axes.len() && span.outer * span.count * span.inner > 0).then_some(span)
    }
}

impl Reduction {
    /// By the operator's name.
    pub(super) fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "ReduceMax" => Self::Max,
            "ReduceMin" => Self::Min,
            "ReduceLogSumExp" => Self::LogSumExp,
            "ReduceSum" => Self::Sum,
            "ReduceMean" => Self::Mean,
            "ReduceL2" => Self::L2,
            _ => return None,
        })
    }

    pub(super) fn run(self, attributes: Attributes<'_>, inputs: &Views<'_>) -> Option<Vec<f32>> {
        let x = inputs.first().copied().flatten()?;
        let span = Span::of(attributes, inputs)?;
        let mut out = Vec::with_capacity(span.outer * span.inner);
        let mut room = Vec::new();
        for block in x.data.chunks_exact(span.count * span.inner) {
            if matches!(self, Self::Sum | Self::Mean | Self::L2) {
                self.add_up(block, span.inner, &mut out);
                continue;
            }
            let least = matches!(self, Self::Min);
            let at = out.len();
            out.extend_from_slice(&block[..span.inner]);
            for line in block.chunks_exact(span.inner).skip(1) {
                for (most, &x) in out[at..].iter_mut().zip(line) {
                    // NaN wins.
                    let wins = if least { x < *most } else { x > *most };
                    *most = if wins || x.is_nan() { x } else { *most };
                }
            }
            if matches!(self, Self::LogSumExp) {
                log_sum_exp(block, &mut out[at..], &mut room);
            }
        }
        Some(out)
    }
}

impl Reduction {
    /// Appends the columns' sums, added up in f64.
    fn add_up(self, block: &[f32], inner: usize, out: &mut Vec<f32>) {
        let squares = matches!(self, Self::L2);
        let term = |x: &f32| if squares { f64::from(*x) * f64::from(*x) } else { f64::from(*x) };
        let count = (block.len() / inner) as f64;
        let finish = |sum: f64| match self {
            Self::Mean => (sum / count) as f32,
            Self::L2 => sum.sqrt() as f32,
            _ => sum as f32,
        };
        if inner == 1 {
            // Sums side by side, for one alone waits for each addition.
            let (fours, rest) = block.as_chunks::<4>();
            let mut sums = [0f64; 4];
            for four in fours {
                sums.iter_mut().zip(four).for_each(|(sum, x)| *sum += term(x));
            }
            let rest: f64 = rest.iter().map(term).sum();
            out.push(finish((sums[0] + sums[1]) + (sums[2] + sums[3]) + rest));
            return;
        }
        let mut sums = vec![0f64; inner];
        for line in block.chunks_exact(inner) {
            sums.iter_mut().zip(line).for_each(|(sum, x)| *sum += term(x));
        }
        out.extend(sums.into_iter().map(finish));
    }
}

/// Turns the largest numbers of a block's columns into the logarithms of their sums of exponentials.
fn log_sum_exp(block: &[f32], out: &mut [f32], room: &mut Vec<f32>) {
    room.clear();
    for line in block.chunks_exact(out.len()) {
        // A column of one infinity is that infinity.
        room.extend(line.iter().zip(&*out).map(|(x, most)| if most.is_infinite() { 0.0 } else { x - most }));
    }
    KERNEL.curve(Curve::Exp, room);
    let (sums, lines) = room.split_at_mut(out.len());
    for line in lines.chunks_exact(out.len()) {
        sums.iter_mut().zip(line).for_each(|(sum, x)| *sum += x);
    }
    for (most, sum) in out.iter_mut().zip(sums).filter(|(most, _)| !most.is_infinite()) {
        *most += sum.ln();
    }
}

/// LogSoftmax along the last dimension.
pub(super) fn log_softmax(x: View<'_>) -> Option<Vec<f32>> {
    let width = *x.shape.last().filter(|&&width| width > 0)?;
    let mut out = Vec::with_capacity(x.data.len());
    let mut room = Vec::new();
    for row in x.data.chunks_exact(width) {
        let most = row.iter().copied().fold(f32::NEG_INFINITY, |most, x| if x > most || x.is_nan() { x } else { most });
        room.clear();
        room.extend(row.iter().map(|x| x - most));
        KERNEL.curve(Curve::Exp, &mut room);
        let total = room.iter().sum::<f32>().ln();
        out.extend(row.iter().map(|x| (x - most) - total));
    }
    Some(out)
}
