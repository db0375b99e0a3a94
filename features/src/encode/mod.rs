//! Rows -> input tensors. One input after the other, row after row, so the first error is the one the reference finds.

mod at;
mod bag;
mod columns;
mod context;
mod index;
mod joint;
mod made;
mod options;
mod tensor;
mod text;
mod token;

use super::error::{EncodeError, FeatureError};
use super::op::Op;
use super::row::Row;
use super::schema::Schema;
use super::spec::{Dtype, FeatureSpec};

use self::context::Context;
use self::made::Made;
use self::text::Scratch;

pub use self::options::{EncodeOptions, Lookup};
pub use self::tensor::{Tensor, TensorData};

impl FeatureSpec {
    /// The input tensors of a batch of rows, in the order of [`FeatureSpec::inputs`].
    ///
    /// # Errors
    /// [`EncodeError::Feature`] names the field, the row, what was expected and what came. Errors of the lookup are passed on.
    pub fn encode(&self, rows: &[&Row], options: &EncodeOptions<'_>) -> Result<Vec<Tensor>, EncodeError> {
        let lenient = options.lenient || options.schema.is_some_and(|schema| schema.lenient);
        if !lenient {
            for (n, row) in rows.iter().enumerate() {
                let known = |field: &str| options.further.is_some_and(|further| further(field));
                if let Some(field) = self.unknown_fields(row, options.schema).find(|field| !known(field)) {
                    return Err(FeatureError::UnknownField { field: field.to_owned(), row: options.first_row + n }.into());
                }
            }
        }
        let now = if self.uses_now() { options.now_or_clock() } else { 0.0 };
        let context = Context { first_row: options.first_row, lookup: options.lookup, now };
        let mut scratch = Scratch::default();
        let mut tensors = Vec::with_capacity(self.inner.inputs.len());
        let mut inputs = self.inner.inputs.iter();
        let mut push = |data: TensorData| {
            // Pieces make as many tensors as there are inputs, in their order: the parser sees to it.
            let Some(input) = inputs.next() else { return };
            let shape = std::iter::once(rows.len()).chain(input.row_shape.iter().copied()).collect();
            tensors.push(Tensor { name: input.tensor.clone(), shape, data });
        };
        for (first, pieces) in &self.inner.pieces {
            let (input, piece) = (&self.inner.inputs[*first], &pieces[0]);
            let mut made = match (input.dtype, &piece.op) {
                (_, Op::Bag(_)) => bag::bags(input, piece, rows, &context)?,
                (_, Op::Tokens(_)) => token::tokens(input, piece, rows, &context)?,
                (Dtype::I64, _) => index::indexes(input, piece, rows, &context, &mut scratch)?,
                (Dtype::F32, _) => columns::columns(input, pieces, rows, &context)?,
            };
            let Made { indexes, numbers, .. } = &mut made;
            if input.dtype == Dtype::I64 {
                push(TensorData::I64(std::mem::take(indexes)));
            }
            if input.dtype == Dtype::F32 || matches!(piece.op, Op::Bag(_)) {
                push(TensorData::F32(std::mem::take(numbers)));
            }
            for beside in &piece.beside {
                push(made.beside(*beside, piece));
            }
        }
        Ok(tensors)
    }

    /// Fields of the row that neither this spec nor the schema names.
    pub fn unknown_fields<'r>(&self, row: &'r Row, schema: Option<&Schema>) -> impl Iterator<Item = &'r str> {
        row.iter().map(|(name, _)| name).filter(move |name| !self.reads(name) && !schema.is_some_and(|schema| schema.names(name)))
    }
}
