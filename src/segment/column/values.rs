//! One indexed field of the rows of a table, by position.

use super::bits::Bits;
use super::dictionary::{Codes, Dictionary};
use super::numbers::Numbers;
use crate::features::{FieldType, Value};

/// Values of one type, end to end: one a row, or the elements of the rows' lists.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Cells {
    Bools(Bits),
    /// Whole numbers, floats, or times in unix seconds.
    Numbers(Numbers),
    /// Where a row is null its code is 0.
    Texts {
        codes: Codes,
        dictionary: Dictionary,
    },
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bools(bits) => bits.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts { codes, .. } => codes.len(),
        }
    }

    /// The value at a place, as one of this type.
    fn value(&self, kind: FieldType, at: usize) -> Value {
        match self {
            Self::Bools(bits) => Value::Bool(bits.get(at)),
            Self::Numbers(numbers) if kind == FieldType::Int => {
                let number = numbers.whole_at(at);
                i64::try_from(number).map_or_else(|_| Value::from(number as u64), Value::Int)
            }
            Self::Numbers(numbers) => Value::Float(numbers.float_at(at)),
            Self::Texts { codes, dictionary } => Value::from(dictionary.get(codes.get(at))),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Bools(bits) => bits.memory(),
            Self::Numbers(numbers) => numbers.memory(),
            Self::Texts { codes, dictionary } => codes.memory() + dictionary.memory(),
        }
    }
}

/// The values of one field, by position. Immutable.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Column {
    /// The row's field.
    pub(crate) field: Box<str>,
    /// What it holds.
    pub(crate) kind: FieldType,
    /// Where there is no value; absent when there is one everywhere.
    pub(crate) nulls: Option<Bits>,
    /// Bounds of the rows' lists in `cells`, one more than rows; absent for a field that is no list.
    pub(crate) lists: Option<Vec<u32>>,
    pub(crate) cells: Cells,
}

impl Column {
    /// Rows.
    pub(crate) fn len(&self) -> usize {
        self.lists.as_ref().map_or_else(|| self.cells.len(), |bounds| bounds.len().saturating_sub(1))
    }

    pub(crate) fn is_null(&self, at: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.get(at))
    }

    /// The value at a position, which must be below [`Column::len`]: of the field's type, whatever the row wrote it as. A whole number in a
    /// field of floats is a float, a time is its unix seconds, an integer in a field of texts its decimal text.
    pub(crate) fn value(&self, at: usize) -> Value {
        if self.is_null(at) {
            return Value::Null;
        }
        match (&self.lists, self.kind.element()) {
            (Some(bounds), Some(element)) => {
                Value::List((bounds[at]..bounds[at + 1]).map(|cell| self.cells.value(element, cell as usize)).collect())
            }
            _ => self.cells.value(self.kind, at),
        }
    }

    /// A number that only positions with the same value have: the code of a text. `None` where there is none.
    pub(crate) fn code(&self, at: usize) -> Option<u32> {
        match &self.cells {
            Cells::Texts { codes, .. } if self.lists.is_none() && !self.is_null(at) => Some(codes.get(at)),
            _ => None,
        }
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        let bounds = self.lists.as_ref().map_or(0, |bounds| bounds.capacity() * 4);
        self.nulls.as_ref().map_or(0, Bits::memory) + bounds + self.cells.memory() + self.field.len()
    }
}
