//! Input tensors.

use std::sync::Arc;

/// An input tensor, row-major.
#[derive(Clone, PartialEq, Debug)]
pub struct Tensor {
    /// The graph input's name.
    pub name: Arc<str>,
    /// The batch, then the shape of a row.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: TensorData,
}

/// The elements of a [`Tensor`].
#[derive(Clone, PartialEq, Debug)]
pub enum TensorData {
    /// Indices into tables.
    I64(Vec<i64>),
    /// Numbers.
    F32(Vec<f32>),
}
