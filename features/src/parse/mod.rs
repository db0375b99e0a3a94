//! Feature spec JSON -> checked operations. Keys that change the result are never skipped: an unknown one in an input is an error.

mod piece;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use self::piece::PieceReader;
use super::error::SpecError;
use super::op::{Op, Piece};
use super::row::Row;
use super::spec::{Dtype, Golden, Inner, InputSpec, TowerRole};
use super::vocab::Vocab;
use crate::metric::Metric;

/// Elements that one row may take over all inputs: a spec from a hostile file must not make a batch allocate without end.
const MAX_ROW_ELEMENTS: usize = 1 << 19;
/// Largest output width.
const MAX_DIM: u64 = 1 << 14;

type Result<T, E = SpecError> = std::result::Result<T, E>;

/// Reads a whole document.
pub(crate) fn document(text: &str) -> Result<Inner> {
    let json: Json = serde_json::from_str(text).map_err(|error| SpecError::Json { problem: error.to_string() })?;
    let Json::Object(doc) = &json else {
        return Err(SpecError::document("torre", "a JSON object", brief(Some(&json))));
    };
    if doc.get("torre").and_then(Json::as_f64) != Some(1.0) {
        return Err(SpecError::Version { got: brief(doc.get("torre")) });
    }
    let tower = match string(doc, "tower")? {
        "item" => TowerRole::Item,
        "user" => TowerRole::User,
        _ => return Err(SpecError::document("tower", "\"item\" or \"user\"", brief(doc.get("tower")))),
    };
    let dim = doc.get("dim").and_then(Json::as_u64).filter(|dim| (1..=MAX_DIM).contains(dim));
    let dim = dim.ok_or_else(|| SpecError::document("dim", format!("a whole number from 1 to {MAX_DIM}"), brief(doc.get("dim"))))? as usize;
    let metric = string(doc, "metric")?.parse::<Metric>();
    let metric = metric.map_err(|_| SpecError::document("metric", "\"ip\", \"cosine\" or \"l2\"", brief(doc.get("metric"))))?;
    let normalized = match doc.get("normalized") {
        None => false,
        Some(Json::Bool(flag)) => *flag,
        other => return Err(SpecError::document("normalized", "true or false", brief(other))),
    };
    let vocabs = Vocabs::read(doc.get("vocabs"))?;
    let mut inner = Inner {
        text: text.into(),
        tower,
        model: string(doc, "model")?.to_owned(),
        dim,
        metric,
        normalized,
        output: string(doc, "output")?.to_owned(),
        inputs: Vec::new(),
        pieces: Vec::new(),
        fields: Vec::new(),
        golden: golden(doc.get("golden"), dim)?,
    };
    let inputs = doc.get("inputs").and_then(Json::as_array).filter(|inputs| !inputs.is_empty());
    let inputs = inputs.ok_or_else(|| SpecError::document("inputs", "a list of inputs, at least one", brief(doc.get("inputs"))))?;
    for (place, json) in inputs.iter().enumerate() {
        let (input, pieces) = input(json, place, &vocabs, dim)?;
        if inner.inputs.iter().any(|other| other.tensor == input.tensor) {
            return Err(SpecError::input(&input.tensor, "named twice; each graph input takes exactly one entry"));
        }
        inner.inputs.push(input);
        inner.pieces.push(pieces);
    }
    let elements = inner.inputs.iter().fold(0usize, |sum, input| sum.saturating_add(input.row_len()));
    if elements > MAX_ROW_ELEMENTS {
        let expected = format!("at most {MAX_ROW_ELEMENTS} elements a row over all inputs");
        return Err(SpecError::document("inputs", expected, format!("{elements}")));
    }
    for piece in inner.pieces.iter().flatten() {
        if !inner.fields.contains(&piece.field) {
            inner.fields.push(piece.field.clone());
        }
    }
    Ok(inner)
}

fn string<'a>(doc: &'a Map<String, Json>, key: &str) -> Result<&'a str> {
    doc.get(key).and_then(Json::as_str).ok_or_else(|| SpecError::document(key, "a string", brief(doc.get(key))))
}

/// A JSON value in an error: itself when it is short.
fn brief(json: Option<&Json>) -> String {
    match json {
        None => "nothing".to_owned(),
        Some(Json::Array(_)) => "a list".to_owned(),
        Some(Json::Object(_)) => "an object".to_owned(),
        Some(other) => {
            let text = other.to_string();
            text.char_indices().nth(60).map_or(text.clone(), |(end, _)| format!("{}…", &text[..end]))
        }
    }
}

/// The vocabularies that inputs refer to by name; each becomes one table, however many inputs use it.
struct Vocabs {
    tables: HashMap<String, Arc<Vocab>>,
}

impl Vocabs {
    fn read(json: Option<&Json>) -> Result<Self> {
        let mut tables = HashMap::new();
        match json {
            None => {}
            Some(Json::Object(vocabs)) => {
                for (name, values) in vocabs {
                    let (vocab, twice) = vocabulary(values)
                        .map_err(|got| SpecError::document(format!("vocabs.{name}"), "a list of strings and integers", got))?;
                    if let Some(value) = twice {
                        return Err(SpecError::document(format!("vocabs.{name}"), "each value once", format!("{value:?} twice")));
                    }
                    tables.insert(name.clone(), Arc::new(vocab));
                }
            }
            other => return Err(SpecError::document("vocabs", "an object of lists", brief(other))),
        }
        Ok(Self { tables })
    }
}

/// A list of categories; the second result is a value that comes twice. The error says what came instead.
fn vocabulary(json: &Json) -> Result<(Vocab, Option<String>), String> {
    let values = json.as_array().ok_or_else(|| brief(Some(json)))?;
    if values.len() >= u32::MAX as usize {
        return Err(format!("{} values", values.len()));
    }
    let texts: Vec<std::borrow::Cow<'_, str>> = values
        .iter()
        .map(|value| match value {
            Json::String(text) => Ok(text.as_str().into()),
            Json::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string().into()),
            other => Err(brief(Some(other))),
        })
        .collect::<Result<_, String>>()?;
    Ok(Vocab::new(texts.iter().map(|text| &**text)))
}

fn golden(json: Option<&Json>, dim: usize) -> Result<Vec<Golden>> {
    let list = match json {
        None => return Ok(Vec::new()),
        Some(Json::Array(list)) => list,
        other => return Err(SpecError::document("golden", "a list", brief(other))),
    };
    let numbers = |json: &Json, key: String| {
        let vector: Option<Vec<f32>> =
            json.as_array().and_then(|list| list.iter().map(|x| x.as_f64().map(|x| x as f32).filter(|x| x.is_finite())).collect());
        vector
            .filter(|vector| vector.len() == dim)
            .ok_or_else(|| SpecError::document(key, format!("a list of {dim} numbers"), brief(Some(json))))
    };
    list.iter()
        .enumerate()
        .map(|(place, entry)| {
            let at = |key: &str| format!("golden[{place}].{key}");
            let row = entry.get("row").filter(|row| row.is_object());
            let row = row.ok_or_else(|| SpecError::document(at("row"), "an object", brief(entry.get("row"))))?;
            let row = Row::from_json_value(row.clone()).map_err(|error| SpecError::document(at("row"), "a row", error.to_string()))?;
            let vector = numbers(entry.get("vector").unwrap_or(&Json::Null), at("vector"))?;
            let items = match entry.get("items") {
                None => Vec::new(),
                Some(Json::Object(items)) => {
                    items.iter().map(|(id, json)| Ok((id.clone(), numbers(json, at(&format!("items.{id}")))?))).collect::<Result<_>>()?
                }
                other => return Err(SpecError::document(at("items"), "an object", brief(other))),
            };
            Ok(Golden { row, vector, items })
        })
        .collect()
}

/// One entry of `inputs`.
fn input(json: &Json, place: usize, vocabs: &Vocabs, dim: usize) -> Result<(InputSpec, Vec<Piece>)> {
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

fn known_keys(object: &Map<String, Json>, known: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(format!("unknown key \"{key}\"; expected {}", known.join(", "))),
    }
}
