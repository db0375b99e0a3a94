//! Seeded vectors for the tests of this module.

use super::rng::Rng;
use crate::vector::Matrix;

/// Nearly normal values (the sum of four uniform ones).
fn normal(rng: &mut Rng) -> f32 {
    ((0..4).map(|_| rng.unit()).sum::<f64>() - 2.0) as f32 * 1.7
}

pub(crate) fn noise(rows: usize, dim: usize, seed: u64) -> Matrix {
    let mut rng = Rng::new(seed, 77);
    Matrix::from_vec(dim, (0..rows * dim).map(|_| normal(&mut rng)).collect()).unwrap()
}

/// Vectors around `centres` random points.
pub(crate) fn clustered(rows: usize, dim: usize, centres: usize, seed: u64) -> Matrix {
    let middle = noise(centres, dim, seed + 1000);
    let mut vectors = noise(rows, dim, seed);
    let mut rng = Rng::new(seed, 78);
    for row in 0..rows {
        let centre = rng.below(centres);
        for (x, c) in vectors.row_mut(row).iter_mut().zip(middle.row(centre)) {
            *x = 0.4 * *x + c;
        }
    }
    vectors
}

pub(crate) fn unit_length(mut vectors: Matrix) -> Matrix {
    for row in 0..vectors.rows() {
        let length = super::nearest::dot(vectors.row(row), vectors.row(row)).sqrt() as f32;
        vectors.row_mut(row).iter_mut().for_each(|x| *x /= length);
    }
    vectors
}

/// Numbers from `from` to before `to`, in ranges of these sizes in turn.
pub(crate) fn in_turn(from: usize, to: usize, sizes: &[usize]) -> impl Iterator<Item = std::ops::Range<usize>> {
    sizes.iter().cycle().scan(from, move |from, size| {
        let range = *from..(*from + size).min(to);
        *from = range.end;
        (!range.is_empty()).then_some(range)
    })
}
