//! Where the reference data is.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use torre::{Row, TowerPair};

/// A part of the reference data. Tests that need it are ignored and named `shared_*`.
pub(crate) fn shared(part: &str) -> PathBuf {
    let root = std::env::var_os("TORRE_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(part);
    assert!(path.exists(), "{} is missing; TORRE_SHARED says where the reference data is", path.display());
    path
}

/// A tower bundle: two towers, rows of items, users with what they really chose.
pub(crate) struct Bundle {
    folder: PathBuf,
}

/// A user of an evaluation file.
pub(crate) struct Case {
    pub(crate) user: Row,
    pub(crate) seen: Vec<String>,
    pub(crate) relevant: Vec<String>,
}

impl Bundle {
    pub(crate) fn find(name: &str) -> Self {
        Self { folder: shared(&format!("towers/{name}")) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn towers(&self) -> TowerPair {
        TowerPair::from_files(self.path("item.onnx"), self.path("user.onnx")).unwrap_or_else(|e| panic!("{}: {e}", self.folder.display()))
    }

    pub(crate) fn json(&self, name: &str) -> Json {
        serde_json::from_str(&fs::read_to_string(self.path(name)).unwrap()).unwrap()
    }

    /// The rows of `items.jsonl`.
    pub(crate) fn items(&self) -> Vec<Row> {
        let text = fs::read_to_string(self.path("items.jsonl")).unwrap();
        text.lines().map(|line| Row::from_json(line).unwrap()).collect()
    }

    /// The users of `eval.jsonl`.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let text = fs::read_to_string(self.path("eval.jsonl")).unwrap();
        let case = |line: &str| {
            let json: Json = serde_json::from_str(line).unwrap();
            let ids = |key: &str| json[key].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
            Case { user: serde_json::from_value(json["user"].clone()).unwrap(), seen: ids("seen"), relevant: ids("relevant") }
        };
        text.lines().map(case).collect()
    }
}
