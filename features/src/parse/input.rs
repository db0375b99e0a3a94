//! One entry of `inputs`: a tensor and the pieces it is made of.

use serde_json::Value as Json;

use super::json::{MAX_ROW_ELEMENTS, Result, brief, known_keys};
use super::piece::piece;
use super::reader::{Reader, Shared, of_version_two};
use crate::error::SpecError;
use crate::op::{Beside, Op, Piece};
use crate::spec::{Dtype, InputRole, InputSpec, Version};

/// Keys of an entry that version 1 has not.
const KEYS_OF_TWO: [&str; 5] = ["index", "weights", "token_types", "mask", "length"];

/// Reads one entry: the graph inputs that it fills (a bag fills two, and what is told of a list fills more), and what fills them.
pub(super) fn input(json: &Json, place: usize, shared: &Shared<'_>) -> Result<(Vec<InputSpec>, Vec<Piece>)> {
    let unnamed = |expected: &str| SpecError::document(format!("inputs[{place}]"), expected, brief(Some(json)));
    let object = json.as_object().ok_or_else(|| unnamed("an object"))?;
    let tensor = object.get("tensor").and_then(Json::as_str).ok_or_else(|| unnamed("an object with \"tensor\", a string"))?;
    let bad = |problem: String| SpecError::input(tensor, problem);
    let two = shared.version >= Version::Two;
    if let Some(key) = KEYS_OF_TWO.into_iter().find(|key| !two && object.contains_key(*key)) {
        return Err(bad(of_version_two(&format!("the key \"{key}\""))));
    }

    let pieces = match object.get("concat") {
        None => {
            let known = [&["tensor", "dtype", "shape", "from", "op", "list", "missing"][..], if two { &KEYS_OF_TWO } else { &[] }];
            known_keys(object, &known.concat()).map_err(bad)?;
            vec![piece(&Reader::new(tensor, object, shared)?)?]
        }
        Some(Json::Array(list)) if !list.is_empty() => {
            known_keys(object, &["tensor", "dtype", "shape", "concat"]).map_err(bad)?;
            let read = |json: &Json| {
                let object = json.as_object().ok_or_else(|| bad(format!("\"concat\": expected objects, got {}", brief(Some(json)))))?;
                known_keys(object, &["from", "op", "list", "missing"]).map_err(bad)?;
                let reader = Reader::new(tensor, object, shared)?;
                let piece = piece(&reader)?;
                if !piece.op.is_numeric() || piece.list.is_some() {
                    let ops =
                        if two { "number, age, time, onehot, vector, geo_unit and is_missing" } else { "number, time, onehot and vector" };
                    return Err(reader.bad(format!("concat takes {ops}, without \"list\"")));
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
        Some(list) if matches!(first.op, Op::Lookup | Op::Vector) => vec![vec![list.max, first.width]],
        Some(list) => vec![vec![list.max]],
        None if first.op.is_index() => vec![vec![]],
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
    let dtype = if first.op.is_index() { Dtype::I64 } else { Dtype::F32 };
    if object.get("dtype").and_then(Json::as_str) != Some(dtype.name()) {
        return Err(bad(format!("expected the dtype \"{}\", got {}", dtype.name(), brief(object.get("dtype")))));
    }
    let elements = row_shape.iter().fold(1usize, |product, size| product.saturating_mul(*size));
    if elements > MAX_ROW_ELEMENTS {
        return Err(bad(format!("expected at most {MAX_ROW_ELEMENTS} elements a row, got {elements}")));
    }
    let least = first.least();
    let mut inputs = vec![InputSpec { least, ..InputSpec::values(tensor, dtype, row_shape.clone(), first.index_size()) }];
    match (&first.op, object.get("weights")) {
        (Op::Bag(_), Some(Json::String(weights))) => {
            inputs.push(InputSpec::values(weights.as_str(), Dtype::F32, row_shape, None));
        }
        (Op::Bag(_), other) => return Err(bad(format!("\"weights\": expected the name of the tensor of weights, got {}", brief(other)))),
        (_, Some(_)) => return Err(bad("\"weights\" is for bag".to_owned())),
        _ => {}
    }
    for (beside, key) in Beside::ALL.iter().filter(|(beside, _)| first.beside.contains(beside)) {
        let named = object.get(*key).and_then(Json::as_str).unwrap_or_default();
        inputs.push(InputSpec { least, ..of_list(*beside, named, first) });
    }
    Ok((inputs, pieces))
}

/// The input that takes what is told of a piece's list.
fn of_list(beside: Beside, tensor: &str, piece: &Piece) -> InputSpec {
    let max = piece.list.map_or(0, |list| list.max);
    let (shape, size, role) = match (beside, &piece.op) {
        (Beside::TokenTypes, Op::Tokens(tokenizer)) => (vec![max], tokenizer.frame.segments(), InputRole::Values),
        (Beside::TokenTypes, _) => (vec![max], 1, InputRole::Values),
        (Beside::Mask, _) => (vec![max], 2, InputRole::Mask),
        (Beside::Length, _) => (vec![], max as u64 + 1, InputRole::Length),
    };
    InputSpec { role, ..InputSpec::values(tensor, Dtype::I64, shape, Some(size)) }
}

/// The declared shape without its leading `"N"`.
fn shape(json: Option<&Json>) -> Option<Vec<usize>> {
    let (batch, rest) = json?.as_array()?.split_first()?;
    (batch == "N").then_some(())?;
    rest.iter().map(|size| size.as_u64().and_then(|size| usize::try_from(size).ok())).collect()
}
