//! One piece of an input: fields, operation, list, missing and the layout of its indexes.

use serde_json::Value as Json;

use super::json::{MAX_ROW_ELEMENTS, Result, brief};
use super::missing::missing;
use super::op::op;
use super::reader::Reader;
use crate::op::{Beside, Category, Keep, Layout, ListRule, Op, Piece};

/// Reads a piece.
pub(super) fn piece(reader: &Reader<'_>) -> Result<Piece> {
    let op = op(reader)?;
    let list = list(reader, &op)?;
    let width = width(reader, &op)?;
    if list.is_some() && width > 1 && matches!(op, Op::Number(_) | Op::Age(_)) {
        return Err(reader.bad("bucketize in a list; a list takes numbers of width 1"));
    }
    let (layout, named) = layout(reader, &op)?;
    let missing = missing(reader, &op, width, named)?;
    let beside = beside(reader, &op, list)?;
    let fields = reader.fields.iter().map(|field| (*field).into()).collect();
    Ok(Piece { fields, op, list, missing, width, layout, beside })
}

fn list(reader: &Reader<'_>, op: &Op) -> Result<Option<ListRule>> {
    let Some(json) = reader.object.get("list") else {
        let needed = matches!(op, Op::Text { .. } | Op::Tokens(_) | Op::Lookup | Op::Bag(_));
        return if needed { Err(reader.bad(format!("{} needs \"list\"", reader.name))) } else { Ok(None) };
    };
    match op {
        Op::Vector if !reader.is_two() => {
            return Err(reader.bad("vector takes no \"list\" in version 1, and the document says \"torre\": 1"));
        }
        Op::Time(_) | Op::OneHot(_) | Op::Cross { .. } | Op::GeoCell { .. } | Op::GeoUnit | Op::IsMissing => {
            return Err(reader.bad(format!("{} takes no \"list\"", reader.name)));
        }
        _ => {}
    }
    let list = reader.object("list", json, &["max", "keep"])?;
    // The special tokens around a text always stand there, and at least one token between them.
    let least = if let Op::Tokens(tokenizer) = op { tokenizer.frame.len() as u64 + 1 } else { 1 };
    let max = reader.whole("list max", least, MAX_ROW_ELEMENTS as u64, list.get("max"))? as usize;
    let keep = match (list.get("keep").and_then(Json::as_str), op) {
        (Some("last"), _) => Keep::Last,
        (Some("first"), _) => Keep::First,
        (Some("largest"), Op::Bag(_)) => Keep::Largest,
        (_, Op::Bag(_)) => return Err(reader.expected("list keep", "\"largest\", \"last\" or \"first\"", list.get("keep"))),
        _ => return Err(reader.expected("list keep", "\"last\" or \"first\"", list.get("keep"))),
    };
    Ok(Some(ListRule { max, keep }))
}

/// What is told of the list beside its values; the keys name the tensors.
fn beside(reader: &Reader<'_>, op: &Op, list: Option<ListRule>) -> Result<Box<[Beside]>> {
    let named = Beside::ALL.iter().filter(|(_, key)| reader.object.contains_key(*key));
    named
        .map(|(beside, key)| match reader.object.get(*key) {
            Some(Json::String(_)) if list.is_none() => Err(reader.bad(format!("\"{key}\" is for a list"))),
            Some(Json::String(_)) if *beside == Beside::TokenTypes && !matches!(op, Op::Tokens(_)) => {
                Err(reader.bad(format!("\"{key}\" is for wordpiece and bpe, not {}", reader.name)))
            }
            Some(Json::String(_)) => Ok(*beside),
            other => Err(reader.bad(format!("\"{key}\": expected the name of a tensor, got {}", brief(other)))),
        })
        .collect()
}

/// Columns that one value takes.
fn width(reader: &Reader<'_>, op: &Op) -> Result<usize> {
    let width = match op {
        Op::Number(steps) => steps.width(),
        Op::Age(age) => age.steps.width(),
        Op::Time(parts) => 2 * parts.len(),
        Op::OneHot(vocab) => vocab.len(),
        Op::Vector => reader.whole("width", 1, MAX_ROW_ELEMENTS as u64, reader.args.get("width"))? as usize,
        Op::GeoUnit => 3,
        Op::Lookup => reader.shared.dim,
        _ => 1,
    };
    if width > MAX_ROW_ELEMENTS { Err(reader.bad(format!("{width} columns; a row takes at most {MAX_ROW_ELEMENTS}"))) } else { Ok(width) }
}

/// Where the indexes lie, and whether the document says which of them stands for missing.
fn layout(reader: &Reader<'_>, op: &Op) -> Result<(Layout, bool)> {
    let usual = match op {
        Op::Category(Category::Identity { .. }) | Op::Bag(Category::Identity { .. }) => Layout::IDENTITY,
        Op::Tokens(tokenizer) => Layout::padded(tokenizer.padding),
        _ => Layout::STANDARD,
    };
    let Some(json) = reader.object.get("index") else { return Ok((usual, false)) };
    if !op.is_index() {
        return Err(reader.bad(format!("\"index\" is for indexes, which {} does not make here", reader.name)));
    }
    let given = reader.object("index", json, &["padding", "missing", "first"])?;
    let at = |key: &str, usual: u64| given.get(key).map_or(Ok(usual), |json| reader.count(&format!("index {key}"), 0, Some(json)));
    let layout =
        Layout { padding: at("padding", usual.padding)?, missing: at("missing", usual.missing)?, first: at("first", usual.first)? };
    Ok((layout, given.contains_key("missing")))
}
