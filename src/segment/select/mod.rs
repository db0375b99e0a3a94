//! Filters over the columns of a table: which rows qualify, a bit each. The reference is [`Bound::eval`](crate::filter::Bound::eval), which
//! looks at one row at a time.

mod few;
mod make;
mod one;
mod ordered;
mod prepared;
mod scan;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use prepared::{Prepared, check_indexed};
