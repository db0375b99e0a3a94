//! One indexed field of the rows of a table, by position.

use super::bits::Bits;
use super::cells::Cells;
use super::order::Order;
use crate::features::{FieldType, Value};

/// The values of one field, by position. Immutable.
#[derive(Clone, Debug)]
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
    /// The rows by value, where there are many.
    pub(crate) order: Option<Order>,
}

/// The order follows from the values.
impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        let Self { field, kind, nulls, lists, cells, order: _ } = self;
        (field, kind, nulls, lists, cells) == (&other.field, &other.kind, &other.nulls, &other.lists, &other.cells)
    }
}

impl Column {
    /// With the rows' order, where there are as many as it is for.
    pub(super) fn ordered(self) -> Self {
        let order = if self.lists.is_some() { None } else { Order::of(&self.cells, self.nulls.as_ref()) };
        Self { order, ..self }
    }

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

    /// The value at a position as the row has it, where only one is written so: not a whole number in a field of floats or of texts, which may be either
    /// there, nor a time, a list or a null, which may be absent.
    pub(crate) fn written(&self, at: usize) -> Option<Value> {
        match (self.kind, self.value(at)) {
            (FieldType::Int, value @ (Value::Int(_) | Value::Uint(_))) | (FieldType::Bool, value @ Value::Bool(_)) => Some(value),
            (FieldType::Float, Value::Float(number)) if number.fract() != 0.0 => Some(Value::Float(number)),
            (FieldType::Text, Value::Text(text)) if text.parse::<i128>().is_err() => Some(Value::Text(text)),
            _ => None,
        }
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        let bounds = self.lists.as_ref().map_or(0, |bounds| bounds.capacity() * 4);
        let order = self.order.as_ref().map_or(0, |order| order.memory(&self.cells));
        order + self.nulls.as_ref().map_or(0, Bits::memory) + bounds + self.cells.memory() + self.field.len()
    }
}
