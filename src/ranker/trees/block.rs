//! Some rows at a time, as columns of sort keys.

use super::key::key_or;
use super::lower::Column;

/// Rows that walk through a tree together.
pub(super) const LANES: usize = 16;
/// Columns that a complete tree can name, in a byte.
pub(super) const NEAR: usize = 256;

/// A value for each row of a block.
pub(super) type Lanes<T> = [T; LANES];

/// The keys of a block of rows, column after column.
pub(super) struct Block {
    keys: Vec<Lanes<i32>>,
}

impl Block {
    /// Room for so many columns.
    pub(super) fn with_columns(columns: usize) -> Self {
        Self { keys: vec![[0; LANES]; columns.max(NEAR)] }
    }

    /// Takes up to [`LANES`] rows of `width` features. The lanes after the last row keep what they have: they are walked, and nobody looks.
    pub(super) fn fill(&mut self, rows: &[f32], width: usize, columns: &[Column]) {
        for (keys, column) in self.keys.iter_mut().zip(columns) {
            for (key, row) in keys.iter_mut().zip(rows.chunks_exact(width)) {
                *key = key_or(row[column.feature as usize], column.missing);
            }
        }
    }

    /// All columns.
    pub(super) fn columns(&self) -> &[Lanes<i32>] {
        &self.keys
    }

    /// The first columns, as many as a byte can name.
    pub(super) fn near(&self) -> &[Lanes<i32>; NEAR] {
        // `with_columns` sees to it that there are as many.
        self.keys.first_chunk().unwrap_or(&[[0; LANES]; NEAR])
    }
}
