//! What one entry of a document gives for a batch.

use super::tensor::TensorData;
use crate::op::{Beside, Piece};

/// What one entry of a document gives for a batch; what it does not make stays empty.
#[derive(Default)]
pub(super) struct Made {
    /// Indexes.
    pub indexes: Vec<i64>,
    /// Columns, or the weights of a bag.
    pub numbers: Vec<f32>,
    /// The types of tokens.
    pub token_types: Vec<i64>,
    /// How many values each row's list has.
    pub lengths: Vec<usize>,
}

impl Made {
    /// What is told of a piece's list beside its values.
    pub(super) fn beside(&mut self, beside: Beside, piece: &Piece) -> TensorData {
        let most = piece.list.map_or(0, |list| list.max);
        TensorData::I64(match beside {
            Beside::TokenTypes => std::mem::take(&mut self.token_types),
            Beside::Mask => self.lengths.iter().flat_map(|length| (0..most).map(move |at| i64::from(at < *length))).collect(),
            Beside::Length => self.lengths.iter().map(|length| *length as i64).collect(),
        })
    }
}
