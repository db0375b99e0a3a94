//! A whole document.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::golden::golden;
use super::input::input;
use super::json::{MAX_ROW_ELEMENTS, Result, brief};
use super::reader::Shared;
use super::tokenizer::Tokenizers;
use super::vocabs::Vocabs;
use crate::error::SpecError;
use crate::metric::Metric;
use crate::op::Piece;
use crate::spec::{Inner, TowerRole, Version};
use crate::value::Value;

/// Largest output width.
const MAX_DIM: u64 = 1 << 14;

/// Reads a whole document.
pub(super) fn document(text: &str) -> Result<Inner> {
    let json: Json = serde_json::from_str(text).map_err(|error| SpecError::Json { problem: error.to_string() })?;
    let Json::Object(doc) = &json else {
        return Err(SpecError::document("torre", "a JSON object", brief(Some(&json))));
    };
    let version = match doc.get("torre").and_then(Json::as_f64) {
        Some(1.0) => Version::One,
        Some(2.0) => Version::Two,
        _ => return Err(SpecError::Version { got: brief(doc.get("torre")) }),
    };
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
    // A note in a document of version 1, which has no tokenizers.
    let tokenizers = Tokenizers::read(doc.get("tokenizers").filter(|_| version >= Version::Two))?;
    let mut inner = Inner {
        text: text.into(),
        version,
        tower,
        model: string(doc, "model")?.to_owned(),
        dim,
        metric,
        normalized,
        output: string(doc, "output")?.to_owned(),
        inputs: Vec::new(),
        pieces: Vec::new(),
        fields: Vec::new(),
        clocks: HashSet::new(),
        golden: golden(doc.get("golden"), dim)?,
    };
    let inputs = doc.get("inputs").and_then(Json::as_array).filter(|inputs| !inputs.is_empty());
    let inputs = inputs.ok_or_else(|| SpecError::document("inputs", "a list of inputs, at least one", brief(doc.get("inputs"))))?;
    let shared = Shared { vocabs: &vocabs, tokenizers: &tokenizers, dim, version };
    let mut names = HashSet::new();
    for (place, json) in inputs.iter().enumerate() {
        let (inputs, pieces) = input(json, place, &shared)?;
        inner.pieces.push((inner.inputs.len(), pieces));
        for input in inputs {
            if !names.insert(Arc::clone(&input.tensor)) {
                return Err(SpecError::input(&input.tensor, "named twice; each graph input takes exactly one entry"));
            }
            inner.inputs.push(input);
        }
    }
    let elements = inner.inputs.iter().fold(0usize, |sum, input| sum.saturating_add(input.row_len()));
    if elements > MAX_ROW_ELEMENTS {
        let expected = format!("at most {MAX_ROW_ELEMENTS} elements a row over all inputs");
        return Err(SpecError::document("inputs", expected, format!("{elements}")));
    }
    fields(&mut inner)?;
    Ok(inner)
}

/// Lists the fields that are read, each once.
fn fields(inner: &mut Inner) -> Result<()> {
    let pieces = || inner.pieces.iter().flat_map(|(_, pieces)| pieces);
    let own: HashSet<&str> = pieces().flat_map(|piece| &piece.fields).map(|field| &**field).collect();
    let nows: HashSet<&str> = pieces().filter_map(Piece::now).collect();
    let mut listed = HashSet::new();
    let each = pieces().flat_map(|piece| piece.fields.iter().map(|field| &**field).chain(piece.now()));
    let fields = each.filter(|field| listed.insert(*field)).map(Into::into).collect();
    // What a golden row gives must not depend on the day of its replay.
    for (place, golden) in inner.golden.iter().enumerate() {
        if let Some(now) = nows.iter().find(|now| golden.row.get(now).is_none_or(Value::is_null)) {
            return Err(SpecError::document(
                format!("golden[{place}].row"),
                format!("the field {now:?}, from which ages count"),
                "nothing",
            ));
        }
    }
    let clocks = nows.difference(&own).map(|field| (*field).into()).collect();
    (inner.fields, inner.clocks) = (fields, clocks);
    Ok(())
}

fn string<'a>(doc: &'a Map<String, Json>, key: &str) -> Result<&'a str> {
    doc.get(key).and_then(Json::as_str).ok_or_else(|| SpecError::document(key, "a string", brief(doc.get(key))))
}
