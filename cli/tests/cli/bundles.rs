//! Real towers through the binary: `create`, `import`, `eval` and `build` give the quality that the bundle's makers measured.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::binary::Workshop;

/// The folder of a tower bundle.
fn bundle(name: &str) -> PathBuf {
    let shared =
        std::env::var_os("TORRE_SHARED").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = shared.join("towers").join(name);
    assert!(folder.is_dir(), "{} is missing; TORRE_SHARED says where the reference data is", folder.display());
    folder
}

fn json(path: &Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// `eval` reproduces the metrics of the bundle: exactly with an exact scan, nearly with an index at recall 0.95.
fn metrics(name: &str, users: u64) {
    let folder = bundle(name);
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let workshop = Workshop::new();
    workshop.json(&["create", "db", "--item", &file("item.onnx"), "--user", &file("user.onnx"), "--lenient"]);
    let imported = workshop.json(&["import", "db", &file("items.jsonl")]);
    assert_eq!(imported["inserted"], std::fs::read_to_string(folder.join("items.jsonl")).unwrap().lines().count());
    let measured = json(&folder.join("metrics.json"));
    let measured = measured.get("model").or(measured.get("retrieve only")).unwrap();
    let compare = |report: &Json, tolerance: f64| {
        assert_eq!(report["users"], users, "{name}");
        for (ours, theirs, k) in [("recall", "recall", "10"), ("recall", "recall", "20"), ("ndcg", "ndcg", "10"), ("hit_rate", "hr", "10")]
        {
            let (got, expected) = (report[ours][k].as_f64().unwrap(), measured[format!("{theirs}@{k}")].as_f64().unwrap());
            assert!((got - expected).abs() <= tolerance, "{name}: {ours}@{k} is {got}, expected {expected}");
        }
        assert!(report["p50_micros"].as_f64().unwrap() > 0.0, "{name}");
    };
    compare(&workshop.json(&["eval", "db", &file("eval.jsonl"), "--k", "10,20", "--exact"]), 0.002);
    workshop.json(&["build", "db", "--users", &file("eval.jsonl")]);
    compare(&workshop.json(&["eval", "db", &file("eval.jsonl"), "--k", "10,20", "--recall", "0.95"]), 0.01);
}

#[test]
#[ignore = "shared data"]
fn shared_metrics_of_the_movie_bundles() {
    for name in ["ml100k-avg", "ml100k-gru", "ml100k-lookup", "ml100k-ranker"] {
        metrics(name, 908);
    }
}

#[test]
#[ignore = "shared data"]
fn shared_the_second_stage_is_measured_beside_the_first() {
    let folder = bundle("ml100k-ranker");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let workshop = Workshop::new();
    workshop.json(&["create", "db", "--item", &file("item.onnx"), "--user", &file("user.onnx"), "--lenient"]);
    workshop.json(&["import", "db", &file("items.jsonl")]);
    workshop.json(&["ranker", "attach", "db", &file("ranker.onnx")]);
    let measured = json(&folder.join("metrics.json"));
    let near = |report: &Json, expected: &str| {
        for (ours, theirs, k) in [("recall", "recall", "10"), ("recall", "recall", "20"), ("ndcg", "ndcg", "10"), ("hit_rate", "hr", "10")]
        {
            let (got, wanted) = (report[ours][k].as_f64().unwrap(), measured[expected][format!("{theirs}@{k}")].as_f64().unwrap());
            assert!((got - wanted).abs() <= 0.002, "{expected}: {ours}@{k} is {got}, expected {wanted}");
        }
    };
    let eval = ["eval", "db", &file("eval.jsonl"), "--k", "10,20", "--exact"];
    let ranked = workshop.json(&[&eval[..], &["--rerank", "100"]].concat());
    near(&ranked, "retrieve 100, then rank");
    near(&ranked["first_stage"], "retrieve only");
    // A list of items that are unlike each other: further apart, and more of all items shown.
    let diverse = workshop.json(&[&eval[..], &["--rerank", "100", "--diverse", "0.5", "--pool", "100"]].concat());
    for (name, more) in [("intra_list_distance", 0.02), ("coverage", 0.0)] {
        let number = |report: &Json| report[name].as_f64().unwrap();
        assert!(number(&diverse) > number(&ranked) + more, "{name}: {} and {}", number(&diverse), number(&ranked));
    }
}

#[test]
#[ignore = "shared data"]
fn shared_metrics_of_the_shop_bundle() {
    metrics("retail-attn", 1212);
}

#[test]
#[ignore = "shared data"]
fn shared_a_recommendation_on_the_command_line_has_titles() {
    let folder = bundle("ml100k-avg");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let workshop = Workshop::new();
    workshop.json(&["create", "db", "--item", &file("item.onnx"), "--user", &file("user.onnx")]);
    workshop.json(&["import", "db", &file("items.jsonl")]);
    let user = r#"{"age": 24, "gender": "M", "occupation": "technician", "history": ["173"]}"#;
    let answer = workshop.json(&["recommend", "db", "--user", user, "--fields", "title", "--exclude", "173"]);
    assert!(answer["hits"][0]["fields"]["title"].is_string(), "{answer}");
}

#[test]
#[ignore = "shared data"]
fn shared_a_bad_user_is_named_by_the_line_of_the_file() {
    let folder = bundle("ml100k-avg");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let workshop = Workshop::new();
    workshop.json(&["create", "db", "--item", &file("item.onnx"), "--user", &file("user.onnx")]);
    workshop.json(&["import", "db", &file("items.jsonl")]);
    for line in 0..300 {
        workshop.append("users.jsonl", r#"{"user": {"age": 30}, "relevant": ["50"]}"#);
        if line % 100 == 0 {
            workshop.append("users.jsonl", "");
        }
    }
    workshop.append("users.jsonl", r#"{"user": {"age": "old"}, "relevant": ["50"]}"#);
    let said = "error: users.jsonl, line 304: feature \"age\": expected a number, got the string \"old\"\n";
    for command in [&["eval", "db", "users.jsonl"][..], &["build", "db", "--users", "users.jsonl"]] {
        let run = workshop.torre(command);
        assert_eq!((run.code, run.stderr.as_str()), (1, said), "{command:?}");
    }
}
