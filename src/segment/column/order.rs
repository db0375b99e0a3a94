//! A column's rows in the order of their values, so that the few that pass a test are found without a pass over all of them.

use std::sync::Arc;

use super::bits::Bits;
use super::cells::Cells;
use super::dictionary::Codes;
use super::numbers::Numbers;

/// A column of fewer rows has no order: a pass over them takes a few microseconds. Tests have few rows.
pub(crate) const FEWEST: usize = if cfg!(any(test, feature = "fuzzing")) { 64 } else { 1 << 15 };

/// Rows of a column by value. It stays as it was made while values are patched, and knows of which rows.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Positions of the rows that had a value, by that, equal ones ascending.
    positions: Arc<[u32]>,
    /// The values at the time: pages that have not changed since are the column's own.
    cells: Cells,
    /// Rows that were given other values since.
    changed: Option<Bits>,
}

impl Order {
    /// Orders the rows of a column that have a value, which is one each; `None` where they are too few, or bools.
    pub(super) fn of(cells: &Cells, nulls: Option<&Bits>) -> Option<Self> {
        if cells.len() < FEWEST {
            return None;
        }
        let rows = || (0..cells.len() as u32).filter(|&at| nulls.is_none_or(|nulls| !nulls.get(at as usize)));
        let positions = match cells {
            Cells::Bools(_) => return None,
            Cells::Texts { codes, .. } => by_word(rows(), |at| codes.get(at)),
            Cells::Numbers(Numbers::I32(all)) => by_word(rows(), |at| all.get(at).cast_unsigned() ^ (1 << 31)),
            Cells::Numbers(Numbers::F32(all)) => by_word(rows(), |at| {
                // Both zeros are one; the bits of negative floats descend.
                let bits = (all.get(at) + 0.0).to_bits();
                if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
            }),
            Cells::Numbers(Numbers::F64(all)) => {
                let mut positions: Vec<u32> = rows().collect();
                positions.sort_by(|&a, &b| (all.get(a as usize) + 0.0).total_cmp(&(all.get(b as usize) + 0.0)));
                positions
            }
            Cells::Numbers(whole) => {
                let mut positions: Vec<u32> = rows().collect();
                positions.sort_by_key(|&at| whole.whole_at(at as usize));
                positions
            }
        };
        Some(Self { positions: positions.into(), cells: cells.clone(), changed: None })
    }

    /// The same, of a column in which these rows have other values.
    pub(super) fn changed_at(&self, len: usize, rows: impl Iterator<Item = u32>) -> Self {
        let mut changed = self.changed.clone().unwrap_or_else(|| Bits::of(len, &[]));
        rows.for_each(|at| changed.set(at as usize, true));
        Self { changed: Some(changed), ..self.clone() }
    }

    /// The rows that had a value, by that.
    pub(crate) fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// The values that the rows are ordered by.
    pub(crate) fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Rows that may have other values, or none, or one where they had none.
    pub(crate) fn changed(&self) -> Option<&Bits> {
        self.changed.as_ref()
    }

    /// Bytes of memory that it takes beside its column.
    pub(super) fn memory(&self, column: &Cells) -> usize {
        let cells = match (&self.cells, column) {
            (Cells::Numbers(own), Cells::Numbers(other)) => own.memory_beside(other),
            (Cells::Texts { codes, dictionary }, Cells::Texts { codes: other, dictionary: texts }) => {
                codes.memory_beside(other) + if dictionary.is_shared_with(texts) { 0 } else { dictionary.memory() }
            }
            _ => 0,
        };
        4 * self.positions.len() + cells + self.changed.as_ref().map_or(0, Bits::memory)
    }
}

/// Rows by a key of 32 bits.
fn by_word(rows: impl Iterator<Item = u32>, key: impl Fn(usize) -> u32) -> Vec<u32> {
    let mut keyed: Vec<u64> = rows.map(|at| u64::from(key(at as usize)) << 32 | u64::from(at)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|keyed| keyed as u32).collect()
}

impl Numbers {
    fn memory_beside(&self, other: &Self) -> usize {
        match (self, other) {
            (Self::I32(own), Self::I32(other)) => own.memory_beside(other),
            (Self::I64(own), Self::I64(other)) => own.memory_beside(other),
            (Self::I128(own), Self::I128(other)) => own.memory_beside(other),
            (Self::F32(own), Self::F32(other)) => own.memory_beside(other),
            (Self::F64(own), Self::F64(other)) => own.memory_beside(other),
            _ => self.memory(),
        }
    }
}

impl Codes {
    fn memory_beside(&self, other: &Self) -> usize {
        match (self, other) {
            (Self::U8(own), Self::U8(other)) => own.memory_beside(other),
            (Self::U16(own), Self::U16(other)) => own.memory_beside(other),
            (Self::U32(own), Self::U32(other)) => own.memory_beside(other),
            _ => self.memory(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::features::Value;
    use crate::segment::column::testing::{KINDS, column_of, random_values};

    #[test]
    fn rows_with_a_value_are_in_the_order_of_their_values() {
        for kind in KINDS {
            for rows in [FEWEST - 1, FEWEST, 1500] {
                let column = column_of(kind, &random_values(kind, rows, true, 3));
                let ordered = rows >= FEWEST && !kind.starts_with("list") && kind != "bool";
                let Some(order) = column.order.as_ref().filter(|_| ordered) else {
                    assert!(column.order.is_none() && !ordered, "{kind} {rows}");
                    continue;
                };
                let mut expected: Vec<(usize, Value)> =
                    (0..rows).map(|at| (at, column.value(at))).filter(|(_, value)| !value.is_null()).collect();
                expected.sort_by(|(_, a), (_, b)| match (a, b) {
                    (Value::Float(a), Value::Float(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
                    (Value::Text(a), Value::Text(b)) => a.cmp(b),
                    (a, b) => whole(a).cmp(&whole(b)),
                });
                assert!(expected.iter().map(|(at, _)| *at as u32).eq(order.positions().iter().copied()), "{kind} {rows}");
                assert!(
                    order.memory(&column.cells) <= 4 * rows + 48 * rows.div_ceil(1024) + 200,
                    "{kind} {rows}: the values are the column's own"
                );
            }
        }
    }

    fn whole(value: &Value) -> i128 {
        match value {
            Value::Int(number) => i128::from(*number),
            Value::Uint(number) => i128::from(*number),
            other => panic!("{other:?}"),
        }
    }
}
