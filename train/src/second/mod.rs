//! The second stage: from who chose what to a ranker that orders what the towers find.
//!
//! - `candidates`: what the first stage finds for each asker, as it would when asked, and which of it was chosen.
//! - `fields`: what the rows of both sides hold; `category`: texts in the order of their worth; `suggest`: the features that come of it.
//! - `fit`: the table of features, the trees, the file.

mod candidates;
mod category;
mod fields;
mod fit;
mod suggest;
#[cfg(test)]
mod tests;

pub use candidates::{Asked, Candidates, RankCase};
pub use fit::{FittedRanker, RankerOptions, fit_ranker};
pub use suggest::{RankerFeatures, suggest};
