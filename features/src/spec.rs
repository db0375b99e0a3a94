//! A parsed feature spec: what a tower reads, and the tensors it takes.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::field::FieldType;
use super::metric::Metric;
use super::op::{Op, Piece};
use super::row::Row;

/// The version of a document. Version 2 has more operations; what version 1 has means the same in both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Version {
    One,
    Two,
}

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

/// What the numbers of an input stand for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum InputRole {
    /// Values of the row.
    #[default]
    Values,
    /// 1 where a value of a list stands, 0 behind the last one.
    Mask,
    /// How many values a list has.
    Length,
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
    /// What its numbers stand for.
    pub role: InputRole,
    /// Values that the list has at least: special tokens, which stand around an empty text too.
    pub least: usize,
}

impl InputSpec {
    /// An input of values.
    #[must_use]
    pub fn values(tensor: impl Into<Arc<str>>, dtype: Dtype, row_shape: Vec<usize>, index_size: Option<u64>) -> Self {
        Self { tensor: tensor.into(), dtype, row_shape, index_size, role: InputRole::Values, least: 0 }
    }

    /// The smallest and the largest of its numbers, where they are indexes.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        let least = if self.role == InputRole::Length { self.least as i64 } else { 0 };
        self.index_size.map(|size| (least, i64::try_from(size).unwrap_or(i64::MAX) - 1))
    }

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

/// A feature spec, version 1 or 2: how a raw row becomes a tower's input tensors. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FeatureSpec {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub text: Box<str>,
    pub version: Version,
    pub tower: TowerRole,
    pub model: String,
    pub dim: usize,
    pub metric: Metric,
    pub normalized: bool,
    pub output: String,
    pub inputs: Vec<InputSpec>,
    /// The pieces behind each entry of the document, one or those of a `concat`, and the place of the entry's first input in `inputs`.
    pub pieces: Vec<(usize, Vec<Piece>)>,
    pub fields: Vec<Box<str>>,
    /// Those that say what time it is, and nothing else: the clock can stand in for them.
    pub clocks: HashSet<Box<str>>,
    pub golden: Vec<Golden>,
}

impl FeatureSpec {
    /// The version of the document: 1 or 2.
    #[must_use]
    pub fn version(&self) -> u32 {
        match self.inner.version {
            Version::One => 1,
            Version::Two => 2,
        }
    }

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
    /// read it, or leaves it open. A category is text, though an integer does as well; a multi-hot field is a list, though one string does as well.
    #[must_use]
    pub fn field_type(&self, field: &str) -> Option<FieldType> {
        let kinds = self.pieces().filter_map(|piece| match &piece.op {
            _ if piece.now() == Some(field) => Some(FieldType::Time),
            _ if !piece.fields.iter().any(|known| **known == *field) => None,
            op => op.field_type(piece.list.is_some(), piece.fields.len()),
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

    /// Whether an input counts the time from an event to now.
    #[must_use]
    pub fn uses_now(&self) -> bool {
        self.pieces().any(|piece| piece.now().is_some())
    }

    /// The spec's text as it was parsed.
    #[must_use]
    pub fn to_json(&self) -> &str {
        &self.inner.text
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.inner.pieces.iter().flat_map(|(_, pieces)| pieces)
    }
}

impl Op {
    /// What a field should hold; `None` where that is open, or where no type of a field fits.
    fn field_type(&self, list: bool, fields: usize) -> Option<FieldType> {
        Some(match self {
            Self::Number(_) | Self::NumberIndex(_) if list => FieldType::FloatList,
            Self::Number(_) | Self::NumberIndex(_) => FieldType::Float,
            Self::Vector if list => return None,
            Self::Vector => FieldType::FloatList,
            Self::GeoUnit | Self::GeoCell { .. } if fields > 1 => FieldType::Float,
            Self::GeoUnit | Self::GeoCell { .. } => FieldType::FloatList,
            Self::Age(_) | Self::AgeIndex(_) | Self::Date(_) if list => FieldType::TimeList,
            Self::Age(_) | Self::AgeIndex(_) | Self::Date(_) | Self::Time(_) => FieldType::Time,
            Self::Category(_) if list => FieldType::TextList,
            Self::Text { .. } | Self::Tokens(_) | Self::Category(_) | Self::Cross { .. } => FieldType::Text,
            Self::OneHot(_) | Self::Lookup => FieldType::TextList,
            Self::Bag(_) | Self::IsMissing => return None,
        })
    }
}
