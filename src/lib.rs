//! Torre: an embedded vector database with the two towers of a recommender built in.

mod db;
mod error;
mod features;
mod index;
mod ingest;
mod kernel;
mod progress;
mod quantizer;
mod query;
mod segment;
#[cfg(feature = "onnx")]
mod tower;
mod types;
mod vector;

#[cfg(feature = "cli")]
mod bench;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod demo;
#[cfg(feature = "cli")]
mod eval;
#[cfg(feature = "cli")]
mod import;
#[cfg(feature = "cli")]
mod repl;

pub use error::{Error, Responsible, Result};
pub use features::{
    Dtype, FeatureError, FeatureReport, FeatureSpec, Field, FieldType, Golden, InputSpec, Row, Schema, SpecError, TowerRole, Value,
};
pub use progress::{NoProgress, Progress, Stage};
pub use types::{Hit, ItemId, Metric, Refine};
