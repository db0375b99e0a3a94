//! What a query's rules do, in the order of the files that follow on each other: `active` says which are in force, `order` boosts and buries,
//! `pin` gives items places of their own, `limit` leaves out what there is too much of.

mod active;
mod limit;
mod order;
mod pin;
mod ready;

#[cfg(test)]
mod tests;

pub(crate) use active::Active;
pub(crate) use limit::limit;
pub(crate) use order::order;
pub(crate) use pin::{place_pins, take_pins};
