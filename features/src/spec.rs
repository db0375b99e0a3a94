//! A parsed feature spec: what a tower reads, and the tensors it takes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::field::FieldType;
use super::metric::Metric;
use super::op::{Op, Piece};
use super::row::Row;

/// Which side of the pair a tower is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TowerRole {
    /// Turns an item's features into its vector, on insert.
    Item,
    /// Turns a user's features into a vector of the same space, on query.
    User,
}

impl TowerRole {
    /// `item` or `user`, as the spec writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::User => "user",
        }
    }
}

impl std::fmt::Display for TowerRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The element type of an input tensor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dtype {
    /// Indices, 64-bit.
    I64,
    /// Numbers, 32-bit.
    F32,
}

impl Dtype {
    /// `i64` or `f32`, as the spec writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::I64 => "i64",
            Self::F32 => "f32",
        }
    }
}

/// One input of the tower's graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputSpec {
    /// The graph input's name.
    pub tensor: Arc<str>,
    /// Its element type.
    pub dtype: Dtype,
    /// The shape without the batch: `[]`, `[K]`, `[L]` or `[L, dim]`.
    pub row_shape: Vec<usize>,
    /// For indices: one more than the largest index, which is the number of rows an embedding table needs.
    pub index_size: Option<u64>,
}

impl InputSpec {
    /// Elements a row takes.
    #[must_use]
    pub fn row_len(&self) -> usize {
        self.row_shape.iter().product()
    }
}

/// A row whose vector is known: replayed when the tower is attached.
#[derive(Clone, PartialEq, Debug)]
pub struct Golden {
    /// The raw row.
    pub row: Row,
    /// The vector the tower gave when it was exported.
    pub vector: Vec<f32>,
    /// Stored vectors that stand in for the database's while the row is replayed (`lookup` towers).
    pub items: Vec<(String, Vec<f32>)>,
}

/// A feature spec, version 1: how a raw row becomes a tower's input tensors. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FeatureSpec {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub text: Box<str>,
    pub tower: TowerRole,
    pub model: String,
    pub dim: usize,
    pub metric: Metric,
    pub normalized: bool,
    pub output: String,
    pub inputs: Vec<InputSpec>,
    /// The pieces of each input, in the order of `inputs`: one, or those of a `concat`.
    pub pieces: Vec<Vec<Piece>>,
    pub fields: Vec<Box<str>>,
    pub golden: Vec<Golden>,
}

impl FeatureSpec {
    /// Item tower or user tower.
    #[must_use]
    pub fn tower(&self) -> TowerRole {
        self.inner.tower
    }

    /// The label of the trained pair; both towers of a pair carry the same.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.inner.model
    }

    /// Width of the vectors.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.inner.dim
    }

    /// How near two vectors are.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.inner.metric
    }

    /// Whether the graph's own output is L2-normalised.
    #[must_use]
    pub fn normalized(&self) -> bool {
        self.inner.normalized
    }

    /// Name of the output tensor, f32 `[N, dim]`.
    #[must_use]
    pub fn output(&self) -> &str {
        &self.inner.output
    }

    /// The row's fields that the tower reads, each once, in the order of the inputs.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = &str> {
        self.inner.fields.iter().map(|field| &**field)
    }

    /// Whether the tower reads this field.
    #[must_use]
    pub fn reads(&self, field: &str) -> bool {
        self.inner.fields.iter().any(|known| **known == *field)
    }

    /// What a field should hold for this tower, so that text (a CSV cell) can be read as the right kind of value; `None` when the tower does not
    /// read it. A category is text, though an integer does as well; a multi-hot field is a list, though one string does as well.
    #[must_use]
    pub fn field_type(&self, field: &str) -> Option<FieldType> {
        let kinds = self.pieces().filter(|piece| *piece.field == *field).map(|piece| match (&piece.op, piece.list.is_some()) {
            (Op::Number(_), false) => FieldType::Float,
            (Op::Number(_), true) | (Op::Vector, _) => FieldType::FloatList,
            (Op::Time(_), _) => FieldType::Time,
            (Op::Text { .. }, _) | (Op::Vocab { .. } | Op::Hash { .. }, false) => FieldType::Text,
            (Op::Vocab { .. } | Op::Hash { .. }, true) | (Op::OneHot(_) | Op::Lookup, _) => FieldType::TextList,
        });
        // A field read both as a number and as a category has to be a number.
        kinds.min_by_key(|kind| !matches!(kind, FieldType::Float | FieldType::FloatList))
    }

    /// The graph's inputs.
    #[must_use]
    pub fn inputs(&self) -> &[InputSpec] {
        &self.inner.inputs
    }

    /// Rows whose vectors are known.
    #[must_use]
    pub fn golden(&self) -> &[Golden] {
        &self.inner.golden
    }

    /// Whether an input takes stored vectors of items.
    #[must_use]
    pub fn uses_lookup(&self) -> bool {
        self.pieces().any(|piece| matches!(piece.op, Op::Lookup))
    }

    /// The spec's text as it was parsed.
    #[must_use]
    pub fn to_json(&self) -> &str {
        &self.inner.text
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.inner.pieces.iter().flatten()
    }
}
