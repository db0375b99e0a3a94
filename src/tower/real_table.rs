//! The table of docs/towers.md: which models are right, and which are refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;

/// Between these lines of the document stands the table.
const BEGIN: &str = "<!-- table of models: written by the test shared_real_models -->\n";
const END: &str = "<!-- end of the table -->\n";

/// The columns: what a model was exported with.
const COLUMNS: [&str; 4] = ["dynamo", "dynamo, set 23", "TorchScript", "other"];

/// Collects the verdicts of single models.
#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<String, [String; COLUMNS.len()]>,
}

impl Table {
    /// Takes a model by the name of its file.
    pub(super) fn add(&mut self, name: &str, accepted: bool) {
        let (architecture, export) = name.split_once('.').unwrap_or((name, ""));
        let (column, kind) = match export {
            "dyn.def" | "dyn.20" => (0, ""),
            "dyn.23" => (1, ""),
            "ts.17" => (2, ""),
            _ if architecture.starts_with("op_") => (3, "single operator"),
            "" if architecture.starts_with("k_") => (3, "Keras 3"),
            other => (3, other),
        };
        let verdict = if accepted { "equal" } else { "refused" };
        let text = if kind.is_empty() { verdict.to_owned() } else { format!("{verdict} ({kind})") };
        // An operator's name may have a dot in a number.
        let row = if architecture.starts_with("op_") { name.trim_start_matches("op_").trim_end_matches(".18") } else { architecture };
        let cell = &mut self.rows.entry(row.to_owned()).or_default()[column];
        if !cell.is_empty() {
            cell.push_str(", ");
        }
        cell.push_str(&text);
    }

    fn markdown(&self) -> String {
        let mut text = format!("| model | {} |\n| --- |{}\n", COLUMNS.join(" | "), " --- |".repeat(COLUMNS.len()));
        for (name, cells) in &self.rows {
            text.push_str(&format!("| `{name}` | {} |\n", cells.join(" | ")));
        }
        text
    }

    /// Fails where the document has another table; with `TORRE_BLESS` set, writes it there.
    pub(super) fn compare(&self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/towers.md");
        let document = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = document.split_once(BEGIN).expect("the beginning of the table");
        let (table, after) = rest.split_once(END).expect("the end of the table");
        let wanted = self.markdown();
        if std::env::var_os("TORRE_BLESS").is_some() {
            std::fs::write(&path, [before, BEGIN, &wanted, END, after].concat()).unwrap();
        } else {
            assert!(table == wanted, "docs/towers.md has another table; TORRE_BLESS=1 writes this one:\n{wanted}");
        }
    }
}
