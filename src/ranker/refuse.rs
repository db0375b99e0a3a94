//! How a key of a spec is refused.

use serde_json::Value as Json;

use crate::model_error::ModelError;

pub(super) type Result<T> = std::result::Result<T, ModelError>;

/// What stands there, in few words.
pub(super) fn described(json: &Json) -> String {
    match json {
        Json::Null => "nothing".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        Json::String(text) if text.len() > 80 => "a long text".to_owned(),
        other => other.to_string(),
    }
}

/// The error of a key.
pub(super) fn wrong(key: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> ModelError {
    ModelError::RankerSpec { key: key.into(), expected: expected.into(), got: got.into() }
}

/// Refuses more of something than there may be.
pub(super) fn too_many(what: &'static str, got: usize, limit: usize) -> Result<()> {
    if got > limit { Err(ModelError::TooLarge { what, got: got as u64, limit: limit as u64 }) } else { Ok(()) }
}
