//! Arithmetic on shapes: row-major places, broadcasting.

/// Product of the dimensions; saturates.
pub(super) fn volume(shape: &[usize]) -> usize {
    shape.iter().fold(1usize, |product, &dim| product.saturating_mul(dim))
}

/// How far apart neighbours lie along each dimension.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for at in (1..shape.len()).rev() {
        strides[at - 1] = strides[at] * shape[at];
    }
    strides
}

/// For each element of `to`, row-major, its place in a tensor of shape `from` that is broadcast to it.
pub(super) fn places(from: &[usize], to: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let skip = to.len() - from.len();
    let own = strides(from);
    let steps = (0..to.len()).map(|at| if at < skip || from[at - skip] == 1 { 0 } else { own[at - skip] }).collect();
    walk(to, 0, steps)
}

/// The places that are met when each dimension of `shape` takes steps of its own, row-major, from `start`.
pub(super) fn walk(shape: &[usize], start: usize, steps: Vec<usize>) -> impl Iterator<Item = usize> + use<> {
    let count = volume(shape);
    let shape = shape.to_vec();
    let mut at = vec![0; shape.len()];
    let mut place = start;
    (0..count).map(move |_| {
        let here = place;
        for dim in (0..shape.len()).rev() {
            at[dim] += 1;
            place += steps[dim];
            if at[dim] < shape[dim] {
                break;
            }
            place -= at[dim] * steps[dim];
            at[dim] = 0;
        }
        here
    })
}

/// A shape about one dimension: how much lies before it, it, and how much lies after it.
pub(super) fn about(shape: &[usize], axis: usize) -> [usize; 3] {
    [volume(&shape[..axis]), shape[axis], volume(&shape[axis + 1..])]
}

/// The shape that broadcasting gives; `None` where two dimensions do not fit.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], at: usize| (at + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    (0..rank)
        .map(|at| match (dim(a, at), dim(b, at)) {
            (x, y) if x == y => Some(x),
            (1, x) | (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasts_and_walks() {
        assert_eq!(broadcast(&[4, 1, 3], &[2, 1]), Some(vec![4, 2, 3]));
        assert_eq!(broadcast(&[4], &[3]), None);
        assert_eq!(places(&[2, 1], &[2, 2, 3]).collect::<Vec<_>>(), [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
        assert_eq!(places(&[], &[2]).collect::<Vec<_>>(), [0, 0]);
        assert_eq!(places(&[2, 3], &[2, 3]).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(places(&[0], &[0]).count(), 0);
        assert_eq!(walk(&[3, 2], 0, vec![1, 3]).collect::<Vec<_>>(), [0, 3, 1, 4, 2, 5]);
        assert_eq!(walk(&[], 7, vec![]).collect::<Vec<_>>(), [7]);
    }
}
