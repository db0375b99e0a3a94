//! Why a model was refused, or did not give a vector.

use std::path::{Path, PathBuf};

use thiserror::Error as ThisError;

use crate::features::Metric;
use crate::features::SpecError;

/// A model file, its feature spec, or a run of it is at fault. Every variant names the tensor or node and carries the numbers.
///
/// ```
/// use torre::{Error, ModelError, TowerPair};
///
/// match TowerPair::from_bytes(b"not a model", b"nor this") {
///     Err(Error::Model(ModelError::NotOnnx { reason })) => println!("not a model: {reason}"),
///     Err(other) => println!("{other}"),
///     Ok(pair) => println!("vectors of {} numbers", pair.dim()),
/// }
/// ```
#[derive(ThisError, Debug)]
#[non_exhaustive]
pub enum ModelError {
    /// What is wrong with the model that was read from a file.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<ModelError>,
    },
    /// What is wrong with a node whose place in the framework's model is known.
    #[error("{source}; it is {module}")]
    Module {
        /// The module, or the weights that are next above.
        module: String,
        /// What is wrong with the node.
        source: Box<ModelError>,
    },
    /// More of something than a model may have.
    #[error("the model has {got} {what}; at most {limit} are allowed")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        got: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The bytes are not a whole ONNX file.
    #[error("not a whole ONNX file: {reason}")]
    NotOnnx {
        /// What is wrong with the bytes.
        reason: String,
    },
    /// Neither the file's metadata nor the caller gave a spec.
    #[error("the model carries no {what}: its metadata has no entry {entry:?}, and none was given beside it")]
    NoSpec {
        /// Which spec: of features, or of a ranker.
        what: &'static str,
        /// The metadata's entry for it.
        entry: &'static str,
    },
    /// The feature spec does not hold together.
    #[error(transparent)]
    Spec(SpecError),
    /// The item tower was given where the user tower belongs, or the other way round.
    #[error("expected the {expected} tower, got a file whose feature spec says it is the {got} tower")]
    Role {
        /// The place that is to be filled.
        expected: &'static str,
        /// What the spec says.
        got: &'static str,
    },
    /// The two towers do not make vectors of one space.
    #[error("the towers are not a pair: {what} is {item} in the item tower and {user} in the user tower")]
    NotAPair {
        /// What differs.
        what: &'static str,
        /// The item tower's value.
        item: String,
        /// The user tower's value.
        user: String,
    },
    /// The graph breaks a rule of ONNX, or one of the rules for towers.
    #[error("{place}: {reason}")]
    Graph {
        /// The node, tensor or part of the file.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An operator that towers do not run.
    #[error("node {node:?}: the operator {operator} is not supported in a tower{way_out}")]
    Operator {
        /// The node's name.
        node: String,
        /// The operator, with its domain where it is not ONNX's own.
        operator: String,
        /// What to do about it.
        way_out: &'static str,
    },
    /// A tensor of a type that towers do not use.
    #[error("{place}: tensors of type {got} are not supported in a tower")]
    Type {
        /// The node or tensor.
        place: String,
        /// The type.
        got: String,
    },
    /// The model would read another file.
    #[error("tensor {name:?}: external data is refused; save the model with its weights inside")]
    ExternalData {
        /// The tensor.
        name: String,
    },
    /// A tensor's dimensions do not agree with its data.
    #[error("tensor {name:?}: its dimensions want {expected} elements, its data has {got}")]
    TensorData {
        /// The tensor.
        name: String,
        /// Elements by the dimensions.
        expected: String,
        /// Elements of data.
        got: usize,
    },
    /// A node would compute more than is allowed.
    #[error("node {node:?}: with a batch of {batch} it makes {what} {got}; at most {limit} are allowed")]
    Volume {
        /// The node's name.
        node: String,
        /// The batch.
        batch: usize,
        /// What is counted.
        what: &'static str,
        /// How many it would be.
        got: String,
        /// How many it may be.
        limit: u64,
    },
    /// The indices that reach a table can leave it.
    #[error("{}: indices from {lo} to {hi} reach node {node:?}, whose table has {rows} rows{}", indices_of(.input.as_deref()), if .input.is_none() { "; clamp them before the lookup" } else { "" })]
    Index {
        /// The graph input that the indices come from, where that can be seen.
        input: Option<String>,
        /// The node that looks up.
        node: String,
        /// Smallest index.
        lo: i64,
        /// Largest index.
        hi: i64,
        /// Rows of the table.
        rows: usize,
    },
    /// The feature spec and the graph disagree about an input.
    #[error("input {tensor:?}: {reason}")]
    Input {
        /// The graph input's name.
        tensor: String,
        /// What the spec says and what the graph has.
        reason: String,
    },
    /// The feature spec and the graph disagree about the output.
    #[error("output {tensor:?}: {reason}")]
    Output {
        /// The output's name in the spec.
        tensor: String,
        /// What the spec says and what the graph has.
        reason: String,
    },
    /// The runtime could not prepare or run the graph.
    #[error("{stage}: {reason}")]
    Runtime {
        /// Load, prepare or run.
        stage: &'static str,
        /// The runtime's words.
        reason: String,
    },
    /// A made-up row that the feature spec can make does not run.
    #[error("a made-up row, in a batch of {batch}: {source}")]
    Trial {
        /// Rows that ran together.
        batch: usize,
        /// Why.
        source: Box<ModelError>,
    },
    /// The runtime computes a node otherwise than ONNX says.
    #[error(
        "node {node:?} ({operator}): the runtime makes {got} of element {at}, and by ONNX's definition it is {expected}; this is a fault of \
         Torre's: please report it, and write the module with other operators meanwhile"
    )]
    Differs {
        /// The node's name.
        node: String,
        /// Its operator.
        operator: String,
        /// The element, row-major.
        at: usize,
        /// What the reference evaluator makes of it.
        expected: f64,
        /// What the runtime makes of it.
        got: f64,
    },
    /// The runtime computes a node in f32, which does not carry its numbers or their squares.
    #[error(
        "node {node:?} ({operator}): f32 does not carry its numbers: the runtime makes {got} of element {at}, and exactly it is {expected}; scale \
         weights and inputs so that values, and what they are multiplied with, stay between 1e-18 and 1e18"
    )]
    Magnitude {
        /// The node's name.
        node: String,
        /// Its operator.
        operator: String,
        /// The element, row-major.
        at: usize,
        /// What it is exactly.
        expected: f64,
        /// What f32 makes of it.
        got: f64,
    },
    /// A row's vector depends on the rows that run with it.
    #[error(
        "node {node:?} ({operator}): what it makes of a row depends on the other rows of a batch of {batch}; a tower is asked for one row or \
         for many and must give the same vector: export in evaluation mode, and normalise over features, not over the batch"
    )]
    MixesRows {
        /// The first node that mixes rows.
        node: String,
        /// Its operator.
        operator: String,
        /// The batch size at which it was seen.
        batch: usize,
    },
    /// A golden row of the spec gives another vector here than where the tower was trained.
    #[error(
        "golden row {row}: element {at} is {got}, and {expected} where the tower was trained; differences up to {tolerance} are allowed"
    )]
    Golden {
        /// The golden row, from 0.
        row: usize,
        /// The element that differs most.
        at: usize,
        /// The spec's number.
        expected: f32,
        /// The number computed here.
        got: f32,
        /// The largest difference allowed.
        tolerance: f32,
    },
    /// A golden row could not be made into a vector at all.
    #[error("golden row {row}: {source}")]
    GoldenRow {
        /// The golden row, from 0.
        row: usize,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The tower made NaN or an infinity.
    #[error("the {tower} tower (row {row}): element {at} of its vector is {value}; every element must be finite")]
    NotFinite {
        /// Which tower.
        tower: &'static str,
        /// Place in the batch, from 0.
        row: usize,
        /// Place in the vector, from 0.
        at: usize,
        /// The element.
        value: f32,
    },
    /// The tower made a vector longer than what sums of squares carry.
    #[error("the {tower} tower (row {row}): its vector is {length:.4e} long, and {limit:.4e} is the most (element {at} is {value:e})")]
    TooLong {
        /// Which tower.
        tower: &'static str,
        /// Place in the batch, from 0.
        row: usize,
        /// Place of the largest element, from 0.
        at: usize,
        /// That element.
        value: f32,
        /// The vector's length.
        length: f64,
        /// The longest that is taken.
        limit: f64,
    },
    /// The tower made a vector of zeros where a direction is needed.
    #[error("the {tower} tower (row {row}): its vector is all zeros, which has no direction under the metric {metric}")]
    NoDirection {
        /// Which tower.
        tower: &'static str,
        /// Place in the batch, from 0.
        row: usize,
        /// The metric.
        metric: Metric,
    },
    /// A key of a ranker's spec is missing or wrong.
    #[error("ranker spec, \"{key}\": expected {expected}, got {got}")]
    RankerSpec {
        /// The key, with its path where it is nested.
        key: String,
        /// What would have been right.
        expected: String,
        /// What came.
        got: String,
    },
    /// A ranker was trained with the scores of another space than the collection's.
    #[error(
        "the ranker was trained with scores of the space {expected:016x}, and the collection's is {got:016x}: train it with this tower pair"
    )]
    RankerSpace {
        /// The fingerprint in the ranker's spec.
        expected: u64,
        /// The collection's ([`Collection::space`](crate::Collection::space)).
        got: u64,
    },
    /// An operator that does not run beside trees and linear models.
    #[error(
        "node {node:?}: the operator {operator} is not supported in a ranker of trees or linear models; export the model without it, or, where \
         it prepares features, store prepared fields and train on those"
    )]
    RankerOperator {
        /// The node's name.
        node: String,
        /// The operator, with its domain where it is not ONNX's own.
        operator: String,
    },
    /// A golden row of a ranker's spec has another feature than its item, user and score give here.
    #[error("golden row {row}: the feature {feature:?} is {got} here, and {expected} where the ranker was trained")]
    RankerGoldenFeature {
        /// The golden row, from 0.
        row: usize,
        /// The feature's name.
        feature: String,
        /// The spec's number.
        expected: f32,
        /// The number that the row gives.
        got: f32,
    },
    /// A golden row of a ranker's spec gets another score here than where the ranker was trained.
    #[error("golden row {row}: the score is {got}, and {expected} where the ranker was trained; differences up to {tolerance} are allowed")]
    RankerGolden {
        /// The golden row, from 0.
        row: usize,
        /// The spec's number.
        expected: f32,
        /// The number computed here.
        got: f32,
        /// The largest difference allowed.
        tolerance: f32,
    },
}

fn indices_of(input: Option<&str>) -> String {
    match input {
        Some(name) => format!("input {name:?}"),
        None => "computed indices".to_owned(),
    }
}

impl ModelError {
    /// The same error, with the file's name where there is one.
    pub(crate) fn in_file(self, path: Option<&Path>) -> Self {
        match path {
            Some(path) => Self::File { path: path.to_owned(), source: Box::new(self) },
            None => self,
        }
    }

    pub(crate) fn graph(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Graph { place: place.into(), reason: reason.into() }
    }
}
