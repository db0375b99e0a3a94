//! One entry of `inputs`: a tensor and the pieces it is made of.

use serde_json::Value as Json;

use super::json::{MAX_ROW_ELEMENTS, Result, brief, known_keys};
use super::piece::PieceReader;
use super::vocabs::Vocabs;
use crate::error::SpecError;
use crate::op::{Op, Piece};
use crate::spec::{Dtype, InputSpec};

/// One entry of `inputs`.
pub(super) fn input(json: &Json, place: usize, vocabs: &Vocabs, dim: usize) -> Result<(InputSpec, Vec<Piece>)> {
    let unnamed = |expected: &str| SpecError::document(format!("inputs[{place}]"), expected, brief(Some(json)));
    let object = json.as_object().ok_or_else(|| unnamed("an object"))?;
    let tensor = object.get("tensor").and_then(Json::as_str).ok_or_else(|| unnamed("an object with \"tensor\", a string"))?;
    let bad = |problem: String| SpecError::input(tensor, problem);

    let pieces = match object.get("concat") {
        None => {
            known_keys(object, &["tensor", "dtype", "shape", "from", "op", "list", "missing"]).map_err(bad)?;
            vec![PieceReader::new(tensor, object, vocabs, dim)?.read()?]
        }
        Some(Json::Array(list)) if !list.is_empty() => {
            known_keys(object, &["tensor", "dtype", "shape", "concat"]).map_err(bad)?;
            let read = |json: &Json| {
                let object = json.as_object().ok_or_else(|| bad(format!("\"concat\": expected objects, got {}", brief(Some(json)))))?;
                known_keys(object, &["from", "op", "list", "missing"]).map_err(bad)?;
                let reader = PieceReader::new(tensor, object, vocabs, dim)?;
                let field = reader.field;
                let piece = reader.read()?;
                if !piece.op.is_numeric() || piece.list.is_some() {
                    let problem = "concat takes number, time, onehot and vector, without \"list\"".to_owned();
                    return Err(SpecError::Input { input: tensor.to_owned(), field: Some(field.to_owned()), problem });
                }
                Ok(piece)
            };
            list.iter().map(read).collect::<Result<_>>()?
        }
        other => return Err(bad(format!("\"concat\": expected a list of pieces, got {}", brief(other)))),
    };

    let first = &pieces[0];
    let width = pieces.iter().fold(0usize, |sum, piece| sum.saturating_add(piece.width));
    let wanted: Vec<Vec<usize>> = match first.list {
        Some(list) if matches!(first.op, Op::Lookup) => vec![vec![list.max, dim]],
        Some(list) => vec![vec![list.max]],
        None if first.op.is_categorical() => vec![vec![]],
        None if width == 1 && !object.contains_key("concat") => vec![vec![1], vec![]],
        None => vec![vec![width]],
    };
    let row_shape = shape(object.get("shape")).filter(|shape| wanted.contains(shape));
    let row_shape = row_shape.ok_or_else(|| {
        let wanted: Vec<String> = wanted
            .iter()
            .map(|shape| std::iter::once("\"N\"".to_owned()).chain(shape.iter().map(usize::to_string)).collect::<Vec<_>>().join(", "))
            .collect();
        let got = object.get("shape").map_or("nothing".to_owned(), Json::to_string);
        bad(format!("expected the shape [{}], got {got}", wanted.join("] or [")))
    })?;
    let dtype = if first.op.is_categorical() { Dtype::I64 } else { Dtype::F32 };
    if object.get("dtype").and_then(Json::as_str) != Some(dtype.name()) {
        return Err(bad(format!("expected the dtype \"{}\", got {}", dtype.name(), brief(object.get("dtype")))));
    }
    let elements = row_shape.iter().fold(1usize, |product, size| product.saturating_mul(*size));
    if elements > MAX_ROW_ELEMENTS {
        return Err(bad(format!("expected at most {MAX_ROW_ELEMENTS} elements a row, got {elements}")));
    }
    Ok((InputSpec { tensor: tensor.into(), dtype, row_shape, index_size: first.op.index_size() }, pieces))
}

/// The declared shape without its leading `"N"`.
fn shape(json: Option<&Json>) -> Option<Vec<usize>> {
    let (batch, rest) = json?.as_array()?.split_first()?;
    (batch == "N").then_some(())?;
    rest.iter().map(|size| size.as_u64().and_then(|size| usize::try_from(size).ok())).collect()
}
