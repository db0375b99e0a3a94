//! The layout of a dump: plain files that do not depend on the storage format.
//!
//! ```text
//! dump.json          the header, written last: what collections there are, with their settings, row counts and checksums
//! 1/rows.jsonl       the rows of the first collection, a JSON object a line: {"id": text, "vector": [numbers], "row": {features}}
//! 1/item.onnx        its towers, where it has them; item.json and user.json where a feature spec came beside the model
//! 1/user.onnx
//! 1/ranker-1.onnx    its rankers, in the order of their names in the header; ranker-1.json where a spec came beside the model
//! 1/lists.jsonl      its stored lists, where it has any, a JSON object a line: {"list": text, "ids": [texts], "keep": number, "expires": unix second or null}
//! 2/...
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::features::Schema;
use crate::rules::Policy;
use crate::segment::IndexSettings;
use crate::types::Metric;

/// Version of this layout, the newest that is read: 2 has rankers, 3 has stored lists and policies. The oldest that has what there is, is
/// written.
pub(super) const FORMAT: u32 = 3;
pub(super) const HEADER: &str = "dump.json";
pub(super) const ROWS: &str = "rows.jsonl";
pub(super) const LISTS: &str = "lists.jsonl";
pub(super) const MODELS: [&str; 2] = ["item.onnx", "user.onnx"];
pub(super) const SPECS: [&str; 2] = ["item.json", "user.json"];

/// The header.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// Version of the layout.
    pub(super) torre_dump: u32,
    /// The version of Torre that wrote it.
    pub(super) written_by: String,
    pub(super) collections: Vec<Described>,
}

/// A collection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) dim: usize,
    pub(super) metric: Metric,
    pub(super) schema: Schema,
    pub(super) index: IndexSettings,
    /// Its index was trained: loading trains it again.
    pub(super) trained: bool,
    pub(super) towers: bool,
    pub(super) rows: u64,
    /// XXH3 of the file of rows, in hexadecimal.
    pub(super) xxh3: String,
    /// The names of its rankers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rankers: Vec<String>,
    /// Its stored lists, where it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lists: Option<DescribedLists>,
    /// Its policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) policies: Vec<DescribedPolicy>,
}

/// A policy, which is short: it stands in the header.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DescribedPolicy {
    pub(super) name: String,
    pub(super) version: u64,
    pub(super) rules: Policy,
}

impl Described {
    /// The oldest layout that has what there is of it.
    pub(super) fn format(&self) -> u32 {
        if self.lists.is_some() || !self.policies.is_empty() {
            FORMAT
        } else if self.rankers.is_empty() {
            1
        } else {
            2
        }
    }
}

/// The file of a collection's stored lists.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct DescribedLists {
    pub(super) lists: u64,
    /// XXH3 of the file, in hexadecimal.
    pub(super) xxh3: String,
}

/// A stored list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListLine {
    pub(super) list: String,
    pub(super) ids: Vec<Box<str>>,
    pub(super) keep: u32,
    pub(super) expires: Option<u64>,
}

/// A row.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) vector: Vec<f32>,
    pub(super) row: serde_json::Value,
}

/// The directory of the collection at this place of the header.
pub(super) fn directory(dump: &Path, at: usize) -> PathBuf {
    dump.join((at + 1).to_string())
}

/// The files of the ranker at this place of the names: its model, and its spec where that came beside it.
pub(super) fn ranker(directory: &Path, at: usize) -> [PathBuf; 2] {
    ["onnx", "json"].map(|kind| directory.join(format!("ranker-{}.{kind}", at + 1)))
}

/// The error for a file of a dump that is not what a dump has there.
pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Error {
    Error::InvalidDump { path: path.to_owned(), what: what.into() }
}
