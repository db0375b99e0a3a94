//! A part of a tokenizer's JSON, and where it stands in the document.

use serde_json::Value as Json;

use crate::error::SpecError;
use crate::parse::json::{Result, brief, known_keys};

/// A part of a tokenizer's JSON.
#[derive(Clone)]
pub(super) struct Part<'a> {
    pub(super) json: &'a Json,
    at: String,
}

impl<'a> Part<'a> {
    /// The tokenizer of this name.
    pub(super) fn named(name: &str, json: &'a Json) -> Self {
        Self { json, at: format!("tokenizers.{name}") }
    }

    /// What stands behind a key; null where there is none.
    pub(super) fn get(&self, key: &str) -> Self {
        Self { json: self.json.get(key).unwrap_or(&Json::Null), at: format!("{}.{key}", self.at) }
    }

    /// Refuses keys that would be skipped.
    pub(super) fn keys(&self, known: &[&str]) -> Result<()> {
        let object = self.json.as_object().ok_or_else(|| self.expected("an object"))?;
        known_keys(object, known).map_err(|problem| SpecError::document(&self.at, "what is known here", problem))
    }

    /// The parts of a list of at most so many.
    pub(super) fn list(&self, most: usize) -> Result<Vec<Self>> {
        let list = self.json.as_array().filter(|list| list.len() <= most);
        let list = list.ok_or_else(|| self.wrong(format!("a list of at most {most}"), self.json.as_array().map(Vec::len)))?;
        Ok(list.iter().enumerate().map(|(n, json)| Self { json, at: format!("{}[{n}]", self.at) }).collect())
    }

    /// A text of at most so many bytes.
    pub(super) fn text(&self, most: usize) -> Result<&'a str> {
        let text = self.json.as_str().filter(|text| text.len() <= most);
        text.ok_or_else(|| self.wrong(format!("a string of at most {most} bytes"), self.json.as_str().map(str::len)))
    }

    /// A whole number in a range.
    pub(super) fn whole(&self, least: u64, most: u64) -> Result<u64> {
        let number = self.json.as_u64().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| self.expected(format!("a whole number from {least} to {most}")))
    }

    /// The name of a component.
    pub(super) fn kind(&self) -> Result<&'a str> {
        self.get("type").text(64)
    }

    pub(super) fn is_null(&self) -> bool {
        self.json.is_null()
    }

    pub(super) fn expected(&self, expected: impl Into<String>) -> SpecError {
        self.got(expected, brief(Some(self.json)))
    }

    pub(super) fn got(&self, expected: impl Into<String>, got: impl Into<String>) -> SpecError {
        SpecError::document(&self.at, expected, got)
    }

    /// The error of something of another kind, or of the right one and too large.
    fn wrong(&self, expected: String, size: Option<usize>) -> SpecError {
        self.got(expected, size.map_or_else(|| brief(Some(self.json)), |size| format!("one of {size}")))
    }
}
