//! The inverse of a symmetric positive definite matrix.

use rayon::prelude::*;

/// Sums kept side by side, so that the additions of a product do not wait for each other.
const LANES: usize = 8;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// Replaces the lower triangle of `matrix` (n x n, row-major) by L with L Lᵀ = matrix, column after column; false where it is not positive
/// definite.
fn factor(matrix: &mut [f64], n: usize) -> bool {
    for column in 0..n {
        let (above, rest) = matrix.split_at_mut(column * n);
        let _ = above;
        let Some((row, below)) = rest.split_at_mut_checked(n) else { return false };
        let square = row[column] - dot(&row[..column], &row[..column]);
        if !(square.is_finite() && square > 0.0) {
            return false;
        }
        let diagonal = square.sqrt();
        row[column] = diagonal;
        let row = &row[..column];
        below.par_chunks_exact_mut(n).with_min_len(32).for_each(|other| {
            other[column] = (other[column] - dot(&other[..column], row)) / diagonal;
        });
    }
    true
}

/// The inverse of `matrix` (n x n, row-major, symmetric); `None` where it is not positive definite.
pub(super) fn inverse(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    if matrix.len() != n.checked_mul(n)? || !factor(&mut matrix, n) {
        return None;
    }
    // Row j of `solved` is column j of L⁻¹: forward substitution, whose first j values are 0.
    let factor = &matrix;
    let mut solved = vec![0.0; n * n];
    solved.par_chunks_exact_mut(n.max(1)).enumerate().for_each(|(column, out)| {
        out[column] = 1.0 / factor[column * n + column];
        for row in column + 1..n {
            let known = dot(&factor[row * n + column..row * n + row], &out[column..row]);
            out[row] = -known / factor[row * n + row];
        }
    });
    // matrix⁻¹ = L⁻ᵀ L⁻¹: products of the columns of L⁻¹.
    let mut inverse = vec![0.0; n * n];
    inverse.par_chunks_exact_mut(n.max(1)).enumerate().for_each(|(row, out)| {
        for (column, value) in out.iter_mut().enumerate() {
            let from = row.max(column);
            *value = dot(&solved[row * n + from..(row + 1) * n], &solved[column * n + from..(column + 1) * n]);
        }
    });
    Some(inverse)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dice::Dice;

    #[test]
    fn a_matrix_times_its_inverse_is_the_identity() {
        let mut dice = Dice::new(9);
        for n in [0, 1, 2, 7, 8, 9, 40, 65] {
            let root: Vec<f64> = (0..n * n).map(|_| dice.below(2001) as f64 / 1000.0 - 1.0).collect();
            let entry = |row: usize, column: usize| {
                let product = dot(&root[row * n..(row + 1) * n], &root[column * n..(column + 1) * n]);
                product + if row == column { 0.5 } else { 0.0 }
            };
            let matrix: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
            let inverse = inverse(matrix.clone(), n).unwrap();
            for row in 0..n {
                for column in 0..n {
                    let product: f64 = (0..n).map(|at| matrix[row * n + at] * inverse[at * n + column]).sum();
                    assert!((product - f64::from(u8::from(row == column))).abs() < 1e-8, "{n}: {row} {column} {product}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_inverse_is_refused() {
        assert_eq!(inverse(vec![1.0, 2.0, 2.0, 1.0], 2), None);
        assert_eq!(inverse(vec![0.0], 1), None);
        assert_eq!(inverse(vec![f64::NAN], 1), None);
        assert_eq!(inverse(vec![1.0; 3], 2), None);
    }
}
