//! Inner products of many rows with many: `out = a b^T`. Rows of `b` are packed into panels of 32, dimension by dimension, which stay in
//! the first cache while tiles of a few rows of `a` go past (the scheme of Goto and van de Geijn, "Anatomy of High-Performance Matrix
//! Multiplication", without its outer levels: callers bring blocks that fit the second cache).
//!
//! Every product is one chain of fused multiply-adds in ascending dimension: the same bits on every path, whatever the tiling.

use super::blocked::{PANEL, Tile};
use super::kernel::Kernel;

/// Rows of the largest tile of any path.
const TALLEST: usize = 12;

impl Kernel {
    /// `out[i * cols + j] = <row i of a, row j of b>` where rows have `dim` values and `cols` is the number of b's rows.
    pub fn products(self, a: &[f32], b: &[f32], dim: usize, out: &mut [f32]) {
        assert!(dim > 0 && a.len().is_multiple_of(dim) && b.len().is_multiple_of(dim), "rows of another length");
        let (rows, cols) = (a.len() / dim, b.len() / dim);
        assert_eq!(out.len(), rows * cols, "products of another number");
        if out.is_empty() {
            return;
        }
        let height = self.tile_height();
        let mut tiles = vec![0f32; rows.div_ceil(height) * height * dim];
        for (rows, tile) in a.chunks(height * dim).zip(tiles.chunks_exact_mut(height * dim)) {
            transpose(rows, dim, height, tile);
        }
        let mut panel = vec![[0f32; PANEL]; dim];
        let mut sums = [[0f32; PANEL]; TALLEST];
        for (packed, first) in b.chunks(PANEL * dim).zip((0..).step_by(PANEL)) {
            let count = packed.len() / dim;
            transpose(packed, dim, PANEL, panel.as_flattened_mut());
            for (rows, out) in tiles.chunks_exact(height * dim).zip(out.chunks_mut(height * cols)) {
                self.tile(Tile { rows, panel: &panel, out: &mut sums[..height] });
                for (out, sums) in out.chunks_exact_mut(cols).zip(&sums) {
                    out[first..][..count].copy_from_slice(&sums[..count]);
                }
            }
        }
    }
}

/// Puts value `d` of row `r` at `out[d * lanes + r]`, and zeros where there are fewer rows.
fn transpose(rows: &[f32], dim: usize, lanes: usize, out: &mut [f32]) {
    if rows.len() < lanes * dim {
        out.fill(0.0);
    }
    for (lane, row) in rows.chunks_exact(dim).enumerate() {
        for (out, &x) in out.chunks_exact_mut(lanes).zip(row) {
            out[lane] = x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_gives_the_bits_of_one_chain() {
        let noise = |n: usize, seed: u32| -> Vec<f32> {
            let mut state = seed;
            (0..n)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / (1 << 23) as f32 - 1.0
                })
                .collect()
        };
        for (rows, cols, dim) in [(0, 3, 4), (1, 1, 1), (3, 5, 7), (12, 32, 16), (13, 33, 17), (64, 31, 100), (25, 97, 3)] {
            let (a, b) = (noise(rows * dim, 1), noise(cols * dim, 2));
            for kernel in Kernel::available() {
                let mut out = vec![f32::NAN; rows * cols];
                kernel.products(&a, &b, dim, &mut out);
                for (at, product) in out.iter().enumerate() {
                    let (x, y) = (&a[at / cols * dim..][..dim], &b[at % cols * dim..][..dim]);
                    let chain = x.iter().zip(y).fold(0f32, |sum, (x, y)| x.mul_add(*y, sum));
                    assert_eq!(product.to_bits(), chain.to_bits(), "{} {rows} x {cols} x {dim}", kernel.name());
                }
            }
        }
    }
}
