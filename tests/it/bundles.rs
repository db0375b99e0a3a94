//! Tower pairs that were trained on real data: the answers and the quality that their makers measured come out here too.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;
use torre::{Answer, BuildOptions, Collection, CollectionOptions, Database, Hit, Item, NoProgress, RankerSource, Row};

use crate::shared::{Bundle, Case};

/// Largest difference of a score to the one that another runtime computed.
const SCORE: f32 = 1e-4;
/// Largest difference of a metric: of the exact search, and of the index.
const EXACT: f64 = 0.002;
const INDEXED: f64 = 0.01;

/// The bundle's items behind its towers, in memory.
fn open(bundle: &Bundle) -> Collection {
    let database = Database::in_memory().unwrap();
    // A bundle's items may have fields that only a second stage reads.
    let items = database.create_collection("items", CollectionOptions::towers(&bundle.towers()).lenient(true)).unwrap();
    let rows = bundle.items();
    let report = items.import().run(rows.iter().cloned().map(Item::from_row)).unwrap();
    assert_eq!((report.inserted, items.len()), (rows.len() as u64, rows.len() as u64));
    items
}

fn expected_hits(list: &Json) -> Vec<(&str, f32)> {
    list.as_array().unwrap().iter().map(|hit| (hit["id"].as_str().unwrap(), hit["score"].as_f64().unwrap() as f32)).collect()
}

/// The first hits of the answer are the expected ones, with their scores; only neighbours in score may stand in each other's place.
/// `answer` must be longer than what is expected, so that a swap across the end is seen as one.
fn assert_hits(answer: &Answer, expected: &[(&str, f32)], which: &str) {
    assert!(answer.hits.len() > expected.len(), "{which}");
    for (at, (hit, &(id, score))) in answer.hits.iter().zip(expected).enumerate() {
        assert!((hit.score - score).abs() <= SCORE, "{which}, place {at}: {hit:?}, expected {id} {score}");
        let found = answer.hits.iter().find(|hit| hit.id.as_str() == id);
        assert!(found.is_some_and(|found| (found.score - score).abs() <= SCORE), "{which}: {found:?}, expected {id} {score}");
    }
}

/// Recall and hit rate at 10, recall at 20, nDCG at 10: binary relevance, means over the users, as the bundles define them.
fn metrics(answers: &[Answer], cases: &[Case]) -> BTreeMap<&'static str, f64> {
    let gain = |at: usize| 1.0 / (at as f64 + 2.0).log2();
    let mut sums = BTreeMap::new();
    for (answer, case) in answers.iter().zip(cases) {
        let relevant: HashSet<&str> = case.relevant.iter().map(String::as_str).collect();
        let found: Vec<bool> = answer.ids().map(|id| relevant.contains(id)).collect();
        assert_eq!(found.len(), 20);
        let hits = |k: usize| found[..k].iter().filter(|&&hit| hit).count() as f64;
        let dcg: f64 = (0..10).filter(|&at| found[at]).map(gain).sum();
        let ideal: f64 = (0..relevant.len().min(10)).map(gain).sum();
        for (name, value) in [
            ("recall@10", hits(10) / relevant.len() as f64),
            ("recall@20", hits(20) / relevant.len() as f64),
            ("ndcg@10", dcg / ideal),
            ("hr@10", f64::from(hits(10) > 0.0)),
        ] {
            *sums.entry(name).or_insert(0.0) += value / cases.len() as f64;
        }
    }
    sums
}

fn assert_metrics(answers: &[Answer], cases: &[Case], expected: &Json, tolerance: f64, which: &str) {
    let expected = expected.as_object().unwrap();
    let found = metrics(answers, cases);
    println!("{which}: {found:.4?}, expected {expected:?}");
    assert_eq!(expected.len(), found.len());
    for (name, value) in found {
        let expected = expected[name].as_f64().unwrap();
        assert!((value - expected).abs() <= tolerance, "{which}: {name} is {value:.4}, expected {expected}");
    }
}

/// Answers all of the bundle's users, without what they have seen.
fn recommend(items: &Collection, cases: &[Case], exact: bool) -> Vec<Answer> {
    let seen = cases.iter().map(|case| case.seen.clone()).collect();
    let query = items.recommend_many(cases.iter().map(|case| &case.user)).k(20).exclude_each(seen);
    if exact { query.exact().run().unwrap() } else { query.recall(0.95).run().unwrap() }
}

/// `measured`: the metrics that the bundle states for its towers.
fn check_quality(items: &Collection, cases: &[Case], measured: &Json, name: &str) {
    assert_metrics(&recommend(items, cases, true), cases, measured, EXACT, &format!("{name}, exact"));
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    let probe = items.recommend(&cases[0].user).explain().run().unwrap();
    assert!(probe.explain.unwrap().codes_scanned > 0, "{name}: the index is not used");
    assert_metrics(&recommend(items, cases, false), cases, measured, INDEXED, &format!("{name}, index"));
}

fn check(name: &str) {
    let bundle = Bundle::find(name);
    let (items, cases) = (open(&bundle), bundle.cases());
    let expected = bundle.json("expected.json");
    let users = expected["users"].as_array().unwrap();
    assert_eq!(users.len(), 20);
    for expected in users {
        let line = expected["eval_line"].as_u64().unwrap();
        let case = &cases[line as usize];
        let all = items.recommend(&case.user).exact().k(30).run().unwrap();
        assert_hits(&all, &expected_hits(&expected["top10"]), &format!("{name}, line {line}"));
        let unseen = items.recommend(&case.user).exact().k(30).exclude(case.seen.iter().cloned()).run().unwrap();
        assert_hits(&unseen, &expected_hits(&expected["top10_without_seen"]), &format!("{name}, line {line}, without seen"));
    }
    let metrics = bundle.json("metrics.json");
    assert_eq!(metrics["model"], expected["metrics"]);
    check_quality(&items, &cases, &metrics["model"], name);
}

#[test]
#[ignore = "shared data"]
fn shared_averaged_history() {
    check("ml100k-avg");
}

#[test]
#[ignore = "shared data"]
fn shared_recurrent_history() {
    check("ml100k-gru");
}

#[test]
#[ignore = "shared data"]
fn shared_history_of_stored_vectors() {
    check("ml100k-lookup");
}

#[test]
#[ignore = "shared data"]
fn shared_attention_over_history() {
    check("retail-attn");
}

/// The hundred nearest with their scores, and what the second stage makes of them.
#[test]
#[ignore = "shared data"]
fn shared_both_stages_of_a_ranker() {
    let bundle = Bundle::find("ml100k-ranker");
    let (items, cases) = (open(&bundle), bundle.cases());
    let expected = bundle.json("expected.json");
    for expected in expected["users"].as_array().unwrap() {
        let case = &cases[expected["eval_line"].as_u64().unwrap() as usize];
        let answer = items.recommend(&case.user).exact().k(100).exclude(case.seen.iter().cloned()).run().unwrap();
        for (id, score) in expected_hits(&expected["top10"]) {
            let found = answer.hits.iter().find(|hit| hit.id.as_str() == id);
            assert!(found.is_some_and(|hit| (hit.score - score).abs() <= SCORE), "{found:?}, expected {id} {score}");
        }
    }
    items.attach_ranker("main", &RankerSource::from_file(bundle.path("ranker.onnx")).unwrap()).unwrap();
    for expected in expected["users"].as_array().unwrap() {
        let case = &cases[expected["eval_line"].as_u64().unwrap() as usize];
        let answer = items.recommend(&case.user).exact().k(30).rerank(100).exclude(case.seen.iter().cloned()).run().unwrap();
        for (hit, expected) in answer.hits.iter().zip(expected["top10"].as_array().unwrap()) {
            let rank = expected["ranker"].as_f64().unwrap() as f32;
            let near = |hit: &Hit| hit.rank_score.is_some_and(|score| (score - rank).abs() <= SCORE);
            let found = answer.hits.iter().find(|hit| hit.id.as_str() == expected["id"].as_str().unwrap());
            assert!(near(hit) && found.is_some_and(near), "{hit:?}, {found:?}, expected {expected}");
        }
    }
    let seen = cases.iter().map(|case| case.seen.clone()).collect();
    let ranked = items.recommend_many(cases.iter().map(|case| &case.user)).k(20).exact().rerank(100).exclude_each(seen).run().unwrap();
    assert_metrics(&ranked, &cases, &bundle.json("metrics.json")["retrieve 100, then rank"], EXACT, "both stages, exact");
    check_quality(&items, &cases, &bundle.json("metrics.json")["retrieve only"], "ml100k-ranker");
}

/// What a recurrent tower makes of a user depends on nothing that it was asked before, nor on who is asked for in the same call.
#[test]
#[ignore = "shared data"]
fn shared_a_recurrent_tower_remembers_nothing() {
    let bundle = Bundle::find("ml100k-gru");
    let (items, cases) = (open(&bundle), bundle.cases());
    let users: Vec<&Row> = cases.iter().map(|case| &case.user).take(64).collect();
    let vectors: Vec<Vec<f32>> = users.iter().map(|user| items.recommend(user).vector().unwrap()).collect();
    for (user, vector) in users.iter().zip(&vectors).rev() {
        assert_eq!(&items.recommend(user).vector().unwrap(), vector);
    }
    for at in [0, 17, 63] {
        let fresh = Database::in_memory().unwrap().create_collection("items", CollectionOptions::towers(&bundle.towers())).unwrap();
        assert_eq!(fresh.recommend(users[at]).vector().unwrap(), vectors[at], "user {at}, asked first");
    }
    let scores = |answer: &Answer| answer.hits.iter().map(|hit| hit.score).collect::<Vec<_>>();
    for size in [1, 7, 64] {
        for _ in 0..2 {
            let answers = users.chunks(size).flat_map(|users| items.recommend_many(users.iter().copied()).exact().k(50).run().unwrap());
            for (at, (answer, vector)) in answers.zip(&vectors).enumerate() {
                let alone = items.search(vector).exact().k(50).run().unwrap();
                // Sums of another batch size may be taken in another order.
                let near = scores(&answer).iter().zip(scores(&alone)).all(|(a, b)| (a - b).abs() < 1e-5);
                assert!(near && answer.hits.len() == 50, "user {at} in a batch of {size}");
            }
        }
    }
}
