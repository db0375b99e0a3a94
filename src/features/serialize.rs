//! Rows from any type that serde can serialize.

use serde::Serialize;

use super::error::FeatureError;
use super::row::Row;

impl Row {
    /// Makes a row of a struct or a map through `serde::Serialize`.
    ///
    /// # Errors
    /// [`FeatureError::Malformed`] (row 0) when it does not serialize to named values.
    pub fn from_serialize<T: Serialize + ?Sized>(features: &T) -> Result<Self, FeatureError> {
        let json = serde_json::to_value(features).map_err(|error| FeatureError::malformed(0, error.to_string()))?;
        Self::from_json_value(json)
    }
}
