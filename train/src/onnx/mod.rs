//! Towers and rankers as ONNX files, with their specs inside.
//!
//! - `message`: the part of ONNX's protobuf that is written.
//! - `graph`: nodes, weights, names.
//! - `tower`: the graph of a tower; it says the same as the tower's forward pass.
//! - `places`, `dense`: what the graphs of lists and of layers have in common.
//! - `pooling`: the same of a history's pool; `recurrent` and `transformer` have the larger ones.
//! - `write`: specs with golden rows, parity, files.
//! - `read`: the same files read back.
//! - `ensemble`: the graph of a ranker's trees; `ranker`: its file.

mod dense;
mod ensemble;
mod graph;
mod message;
mod places;
mod pooling;
mod ranker;
mod read;
mod recurrent;
mod tower;
mod transformer;
mod write;

pub use ranker::{GoldenRow, RankerFile};
pub(crate) use read::File;
pub use write::Files;
