//! Columns: the values of indexed fields in memory, by position, for filters and for what else needs many values of few fields.

mod bits;
mod builder;
mod cells;
mod columns;
mod dictionary;
mod numbers;
mod order;
mod pages;
mod patch;
mod stored;
#[cfg(test)]
pub(crate) mod testing;
mod texts;
mod values;

pub(crate) use bits::Bits;
pub(crate) use builder::{ColumnBuilder, TooLarge};
pub(crate) use cells::Cells;
pub(crate) use columns::{Columns, ColumnsBuilder};
pub(crate) use dictionary::{Codes, Dictionary};
pub(crate) use numbers::Numbers;
pub(crate) use order::{FEWEST as FEWEST_ORDERED, Order};
pub(crate) use pages::Pages;
pub(crate) use stored::{HEAD, Part};
pub(crate) use values::Column;
