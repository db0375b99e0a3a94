//! Values of one type, end to end.

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
    pub(super) fn value(&self, kind: FieldType, at: usize) -> Value {
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

    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Bools(bits) => bits.memory(),
            Self::Numbers(numbers) => numbers.memory(),
            Self::Texts { codes, dictionary } => codes.memory() + dictionary.memory(),
        }
    }
}
