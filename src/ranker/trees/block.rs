//! Some rows at a time, as columns of sort keys.

use super::key::key_or;
use super::lower::Column;

/// Rows that walk through a tree together: as many as keep the CPU busy, and few enough that their places stay in registers.
pub(super) const LANES: usize = 8;
/// Columns that a complete tree can name, in a byte.
pub(super) const NEAR: usize = 256;

/// The keys of `L` rows, column after column.
pub(super) struct Block<const L: usize> {
    keys: Vec<[i32; L]>,
}

impl<const L: usize> Block<L> {
    /// Room for so many columns.
    pub(super) fn with_columns(columns: usize) -> Self {
        Self { keys: vec![[0; L]; columns.max(NEAR)] }
    }

    /// Takes up to `L` rows of `width` features. The lanes after the last row keep what they have: they are walked, and nobody looks.
    #[inline]
    pub(super) fn fill(&mut self, rows: &[f32], width: usize, columns: &[Column]) {
        for (keys, column) in self.keys.iter_mut().zip(columns) {
            for (key, row) in keys.iter_mut().zip(rows.chunks_exact(width)) {
                *key = key_or(row[column.feature as usize], column.missing);
            }
        }
    }

    /// All columns.
    #[inline]
    pub(super) fn columns(&self) -> &[[i32; L]] {
        &self.keys
    }

    /// The first columns, as many as a byte can name.
    #[inline]
    pub(super) fn near(&self) -> &[[i32; L]; NEAR] {
        // `with_columns` sees to it that there are as many.
        self.keys.first_chunk().unwrap_or(&[[0; L]; NEAR])
    }
}
