//! Feature spec JSON -> checked operations. Keys that change the result are never skipped: an unknown one in an input is an error.

mod document;
mod golden;
mod input;
mod json;
mod missing;
mod op;
mod piece;
mod reader;
mod step;
mod tokenizer;
mod vocabs;

use std::sync::Arc;

use super::error::SpecError;
use super::spec::FeatureSpec;

impl FeatureSpec {
    /// Reads and checks a spec (the JSON of `torre.features`).
    ///
    /// # Errors
    /// [`SpecError`], which names the key or the input that is wrong and what was expected.
    pub fn parse(json: &str) -> Result<Self, SpecError> {
        Ok(Self { inner: Arc::new(document::document(json)?) })
    }
}
