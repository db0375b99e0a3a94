//! Towers as ONNX files, with their feature spec inside.
//!
//! - `message`: the part of ONNX's protobuf that is written.
//! - `graph`: nodes, weights, names.
//! - `tower`: the graph of a tower; it says the same as the tower's forward pass.
//! - `pooling`: the same of a history's pool.
//! - `write`: specs with golden rows, parity, files.

mod graph;
mod message;
mod pooling;
mod tower;
mod write;

pub use write::Files;
