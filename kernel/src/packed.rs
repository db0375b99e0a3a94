//! A matrix that many others are multiplied with: its panels are packed once.

use super::blocked::{PANEL, Tile};
use super::kernel::Kernel;
use super::stripe::{ABREAST, Stripe};

/// Rows of the tile for what is left when the high tiles are taken.
const FEW: usize = 4;
/// A matrix of `inner` rows and `cols` columns, in panels of 32 columns, row by row.
pub struct Packed {
    inner: usize,
    cols: usize,
    panels: Vec<[f32; PANEL]>,
}

impl Packed {
    /// Packs a matrix that lies row by row, `inner x cols`.
    pub fn of_rows(matrix: &[f32], inner: usize, cols: usize) -> Self {
        assert_eq!(matrix.len(), inner * cols, "a matrix of another size");
        Self::of(inner, cols, |row, col| matrix[row * cols + col])
    }

    /// Packs a matrix that lies column by column, `cols x inner`.
    pub fn of_columns(matrix: &[f32], inner: usize, cols: usize) -> Self {
        assert_eq!(matrix.len(), inner * cols, "a matrix of another size");
        Self::of(inner, cols, |row, col| matrix[col * inner + row])
    }

    fn of(inner: usize, cols: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let mut panels = vec![[0f32; PANEL]; cols.div_ceil(PANEL) * inner];
        for (panel, first) in panels.chunks_exact_mut(inner.max(1)).zip((0..).step_by(PANEL)) {
            for (row, line) in panel.iter_mut().enumerate() {
                for (value, col) in line.iter_mut().zip(first..cols) {
                    *value = at(row, col);
                }
            }
        }
        Self { inner, cols, panels }
    }

    /// Columns.
    pub fn cols(&self) -> usize {
        self.cols
    }
}

impl Kernel {
    /// Adds to each row of `out` a row of `a` (`b.inner` values each) times the matrix. The product itself is one chain of fused
    /// multiply-adds in ascending order, whatever the tiling.
    pub fn add_product(self, a: &[f32], b: &Packed, out: &mut [f32]) {
        if b.inner == 0 || b.cols == 0 || out.is_empty() {
            return;
        }
        let rows = out.len() / b.cols;
        assert!(rows * b.cols == out.len() && rows * b.inner == a.len(), "rows of another length");
        let high = self.tile_height();
        let (mut done, mut lines) = (0, Vec::new());
        while done < rows {
            // A high tile that is mostly filled costs less than several low ones.
            let (height, low) = match rows - done {
                1 => (1, false),
                left if left > 2 * FEW || high <= FEW => (high, false),
                _ => (FEW, true),
            };
            let count = height.min(rows - done);
            let (a, out) = (&a[done * b.inner..][..count * b.inner], &mut out[done * b.cols..][..count * b.cols]);
            if height == 1 {
                self.add_row(a, b, out);
            } else {
                lines.clear();
                lines.resize(height * b.inner, 0f32);
                for (lane, row) in a.chunks_exact(b.inner).enumerate() {
                    lines.chunks_exact_mut(height).zip(row).for_each(|(line, &x)| line[lane] = x);
                }
                self.add_tile(&lines, low, b, out);
            }
            done += count;
        }
    }

    fn add_tile(self, rows: &[f32], low: bool, b: &Packed, out: &mut [f32]) {
        const TALLEST: usize = 12;
        let height = rows.len() / b.inner;
        let mut sums = [[0f32; PANEL]; TALLEST];
        for (panel, first) in b.panels.chunks_exact(b.inner).zip((0..).step_by(PANEL)) {
            let tile = Tile { rows, panel, out: &mut sums[..height] };
            if low {
                self.low_tile(tile)
            } else {
                self.tile(tile)
            }
            for (out, sums) in out.chunks_exact_mut(b.cols).zip(&sums) {
                out[first..].iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
    }

    fn add_row(self, row: &[f32], b: &Packed, out: &mut [f32]) {
        let mut sums = [[0f32; PANEL]; ABREAST];
        let mut out = out.chunks_mut(PANEL);
        let stripes = b.panels.chunks(ABREAST * b.inner);
        for panels in stripes {
            if panels.len() == ABREAST * b.inner {
                self.stripe(Stripe { row, panels, out: &mut sums });
            } else {
                for (panel, sums) in panels.chunks_exact(b.inner).zip(&mut sums) {
                    self.single_tile(Tile { rows: row, panel, out: std::slice::from_mut(sums) });
                }
            }
            for (out, sums) in out.by_ref().take(panels.len() / b.inner).zip(&sums) {
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_a_packed_matrix_are_one_chain() {
        let noise = |n: usize, seed: u32| -> Vec<f32> {
            let step = |state: &mut u32| {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Some((*state >> 8) as f32 / (1 << 23) as f32 - 1.0)
            };
            std::iter::repeat_n((), n).scan(seed, |state, ()| step(state)).collect()
        };
        for (rows, cols, inner) in [
            (1, 1, 1),
            (1, 128, 5),
            (1, 200, 17),
            (2, 33, 4),
            (4, 31, 9),
            (5, 96, 32),
            (9, 40, 7),
            (13, 65, 3),
            (64, 192, 20),
            (0, 3, 2),
            (3, 4, 0),
        ] {
            let (a, b, start) = (noise(rows * inner, 1), noise(cols * inner, 2), noise(rows * cols, 3));
            let turned: Vec<f32> = (0..cols * inner).map(|at| b[at % inner * cols + at / inner]).collect();
            for (kernel, packed) in Kernel::available().into_iter().flat_map(|kernel| {
                [Packed::of_rows(&b, inner, cols), Packed::of_columns(&turned, inner, cols)].map(|packed| (kernel, packed))
            }) {
                let mut out = start.clone();
                kernel.add_product(&a, &packed, &mut out);
                for (at, found) in out.iter().enumerate() {
                    let chain = (0..inner).fold(0f32, |sum, k| a[at / cols * inner + k].mul_add(b[k * cols + at % cols], sum));
                    assert_eq!(found.to_bits(), (start[at] + chain).to_bits(), "{} {rows} x {cols} x {inner}", kernel.name());
                }
            }
        }
    }
}
