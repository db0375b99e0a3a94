//! Real towers, trained elsewhere: every bundle gives the answers and the quality that its makers measured.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use torre::{BuildOptions, CollectionOptions, Database, Item, NoProgress, Row, TowerPair};

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

fn json(path: &Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn rows(path: &Path) -> impl Iterator<Item = Row> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| Row::from_json(line).unwrap()).collect::<Vec<_>>().into_iter()
}

fn collection(folder: &Path) -> (Database, torre::Collection) {
    let database = Database::in_memory().unwrap();
    let towers = TowerPair::from_files(folder.join("item.onnx"), folder.join("user.onnx")).unwrap();
    let items = database.create_collection("items", CollectionOptions::towers(&towers).lenient(true)).unwrap();
    items.import().run(rows(&folder.join("items.jsonl")).map(Item::from_row)).unwrap();
    (database, items)
}

/// The user row and the ids seen of a line of eval.jsonl.
fn case(line: &Json) -> (Row, Vec<String>) {
    let id = |id: &Json| id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let seen = line["seen"].as_array().map(|seen| seen.iter().map(id).collect()).unwrap_or_default();
    (Row::from_json(&line["user"].to_string()).unwrap(), seen)
}

/// `expected.json`: the exact best ten of some users. Ids may swap where scores lie within the tolerance.
fn expected_answers(name: &str) {
    const TOLERANCE: f64 = 1e-4;
    let Some(folder) = bundle(name) else { return };
    let (_database, items) = collection(&folder);
    let lines: Vec<Json> =
        std::fs::read_to_string(folder.join("eval.jsonl")).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = json(&folder.join("expected.json"));
    let users = expected["users"].as_array().unwrap();
    assert!(users.len() >= 10, "{name}");
    for user in users {
        let at = user["eval_line"].as_u64().unwrap() as usize;
        let (row, seen) = case(&lines[at]);
        // A second stage re-orders the best 100 of what was not seen; the towers alone are asked for everything.
        let ranked = user["top10"][0].get("ranker").is_some();
        let answer = items.recommend(&row).k(100).exclude(if ranked { seen } else { vec![] }).exact().run().unwrap();
        let score_of = |id: &str| answer.hits.iter().find(|hit| hit.id.as_str() == id).map(|hit| f64::from(hit.score));
        for (place, wanted) in user["top10"].as_array().unwrap().iter().enumerate() {
            let (id, score) = (wanted["id"].as_str().unwrap(), wanted["score"].as_f64().unwrap());
            let got = score_of(id).unwrap_or_else(|| panic!("{name}, line {at}: {id} is not among the best"));
            assert!((got - score).abs() < TOLERANCE, "{name}, line {at}, {id}: {got}, expected {score}");
            let here = f64::from(answer.hits[place].score);
            assert!(ranked || (here - score).abs() < TOLERANCE, "{name}, line {at}, place {place}: {here}, expected {score}");
        }
    }
}

/// `eval` reproduces the metrics of the bundle: exactly with an exact scan, nearly with an index at recall 0.95.
fn metrics(name: &str, users: u64) {
    let Some(folder) = bundle(name) else { return };
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let workshop = Workshop::new();
    workshop.json(&["create", "db", "--item", &file("item.onnx"), "--user", &file("user.onnx"), "--lenient"]);
    let imported = workshop.json(&["import", "db", &file("items.jsonl")]);
    assert_eq!(imported["inserted"], rows(&folder.join("items.jsonl")).count());
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
fn expected_answers_are_reproduced() {
    for name in ["ml100k-avg", "ml100k-gru", "ml100k-lookup", "ml100k-ranker", "retail-attn"] {
        expected_answers(name);
    }
}

#[test]
fn metrics_of_the_movie_bundles() {
    for name in ["ml100k-avg", "ml100k-gru", "ml100k-lookup", "ml100k-ranker"] {
        metrics(name, 908);
    }
}

#[test]
fn metrics_of_the_shop_bundle() {
    metrics("retail-attn", 1212);
}

#[test]
fn what_was_asked_before_changes_no_vector() {
    for name in ["ml100k-gru", "ml100k-avg", "retail-attn"] {
        let Some(folder) = bundle(name) else { return };
        let (_database, items) = collection(&folder);
        let users: Vec<Row> = std::fs::read_to_string(folder.join("eval.jsonl"))
            .unwrap()
            .lines()
            .take(64)
            .map(|line| case(&serde_json::from_str(line).unwrap()).0)
            .collect();
        let alone: Vec<Vec<f32>> = users.iter().map(|user| items.recommend(user).vector().unwrap()).collect();
        let backwards: Vec<Vec<f32>> = users.iter().rev().map(|user| items.recommend(user).vector().unwrap()).collect();
        assert!(alone.iter().eq(backwards.iter().rev()), "{name}: a vector depends on the one before");
        let hits = |answer: &torre::Answer| answer.hits.iter().map(|hit| (hit.id.to_string(), hit.score)).collect::<Vec<_>>();
        for batch in [7, 64] {
            for (chunk, users) in users.chunks(batch).enumerate() {
                let together = items.recommend_many(users).k(5).exact().run().unwrap();
                for (user, together) in users.iter().zip(&together) {
                    let single = items.recommend(user).k(5).exact().run().unwrap();
                    for (a, b) in hits(&single).iter().zip(hits(together)) {
                        assert!((a.1 - b.1).abs() < 1e-5, "{name}: alone {a:?}, in batch {chunk} of {batch} {b:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_recommendation_on_the_command_line_has_titles() {
    let Some(folder) = bundle("ml100k-avg") else { return };
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let workshop = Workshop::new();
    workshop.json(&["create", "db", "--item", &file("item.onnx"), "--user", &file("user.onnx")]);
    workshop.json(&["import", "db", &file("items.jsonl")]);
    let user = r#"{"age": 24, "gender": "M", "occupation": "technician", "history": ["173"]}"#;
    let answer = workshop.json(&["recommend", "db", "--user", user, "--fields", "title", "--exclude", "173"]);
    assert!(answer["hits"][0]["fields"]["title"].is_string(), "{answer}");
}

#[test]
fn an_index_of_a_bundle_answers_like_an_exact_scan() {
    let Some(folder) = bundle("ml100k-avg") else { return };
    let (_database, items) = collection(&folder);
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    let (user, seen) =
        case(&serde_json::from_str(std::fs::read_to_string(folder.join("eval.jsonl")).unwrap().lines().next().unwrap()).unwrap());
    let exact = items.recommend(&user).k(10).exclude(seen.clone()).exact().run().unwrap();
    let all = items.recommend(&user).k(10).exclude(seen).nprobe(usize::MAX).refine_factor(50).run().unwrap();
    let (exact, all): (Vec<_>, Vec<_>) = (exact.ids().collect(), all.ids().collect());
    let found = exact.iter().filter(|id| all.contains(id)).count();
    assert!(found >= 9, "{exact:?} exactly, {all:?} by the index");
}
