//! A tower: the fields of a spec become embeddings and numbers, these one vector.
//!
//! - `field`: what an input becomes.
//! - [`Tower`]: forward and backward.
//! - [`Tables`]: the tables of embeddings that both towers read.

mod field;
mod tables;
mod two;

pub(crate) use field::Part;
pub(crate) use tables::{TableGradients, Tables};
pub(crate) use two::{Tower, TowerOptions};
