//! Sixteen queries of signed bytes beside each other: products of every row with all of them are one pass over the row.

use super::line::Line;
use super::memory::Lines;

/// Queries of a tile.
pub const TILE: usize = 16;

/// Lines that a matrix unit takes at a time: 64 dimensions.
const DEPTH: usize = 16;

/// Up to [`TILE`] queries of one dimension, four dimensions a line: line `t` has dimensions 4 t .. 4 t + 3 of every query, query after
/// query. Lines beyond the last dimension, up to a multiple of 64 dimensions, and queries that were not set are zeros.
#[derive(Debug)]
pub struct QueryTile {
    pub(super) lines: Lines,
    pub(super) dim: usize,
    /// Sums of each query's values.
    pub(super) sums: [i32; TILE],
}

impl QueryTile {
    /// A tile of zeros.
    pub fn new(dim: usize) -> Self {
        Self { lines: Lines::zeros(dim.div_ceil(4).next_multiple_of(DEPTH)), dim, sums: [0; TILE] }
    }

    /// Dimensions of a query.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Puts a query of [`dim`](Self::dim) values at one of the [`TILE`] places.
    pub fn set(&mut self, place: usize, query: &[i8]) {
        assert!(place < TILE && query.len() == self.dim, "a query of another dimension");
        let (whole, rest) = query.as_chunks::<4>();
        for (line, values) in self.lines.iter_mut().zip(whole) {
            line.0[4 * place..4 * place + 4].copy_from_slice(&values.map(i8::cast_unsigned));
        }
        if let Some(line) = self.lines.get_mut(whole.len()).filter(|_| !rest.is_empty()) {
            line.0[4 * place..4 * place + 4].fill(0);
            for (byte, value) in line.0[4 * place..].iter_mut().zip(rest) {
                *byte = value.cast_unsigned();
            }
        }
        self.sums[place] = query.iter().map(|&x| i32::from(x)).sum();
    }

    /// Zeros at a place.
    pub fn clear(&mut self, place: usize) {
        assert!(place < TILE, "no such place");
        self.lines.iter_mut().for_each(|line| line.0[4 * place..4 * place + 4].fill(0));
        self.sums[place] = 0;
    }

    /// The lines that have dimensions.
    pub(super) fn steps(&self) -> &[Line] {
        &self.lines[..self.dim.div_ceil(4)]
    }
}

/// Rows of signed bytes at equal distances.
#[derive(Clone, Copy, Debug)]
pub struct ByteRows<'a> {
    /// The first row begins with the first byte. What stands between rows and behind the last one is not looked at, but where it is there it
    /// may be read.
    pub bytes: &'a [u8],
    /// Bytes from one row's first to the next one's.
    pub stride: usize,
    /// How many rows.
    pub count: usize,
}

impl<'a> ByteRows<'a> {
    /// The first `dim` bytes of a row.
    #[inline]
    pub(super) fn row(&self, row: usize, dim: usize) -> &'a [u8] {
        &self.bytes[row * self.stride..][..dim]
    }

    /// The rows from `first` on.
    #[inline]
    pub(super) fn from(&self, first: usize) -> Self {
        Self { bytes: self.bytes.get(first * self.stride..).unwrap_or_default(), count: self.count - first, ..*self }
    }

    /// `count` rows from `first` on.
    #[inline]
    pub fn part(&self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.count, "rows beyond the last");
        Self { count, ..self.from(first) }
    }

    /// Whether all rows of `dim` bytes are there.
    pub(super) fn holds(&self, dim: usize) -> bool {
        self.count == 0
            || (self.count - 1).checked_mul(self.stride).and_then(|at| at.checked_add(dim)).is_some_and(|end| end <= self.bytes.len())
    }
}

/// How products become scores: `(product as f32 * scales[row]) * weights[query] - less[row]`, in this order.
#[derive(Clone, Copy, Debug)]
pub struct TileScores<'a> {
    /// A row's unit; one a row.
    pub scales: &'a [f32],
    /// What is taken off a row's scores; one a row, or empty for nothing.
    pub less: &'a [f32],
    /// A query's unit.
    pub weights: &'a [f32; TILE],
    /// What a query's scores have to reach.
    pub floors: &'a [f32; TILE],
}
