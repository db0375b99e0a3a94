//! Raw rows and the feature specs that turn them into a tower's input tensors.
//!
//! A [`Row`] is what an application has: names and values. A [`FeatureSpec`] says, field by field, how a row becomes numbers; it is parsed and
//! checked once, when a tower is attached, and then encodes batches of rows the way training did. A [`Schema`] names the further fields of a
//! collection, those that no tower reads.

mod bucket;
mod bytes;
mod characters;
mod encode;
mod error;
mod field;
mod geo;
mod inspect;
mod json;
mod list;
mod metric;
mod op;
mod parse;
mod row;
mod schema;
mod serialize;
mod spec;
mod time;
mod tokenizer;
mod tokens;
mod value;
mod vocab;

#[cfg(test)]
mod spec_tests;
#[cfg(test)]
mod vectors;

pub use bucket::FieldHash;
pub use encode::{EncodeOptions, Lookup, Tensor, TensorData};
pub use error::{EncodeError, FeatureError, InvalidOption, LookupError, SpecError};
pub use field::{Field, FieldType};
pub use inspect::FeatureReport;
pub use metric::Metric;
pub use row::Row;
pub use schema::{ID_FIELD, Schema, VECTOR_FIELD};
pub use spec::{Dtype, FeatureSpec, Golden, InputRole, InputSpec, TowerRole};
pub use time::unix_seconds;
pub use tokens::Tokens;
pub use value::Value;
