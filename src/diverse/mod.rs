//! Choosing a list of items that are good and unlike each other. It knows scores, vectors and categories; nothing of queries or storage.
//!
//! Two methods, both greedy over a pool of candidates: [`mmr()`] looks at the items' vectors, [`calibrated()`] at the shares of their categories.

mod calibrated;
mod int8;
mod mmr;

pub(crate) use calibrated::{Shares, calibrated};
pub(crate) use int8::Int8Vectors;
pub(crate) use mmr::mmr;
