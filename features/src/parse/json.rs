//! Steps that every part of the parser takes over JSON.

use serde_json::{Map, Value as Json};

use crate::error::SpecError;

/// Elements that one row may take over all inputs: a spec from a hostile file must not make a batch allocate without end.
pub(super) const MAX_ROW_ELEMENTS: usize = 1 << 19;

pub(super) type Result<T, E = SpecError> = std::result::Result<T, E>;

/// A JSON value in an error: itself when it is short.
pub(super) fn brief(json: Option<&Json>) -> String {
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

/// Refuses a key that would be skipped.
pub(super) fn known_keys(object: &Map<String, Json>, known: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(format!("unknown key \"{key}\"; expected {}", known.join(", "))),
    }
}
