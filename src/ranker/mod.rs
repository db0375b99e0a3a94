//! Rankers: second-stage models that score candidates by their features.
//!
//! A ranker's file is hostile input. On the way to a [`Ranker`] it passes, in this order: `proto` (bytes to nodes, with everything counted that
//! decoding takes), `spec` (what the columns are), `graph` and `node` (operators and shapes), `trees` (a form, a check, a layout), `golden`
//! (rows whose scores are known). Trees and linear models run here; every other graph is a network and goes the way of the towers. The
//! runtime's own operators for trees are never reached: one hangs on a cycle and writes out of bounds.

mod attributes;
mod domain;
mod encode;
mod golden;
mod graph;
mod limits;
mod model;
mod node;
mod ops;
mod origin;
mod parse;
mod plan;
mod post;
mod proto;
mod refuse;
mod source;
mod spec;
#[cfg(test)]
mod spec_tests;
mod trees;
mod wire;

#[cfg(test)]
mod fixture_tests;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), allow(dead_code, reason = "tests need more of it than fuzzing"))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use encode::ItemField;
pub use model::Ranker;
pub(crate) use origin::Reads;
pub use origin::{Cross, FeatureOrigin, Operand, RankerFeature, TextBuckets, TextCode, TextVocab};
pub use source::RankerSource;
pub use spec::{RankerGolden, RankerSpec};

// The document's example is compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../../docs/ranker.md")]
struct Document;
