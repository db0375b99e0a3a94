//! Going on from towers that were trained before: their parameters, and specs that know what has come since.
//!
//! - [`Previous`]: the towers, read back from their files; it gives a new model their parameters.
//! - `grow`: vocabularies with the values that have come since, behind those that there were.

mod grow;
mod previous;
#[cfg(test)]
mod tests;

pub use previous::{Grown, Previous};
