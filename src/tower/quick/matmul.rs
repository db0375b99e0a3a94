//! Products of many small matrices that come out of the graph: the scores and sums of attention written out.

use super::view::{KERNEL, Views};
use crate::kernel::Packed;
use crate::tower::shape::{places, volume};

/// `[.., rows, inner]` times `[.., inner, columns]`, the leading dimensions broadcast.
pub(super) fn run(inputs: &Views<'_>, shape: &[usize]) -> Option<Vec<f32>> {
    let (a, b) = (inputs.first().copied().flatten()?, inputs.get(1).copied().flatten()?);
    let ([a_outer @ .., rows, inner], [b_outer @ .., _, columns]) = (a.shape, b.shape) else { return None };
    let (rows, inner, columns) = (*rows, *inner, *columns);
    let outer = shape.get(..shape.len().checked_sub(2)?)?;
    let mut out = vec![0f32; volume(shape)];
    if out.is_empty() || inner == 0 {
        return Some(out);
    }
    // Neighbours often share a right side, as where it is broadcast.
    let mut packed: Option<(usize, Packed)> = None;
    for ((out, a_at), b_at) in out.chunks_exact_mut(rows * columns).zip(places(a_outer, outer)).zip(places(b_outer, outer)) {
        if packed.as_ref().is_none_or(|(at, _)| *at != b_at) {
            packed = Some((b_at, Packed::of_rows(&b.data[b_at * inner * columns..][..inner * columns], inner, columns)));
        }
        if let Some((_, packed)) = &packed {
            KERNEL.add_product(&a.data[a_at * rows * inner..][..rows * inner], packed, out);
        }
    }
    Some(out)
}
