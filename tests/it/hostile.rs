//! Models made to hurt whoever loads them: each is refused by a typed error, in time and without memory, with a spec that fits what it
//! declares, so that it is the graph that is judged.
//!
//! Each is attached in a process of its own, under a limit of its memory and a limit of time.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use torre::{Error, TowerPair, TowerSource};

use crate::onnx::linear_tower;
use crate::shared::shared;

/// Longest that an attachment may take; an unoptimised runtime takes seconds for a long chain.
const LIMIT: Duration = Duration::from_secs(30);
/// Address space of the process, in kB: threads and the program itself take most of it.
const MEMORY: u64 = 3 << 20;

/// Inputs of a hostile graph.
#[derive(Clone, Copy)]
enum Takes {
    /// `x`, f32 `[N]` or `[N, 1]`.
    Number,
    Column,
    /// i64 `[N]`, under this name and with indices below this number.
    Index(&'static str, u64),
    /// `history` and `context`, as a user tower of the good models.
    History,
}

impl Takes {
    fn inputs(self) -> Json {
        let number = |shape: Json| json!([{"tensor": "x", "dtype": "f32", "shape": shape, "from": "x", "op": {"number": []}}]);
        match self {
            Self::Number => number(json!(["N"])),
            Self::Column => number(json!(["N", 1])),
            Self::Index(name, size) => {
                json!([{"tensor": name, "dtype": "i64", "shape": ["N"], "from": "x", "op": {"hash": {"buckets": size - 2}}}])
            }
            Self::History => json!([
                {"tensor": "history", "dtype": "i64", "shape": ["N", 10], "from": "h", "op": {"hash": {"buckets": 1998}}, "list": {"max": 10, "keep": "last"}},
                {"tensor": "context", "dtype": "f32", "shape": ["N", 4], "from": "c", "op": {"vector": {"width": 4}}},
            ]),
        }
    }
}

/// A model, its interface (inputs, output, width), and what the refusal says.
type Hostile = (&'static str, Takes, &'static str, usize, &'static str);

const MODELS: [Hostile; 27] = [
    ("cycle", Takes::Number, "b", 1, "it reads \"b\", which nothing before it makes"),
    ("deep_chain_2k", Takes::Column, "o", 1, "accepted"),
    ("deep_chain_20k", Takes::Column, "o", 1, "the model has 20000 nodes; at most 4096 are allowed"),
    ("div0_int", Takes::Index("x", 100), "o", 1, "0 must not be possible"),
    ("doubling_concat_40", Takes::Column, "o", 1, "1 x 67108864; at most 33554432 are allowed"),
    ("empty", Takes::Column, "o", 1, "not a whole ONNX file: it is empty"),
    ("external_traversal", Takes::History, "vector", 32, "external data is refused"),
    ("garbage", Takes::Column, "o", 1, "not a whole ONNX file"),
    (
        "gather_by_input",
        Takes::Index("i", 1_000_001),
        "o",
        4,
        "input \"i\": indices from 0 to 1000000 reach node \"o\", whose table has 5 rows",
    ),
    ("gather_oob_const", Takes::Column, "o", 4, "indices from 99999 to 99999 reach node \"o\", whose table has 5 rows"),
    ("huge_constant_of_shape", Takes::Column, "o", 1, "1048576 x 1048576; at most"),
    ("huge_expand_input", Takes::Column, "o", 1, "1048576 x 1 x 65536; at most"),
    ("init_dims_mismatch_raw", Takes::Number, "o", 1, "its dimensions want 1099511627776 elements, its data has 4"),
    ("negative_shape", Takes::Column, "o", 1, "a dimension of -5"),
    ("overflow_dims", Takes::Column, "o", 1, "4611686018427387904 x 4611686018427387904; at most"),
    ("range_huge", Takes::Column, "o", 1, "must be a whole number that is known before running"),
    ("string_raw", Takes::Number, "o", 1, "tensors of type string are not supported"),
    ("tree_cls_cycle", Takes::Column, "p", 1, "TreeEnsembleClassifier is not supported"),
    ("tree_cls_oob_child", Takes::Column, "p", 1, "TreeEnsembleClassifier is not supported"),
    ("tree_cls_oob_class", Takes::Column, "p", 1, "TreeEnsembleClassifier is not supported"),
    ("tree_cls_oob_feature", Takes::Column, "p", 1, "TreeEnsembleClassifier is not supported"),
    ("tree_reg_cycle", Takes::Column, "p", 1, "TreeEnsembleRegressor is not supported"),
    ("tree_reg_oob_child", Takes::Column, "p", 1, "TreeEnsembleRegressor is not supported"),
    ("tree_reg_oob_class", Takes::Column, "p", 1, "TreeEnsembleRegressor is not supported"),
    ("tree_reg_oob_feature", Takes::Column, "p", 1, "TreeEnsembleRegressor is not supported"),
    ("truncated", Takes::History, "vector", 32, "not a whole ONNX file: it ends inside a field"),
    ("undeclared_output", Takes::Number, "nope", 1, "output \"nope\": no node of the graph makes it"),
];

fn attach(name: &str) -> Option<Result<TowerPair, Error>> {
    let &(_, takes, output, dim, _) = MODELS.iter().find(|model| model.0 == name)?;
    let folder = shared("onnx-fixtures/hostile");
    let spec = json!({
        "torre": 1, "tower": "item", "model": "linear", "dim": dim, "metric": "ip", "output": output, "inputs": takes.inputs(),
    });
    let source = TowerSource::from_file(folder.join(format!("{name}.onnx"))).unwrap().with_spec(spec.to_string());
    Some(TowerPair::new(source, linear_tower("user", 2, dim, "ip")))
}

#[test]
#[ignore = "the process in which one model is attached"]
fn child() {
    let name = std::env::var("TORRE_HOSTILE").expect("TORRE_HOSTILE");
    match attach(&name).unwrap() {
        Ok(_) => println!("\nSAID accepted"),
        Err(Error::Model(error)) => println!("\nSAID {error}"),
        Err(error) => println!("\nSAID not an error about a model: {error:?}"),
    }
}

/// What the child said, or how it ended.
fn ask(name: &str) -> String {
    let limited = format!("ulimit -v {MEMORY}; exec \"$0\" --exact hostile::child --ignored --nocapture --test-threads 1");
    let mut command = Command::new("sh");
    command.args(["-c", &limited]).arg(std::env::current_exe().unwrap()).env("TORRE_HOSTILE", name).env("RAYON_NUM_THREADS", "2");
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && start.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(5));
    }
    let in_time = child.try_wait().unwrap().is_some();
    if !in_time {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().find_map(|line| line.strip_prefix("SAID ")) {
        Some(said) if in_time && output.status.success() => said.to_owned(),
        _ => format!("ended with {} after {:?}", output.status, start.elapsed()),
    }
}

/// The short chain does no harm: it is taken.
#[test]
#[ignore = "shared data"]
fn shared_hostile_models_are_refused() {
    let folder = shared("onnx-fixtures/hostile");
    for (name, .., expected) in MODELS {
        let said = ask(name);
        assert!(said.contains(expected), "{name}: {said}, expected {expected}");
    }
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let unknown = |path: &std::path::PathBuf| {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        path.extension().is_some_and(|kind| kind == "onnx") && !MODELS.iter().any(|model| model.0 == stem)
    };
    assert_eq!(files.filter(unknown).collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
}
