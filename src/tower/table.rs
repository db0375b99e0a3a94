//! A table of embeddings that stays in the bytes of its model file: weights that nothing but lookups read.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::tower_source::TowerSource;

/// Rows of f32, as they lie in the file.
pub(super) struct Table {
    file: Arc<TowerSource>,
    bytes: Range<usize>,
    rows: usize,
    width: usize,
}

/// The tables of a graph, by name.
pub(super) type Tables = HashMap<String, Arc<Table>>;

impl Table {
    /// The table in these bytes of a file; `None` where they are not so many rows.
    pub(super) fn new(file: &Arc<TowerSource>, bytes: Range<usize>, rows: usize, width: usize) -> Option<Self> {
        let fits = rows.checked_mul(width)?.checked_mul(size_of::<f32>())? == bytes.len() && width > 0;
        (fits && bytes.end <= file.onnx.len()).then(|| Self { file: Arc::clone(file), bytes, rows, width })
    }

    fn numbers(&self) -> &[[u8; 4]] {
        self.file.onnx.get(self.bytes.clone()).unwrap_or_default().as_chunks::<4>().0
    }

    /// The rows of these indices, one after the other, negative ones from the end; the index that is outside, where one is.
    pub(super) fn lookup(&self, picks: &[i64]) -> Result<Vec<f32>, i64> {
        let numbers = self.numbers();
        let mut found = Vec::with_capacity(picks.len() * self.width);
        for &pick in picks {
            let row = if pick < 0 { pick.saturating_add(self.rows as i64) } else { pick };
            let row = usize::try_from(row).ok().filter(|&row| row < self.rows).ok_or(pick)?;
            let row = numbers.get(row * self.width..(row + 1) * self.width).ok_or(pick)?;
            found.extend(row.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        }
        Ok(found)
    }

    /// Whether there is a NaN or an infinity.
    pub(super) fn has_odd(&self) -> bool {
        const EXPONENT: u32 = 0x7F80_0000;
        // Whole pieces at once, for the sake of speed: a table may have millions of numbers.
        let odd = |piece: &[[u8; 4]]| piece.iter().fold(false, |odd, &bytes| odd | (u32::from_le_bytes(bytes) & EXPONENT == EXPONENT));
        self.numbers().chunks(4096).any(odd)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn rows_are_found_where_they_lie() {
        let numbers = [0.5f32, 1.0, -2.0, 3.0, f32::NAN, 5.0];
        let bytes: Vec<u8> = [9u8].into_iter().chain(numbers.iter().flat_map(|x| x.to_le_bytes())).collect();
        let file = Arc::new(TowerSource::new(bytes));
        let table = Table::new(&file, 1..17, 2, 2).unwrap();
        assert_eq!(table.lookup(&[1, 0, -1]), Ok(vec![-2.0, 3.0, 0.5, 1.0, -2.0, 3.0]));
        assert_eq!((table.lookup(&[0, 2]), table.lookup(&[-3]), table.lookup(&[i64::MIN])), (Err(2), Err(-3), Err(i64::MIN)));
        assert!(!table.has_odd() && Table::new(&file, 1..25, 3, 2).unwrap().has_odd());
        assert!(Table::new(&file, 1..17, 2, 3).is_none() && Table::new(&file, 9..29, 5, 1).is_none());
        assert!(Table::new(&file, 1..1, 0, 0).is_none());
    }
}
