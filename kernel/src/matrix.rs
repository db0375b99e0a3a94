//! Products of matrices that lie in memory as they like: rows or columns side by side. For training, where every matrix is multiplied
//! from both sides and once transposed.
//!
//! The scheme is that of `products`, without its packing: rows are read where they are, panels of 32 columns too where they stand side
//! by side. Every product is one chain of fused multiply-adds in ascending order: the same bits on every path, whatever the tiling.

use super::blocked::{PANEL, Strided};
use super::kernel::Kernel;

/// A matrix within a slice: value (r, c) stands at `r * row + c * column`.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl<'a> View<'a> {
    /// Row after row of `columns` values.
    pub fn new(data: &'a [f32], columns: usize) -> Self {
        assert!(columns > 0 && data.len().is_multiple_of(columns), "rows of another length");
        Self { data, rows: data.len() / columns, columns, row: columns, column: 1 }
    }

    /// Some neighbouring columns of it.
    #[must_use]
    pub fn columns(self, from: usize, to: usize) -> Self {
        assert!(from < to && to <= self.columns, "columns that are not there");
        let data = self.data.get(from * self.column..).unwrap_or_default();
        Self { data, columns: to - from, ..self }
    }

    /// Its first rows.
    #[must_use]
    pub fn first_rows(self, rows: usize) -> Self {
        assert!(rows <= self.rows, "rows that are not there");
        Self { rows, ..self }
    }

    /// Rows become columns.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, row: self.column, column: self.row, ..self }
    }
}

/// Where products go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Into {
    /// They replace what stands there.
    Set,
    /// They are added to it.
    Add,
}

impl Kernel {
    /// `out = a b` or `out += a b`; rows of `out` are `line` values apart, of which the first `b.columns` are written.
    pub fn multiply(self, a: View<'_>, b: View<'_>, out: &mut [f32], line: usize, into: Into) {
        assert_eq!(a.columns, b.rows, "matrices that do not fit each other");
        let (rows, columns, depth) = (a.rows, b.columns, a.columns);
        if rows == 0 || columns == 0 {
            return;
        }
        assert!(line >= columns && out.len() >= (rows - 1) * line + columns, "products of another number");
        if depth == 0 {
            if into == Into::Set {
                out.chunks_mut(line).take(rows).for_each(|out| out[..columns].fill(0.0));
            }
            return;
        }
        let mut packed = Vec::new();
        for first in (0..columns).step_by(PANEL) {
            let count = PANEL.min(columns - first);
            let whole = count == PANEL && b.column == 1 && b.data.len() >= (depth - 1) * b.row + first + PANEL;
            let (panel, panel_line) = if whole {
                (&b.data[first..], b.row)
            } else {
                pack(b, first, count, &mut packed);
                (&packed[..], PANEL)
            };
            let mut at = 0;
            for &height in self.heights() {
                while at + height <= rows {
                    let out = &mut out[at * line + first..];
                    let task = Side { rows: &a.data[at * a.row..], a, panel, panel_line, add: into == Into::Add };
                    // The last row's products may end where `out` does, before a whole panel would.
                    if count == PANEL && out.len() >= (height - 1) * line + PANEL {
                        self.side(height, task, out, line);
                    } else {
                        self.narrow(height, task, out, line, count);
                    }
                    at += height;
                }
            }
        }
    }

    /// Products of which a panel is not wanted whole.
    fn narrow(self, height: usize, side: Side<'_>, out: &mut [f32], line: usize, count: usize) {
        let mut sums = [0f32; PANEL * TALLEST];
        self.side(height, Side { add: false, ..side }, &mut sums[..height * PANEL], PANEL);
        for (out, sums) in out.chunks_mut(line).zip(sums.chunks_exact(PANEL)).take(height) {
            for (out, &sum) in out[..count].iter_mut().zip(sums) {
                *out = if side.add { *out + sum } else { sum };
            }
        }
    }

    fn side(self, height: usize, side: Side<'_>, out: &mut [f32], out_line: usize) {
        let Side { rows, a, panel, panel_line, add } = side;
        let task = Strided { rows, row: a.row, step: a.column, depth: a.columns, panel, line: panel_line, out, out_line, add };
        match height {
            12 => self.strided::<12>(task),
            8 => self.strided::<8>(task),
            6 => self.strided::<6>(task),
            4 => self.strided::<4>(task),
            2 => self.strided::<2>(task),
            _ => self.strided::<1>(task),
        }
    }
}

/// Rows of the largest tile of any path.
const TALLEST: usize = 12;

/// Some rows and a panel.
#[derive(Clone, Copy)]
struct Side<'a> {
    rows: &'a [f32],
    a: View<'a>,
    panel: &'a [f32],
    panel_line: usize,
    add: bool,
}

/// Columns of a matrix side by side, with zeros where there are fewer than a panel's.
fn pack(b: View<'_>, first: usize, count: usize, out: &mut Vec<f32>) {
    out.clear();
    out.resize(b.rows * PANEL, 0.0);
    if b.column == 1 {
        for (k, out) in out.chunks_exact_mut(PANEL).enumerate() {
            out[..count].copy_from_slice(&b.data[k * b.row + first..][..count]);
        }
        return;
    }
    for column in 0..count {
        let from = &b.data[(first + column) * b.column..];
        for (k, out) in out.chunks_exact_mut(PANEL).enumerate() {
            out[column] = from[k * b.row];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, mut state: u32) -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn every_path_and_layout_gives_the_bits_of_one_chain() {
        for (m, k, n) in [(1, 1, 1), (3, 5, 7), (12, 16, 32), (13, 17, 33), (31, 64, 64), (64, 3, 100), (25, 97, 31), (2, 0, 3), (0, 4, 5)] {
            let (a, b, before) = (noise(m * k, 1), noise(k * n, 2), noise(m * (n + 3), 3));
            for (turned_a, turned_b) in [(false, false), (true, false), (false, true), (true, true)] {
                if k * m == 0 && (turned_a || turned_b) {
                    continue;
                }
                // As it is told to lie.
                let view_a = if turned_a { View::new(&a, m).transposed() } else { View { data: &a, rows: m, columns: k, row: k, column: 1 } };
                let view_b = if turned_b { View::new(&b, k).transposed() } else { View { data: &b, rows: k, columns: n, row: n, column: 1 } };
                let value = |view: View<'_>, r: usize, c: usize| view.data[r * view.row + c * view.column];
                for kernel in Kernel::available() {
                    for into in [Into::Set, Into::Add] {
                        let mut out = before.clone();
                        kernel.multiply(view_a, view_b, &mut out, n + 3, into);
                        for (at, &out) in out.iter().enumerate() {
                            let (r, c) = (at / (n + 3), at % (n + 3));
                            let chain = || (0..k).fold(0f32, |sum, d| value(view_a, r, d).mul_add(value(view_b, d, c), sum));
                            let expected = match into {
                                _ if c >= n => before[at],
                                Into::Set => chain(),
                                Into::Add => before[at] + chain(),
                            };
                            assert_eq!(out.to_bits(), expected.to_bits(), "{} {m} x {k} x {n} at {r}, {c}", kernel.name());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn some_columns_of_a_matrix() {
        let (a, b) = (noise(6 * 10, 4), noise(3 * 2, 5));
        for kernel in Kernel::available() {
            let (mut part, mut whole) = (vec![0.0; 12], vec![0.0; 12]);
            kernel.multiply(View::new(&a, 10).columns(4, 7), View::new(&b, 2), &mut part, 2, Into::Set);
            let copied: Vec<f32> = a.chunks(10).flat_map(|row| row[4..7].to_vec()).collect();
            kernel.multiply(View::new(&copied, 3), View::new(&b, 2), &mut whole, 2, Into::Set);
            assert_eq!(part, whole);
        }
    }
}
