//! A whole document.

use serde_json::{Map, Value as Json};

use super::golden::golden;
use super::input::input;
use super::json::{MAX_ROW_ELEMENTS, Result, brief};
use super::vocabs::Vocabs;
use crate::error::SpecError;
use crate::metric::Metric;
use crate::spec::{Inner, TowerRole};

/// Largest output width.
const MAX_DIM: u64 = 1 << 14;

/// Reads a whole document.
pub(super) fn document(text: &str) -> Result<Inner> {
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
