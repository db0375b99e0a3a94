//! Einsum of two tensors as a batch of matrix products.

use super::view::{KERNEL, View, Views};
use crate::tower::reference::Equation;
use crate::tower::shape::{strides, volume, walk};

/// Letters by what becomes of them.
pub(in crate::tower) struct Einsum {
    left: Vec<u8>,
    right: Vec<u8>,
    output: Vec<u8>,
    /// In both inputs and in the output.
    shared: Vec<u8>,
    /// In both inputs alone.
    summed: Vec<u8>,
}

impl Einsum {
    /// `None` for equations of another form: one input or three, a letter twice, a sum over one input alone.
    pub(super) fn of(equation: &str) -> Option<Self> {
        let equation = Equation::parse(equation).ok()?;
        let [left, right] = equation.inputs.as_slice() else { return None };
        let once = |letters: &[u8]| letters.iter().enumerate().all(|(at, letter)| !letters[..at].contains(letter));
        let output = equation.output.clone();
        let shared = left.iter().copied().filter(|l| right.contains(l) && output.contains(l)).collect();
        let summed = left.iter().copied().filter(|l| right.contains(l) && !output.contains(l)).collect();
        let alone = |a: &[u8], b: &[u8]| a.iter().all(|letter| b.contains(letter) || output.contains(letter));
        let plain = once(left) && once(right) && alone(left, right) && alone(right, left);
        plain.then(|| Self { left: left.clone(), right: right.clone(), output, shared, summed })
    }

    pub(super) fn run(&self, inputs: &Views<'_>, shape: &[usize]) -> Option<Vec<f32>> {
        let (left, right) = (inputs.first().copied().flatten()?, inputs.get(1).copied().flatten()?);
        let size = |letter: &u8| {
            let of = |letters: &[u8], view: View<'_>| letters.iter().position(|l| l == letter).and_then(|at| view.shape.get(at).copied());
            of(&self.left, left).into_iter().chain(of(&self.right, right)).max()
        };
        let sizes = |letters: &[u8]| letters.iter().map(size).collect::<Option<Vec<usize>>>();
        let free = |letters: &[u8], other: &[u8]| letters.iter().copied().filter(|l| !other.contains(l)).collect::<Vec<u8>>();
        let (rows, columns) = (free(&self.left, &self.right), free(&self.right, &self.left));
        let gather = |view: View<'_>, letters: &[u8], free: &[u8]| -> Option<Vec<f32>> {
            let order = [&self.shared, free, &self.summed].concat();
            let whole = sizes(letters)?;
            if whole != view.shape {
                return None;
            }
            let steps = strides(view.shape);
            let steps = order.iter().map(|l| letters.iter().position(|m| m == l).map(|at| steps[at])).collect::<Option<Vec<_>>>()?;
            Some(walk(&sizes(&order)?, 0, steps).map(|at| view.data[at]).collect())
        };
        let (a, b) = (gather(left, &self.left, &rows)?, gather(right, &self.right, &columns)?);
        let (batch, dim) = (volume(&sizes(&self.shared)?), volume(&sizes(&self.summed)?));
        let (rows_count, columns_count) = (volume(&sizes(&rows)?), volume(&sizes(&columns)?));
        if batch * dim * rows_count * columns_count == 0 {
            return None;
        }
        let mut products = vec![0f32; batch * rows_count * columns_count];
        for (n, out) in products.chunks_exact_mut(rows_count * columns_count).enumerate() {
            let (a, b) = (&a[n * rows_count * dim..][..rows_count * dim], &b[n * columns_count * dim..][..columns_count * dim]);
            KERNEL.products(a, b, dim, out);
        }
        // The products lie by shared letters, rows, columns; the output has its own order.
        let order = [self.shared.as_slice(), &rows, &columns].concat();
        let steps = strides(&sizes(&order)?);
        let steps = self.output.iter().map(|l| order.iter().position(|m| m == l).map(|at| steps[at])).collect::<Option<Vec<_>>>()?;
        Some(walk(shape, 0, steps).map(|at| products[at]).collect())
    }
}
