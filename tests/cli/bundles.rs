//! Real towers through the binary: `create`, `import`, `eval`, `recommend`.

use std::path::PathBuf;

use crate::binary::Workshop;

/// The folder of a tower bundle; none, said aloud, where the reference data is not at hand.
fn bundle(name: &str) -> Option<PathBuf> {
    let shared =
        std::env::var_os("TORRE_SHARED").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = shared.join("towers").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("TORRE_REQUIRE_SHARED").is_none(), "{} is required and not there", folder.display());
    eprintln!("skipped: {} is not there", folder.display());
    None
}

#[test]
fn eval_gives_the_metrics_of_the_bundle() {
    let Some(folder) = bundle("ml100k-avg") else { return };
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let workshop = Workshop::new();
    workshop.json(&["create", "db", "--item", &file("item.onnx"), "--user", &file("user.onnx")]);
    let imported = workshop.json(&["import", "db", &file("items.jsonl")]);
    assert_eq!(imported["inserted"], 1682);
    let report = workshop.json(&["eval", "db", &file("eval.jsonl"), "--k", "10,20", "--exact"]);
    assert_eq!(report["users"], 908);
    for (metric, k, expected) in [("recall", "10", 0.1674), ("recall", "20", 0.2636), ("ndcg", "10", 0.1862), ("hit_rate", "10", 0.6531)] {
        let got = report[metric][k].as_f64().unwrap();
        assert!((got - expected).abs() < 0.002, "{metric}@{k}: {got}, expected {expected}");
    }
    assert!(report["p50_micros"].as_f64().unwrap() > 0.0 && report["timed_users"] == 908, "{report}");
    let answer = workshop.json(&[
        "recommend",
        "db",
        "--user",
        r#"{"age": 24, "gender": "M", "occupation": "technician", "history": ["173"]}"#,
        "--fields",
        "title",
        "--exclude",
        "173",
    ]);
    assert!(answer["hits"][0]["fields"]["title"].is_string(), "{answer}");
}
