//! Gradient-boosted trees that rank (LambdaMART): the second stage.
//!
//! - `table`: candidates in groups, one a query, with features and grades.
//! - `bins`: features in at most 255 bins, so that a split is found in a histogram.
//! - `lambda`, `gain`: the gradients that NDCG asks for, and NDCG itself.
//! - `histogram`, `split`, `grow`: one tree, leaf by leaf.
//! - `sample`, `boost`: tree after tree.
//! - `forest`: what comes of it, computing in f32 what serving computes.

mod bins;
mod boost;
mod forest;
mod gain;
mod grow;
mod histogram;
mod lambda;
mod options;
mod sample;
mod split;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use boost::{Boosted, boost};
pub use forest::{Branch, Forest, Next, Tree};
pub use gain::ndcg;
pub use options::TreeOptions;
pub use table::RankingTable;
