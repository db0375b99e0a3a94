//! Towers: ONNX models that turn rows into vectors.
//!
//! A model file is hostile input. On the way to a [`Tower`](onnx::Tower) it passes, in this order: `wire` (size and structure of the
//! protobuf), `decode`, `bag` (loops that
//! are embedding bags are rewritten), `guard` (operators, weights, interface), `infer` (shapes, index ranges and volumes of every node, before
//! anything runs), `lower` (what the runtime lacks or computes otherwise becomes an operator of our `own`), `plan` (the runtime, under
//! `catch_unwind`), `trial` (made-up `rows`, alone and in batches, beside the `reference` in plain loops), `golden` (rows whose vectors
//! are known).
//!
//! Only the files of this folder name the ONNX runtime, and no type of it leaves the folder.

mod array;
mod attach;
mod attributes;
mod bag;
mod convert;
mod cuts;
mod decode;
mod evaluate;
#[cfg(test)]
mod fixture_tests;
mod golden;
mod guard;
mod infer;
mod limits;
mod lower;
#[cfg(test)]
mod memory_tests;
mod module;
mod network;
mod onnx;
mod own;
mod pair;
mod plan;
mod quantized;
mod quick;
#[cfg(test)]
mod real_table;
#[cfg(test)]
mod real_tests;
mod reference;
mod report;
mod rows;
mod shape;
#[cfg(test)]
mod speed_tests;
mod split;
mod table;
mod tensor;
#[cfg(all(test, feature = "text"))]
mod text_tests;
mod trial;
#[cfg(test)]
mod trial_tests;
mod value;
mod way_out;
mod wire;

pub(crate) use crate::tower_source::TowerSource;
pub(crate) use network::Network;
pub use pair::TowerPair;
