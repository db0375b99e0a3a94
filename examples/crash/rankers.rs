//! The rankers that the crash writer attaches, replaces and detaches, and the crash checker expects: step `s` follows from `s` alone.
//! One that a crash left without its word in the cursor is made again.
#![allow(dead_code, reason = "the writer and the checker each use a part")]

use std::collections::BTreeMap;

use torre::{Collection, Error, Matrix, RankerSource, Result};

use super::steps;

#[path = "../../src/ranker/testing/mod.rs"]
#[allow(dead_code, unused_imports, reason = "it serves tests too")]
mod testing;

/// The item that says which step was the last.
pub(crate) const CURSOR: &str = "rankers";

/// Rankers by name, each with the score that it gives.
pub(crate) type Scores = BTreeMap<String, f32>;

/// The names, in turn.
const NAMES: [&str; 2] = ["main", "other"];

/// Step `s` in the model: every third detaches a ranker, if it is there, the others attach one or replace it.
pub(crate) fn apply(scores: &mut Scores, s: u64) {
    let name = NAMES[(s / 3 % 2) as usize];
    if s.is_multiple_of(3) {
        scores.remove(name);
    } else {
        scores.insert(name.to_owned(), s as f32);
    }
}

/// Makes step `s`.
pub(crate) fn make(items: &Collection, s: u64) -> Result<()> {
    let name = NAMES[(s / 3 % 2) as usize];
    if s.is_multiple_of(3) {
        match items.detach_ranker(name) {
            Err(Error::UnknownRanker { .. }) => {}
            done => done?,
        }
    } else {
        items.attach_ranker(name, &source(s))?;
    }
    steps::made(items, CURSOR, s)
}

/// A ranker that gives the score `s`, as its golden row says too. Of differing length, so that its pieces are.
fn source(s: u64) -> RankerSource {
    let golden = serde_json::json!([{"score": 0.5, "item": {"op": 1}, "features": [1], "output": s as f32}]);
    let feature = serde_json::json!([{"name": "op".repeat(1 + (s % 1000) as usize), "from": "item.op"}]);
    let spec = serde_json::json!({"torre": 1, "features": feature, "input": "x", "output": "y", "golden": golden});
    RankerSource::new(testing::Table::stump(s as f32, s as f32).to_onnx()).with_spec(spec.to_string())
}

/// What is there.
pub(crate) fn found(items: &Collection) -> Result<Scores> {
    let row = || Matrix::from_vec(1, vec![1.0]).unwrap_or_default();
    let score = |name: String| Ok((name.clone(), items.ranker(&name)?.score(&row())?.first().copied().unwrap_or(f32::NAN)));
    items.rankers().into_iter().map(score).collect()
}
