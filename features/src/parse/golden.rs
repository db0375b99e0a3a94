//! Rows whose vectors are known.

use serde_json::Value as Json;

use super::json::{Result, brief};
use crate::error::SpecError;
use crate::row::Row;
use crate::spec::Golden;

/// Reads `golden`; a document may have none.
pub(super) fn golden(json: Option<&Json>, dim: usize) -> Result<Vec<Golden>> {
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
