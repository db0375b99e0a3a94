//! Columns: the values of indexed fields in memory, by position, for filters and for what else needs many values of few fields.

mod bits;
mod builder;
mod columns;
mod dictionary;
mod numbers;
mod pages;
mod patch;
mod stored;
#[cfg(test)]
pub(crate) mod testing;
mod texts;
mod values;

pub(crate) use bits::Bits;
pub(crate) use builder::{ColumnBuilder, TooLarge};
pub(crate) use columns::{Columns, ColumnsBuilder};
pub(crate) use dictionary::{Codes, Dictionary};
pub(crate) use numbers::Numbers;
pub(crate) use pages::Pages;
pub(crate) use stored::{HEAD, Part};
pub(crate) use values::{Cells, Column};
