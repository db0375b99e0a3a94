//! Texts as the ids of their tokens.

use super::at::{At, given};
use super::context::Context;
use super::made::Made;
use crate::error::FeatureError;
use crate::op::{Op, Piece};
use crate::row::Row;
use crate::spec::InputSpec;
use crate::value::Value;

/// The ids of an input, and what is told of them; a text is read once, whatever of it is asked for.
pub(super) fn tokens(input: &InputSpec, piece: &Piece, rows: &[&Row], context: &Context<'_>) -> Result<Made, FeatureError> {
    let width = input.row_len();
    let mut made = Made {
        indexes: vec![piece.layout.padding as i64; rows.len() * width],
        token_types: vec![0; rows.len() * width],
        ..Made::default()
    };
    // The parser lets nothing but a text with a list come here.
    let (Op::Tokens(tokenizer), Some(list)) = (&piece.op, piece.list) else { return Ok(made) };
    let mut near = 0;
    let places = made.indexes.chunks_exact_mut(width).zip(made.token_types.chunks_exact_mut(width));
    for (n, (row, (ids, types))) in rows.iter().zip(places).enumerate() {
        let at = At { field: piece.field(), row: context.first_row + n };
        let text = match given(row.get_near(at.field, &mut near)) {
            Some(Value::Text(text)) => text,
            None if !piece.is_strict() => "",
            None => return Err(at.bad("a text", None)),
            other => return Err(at.bad("a string", other)),
        };
        let length = tokenizer.encode(text, list, ids, types);
        let length = length.map_err(|problem| FeatureError::value(at.field, at.row, "a text that the tokenizer takes", problem))?;
        ids[..length].iter_mut().for_each(|id| *id += piece.layout.first as i64);
        made.lengths.push(length);
    }
    Ok(made)
}
