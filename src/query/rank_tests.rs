//! Queries with a second stage.

#![allow(clippy::unwrap_used)]
use crate::ranker::testing::Table;
use crate::{
    Answer, Collection, CollectionOptions, Database, Error, Item, Matrix, Metric, NoProgress, RankerSource, Rerank, SearchOptions, row,
};

/// Rows on a line; every third has no field.
fn items() -> Collection {
    let database = Database::in_memory().unwrap();
    let options = CollectionOptions::vectors(2, Metric::L2).field("f0:float".parse().unwrap()).unwrap();
    let items = database.create_collection("items", options).unwrap();
    let item = |n: u64| {
        let row = if n.is_multiple_of(3) {
            row! {}
        } else {
            row! { "f0" => (n * 7 % 10) as f64 / 10.0 }
        };
        Item::new(n).unwrap().with_row(row).with_vector([n as f32, 0.0])
    };
    items.upsert_many((0..60).map(item)).unwrap();
    items
}

fn stump(from: &str) -> RankerSource {
    let spec = crate::ranker::fuzzing::spec(1, "x", "y").replace("item.f0", from);
    RankerSource::new(Table::stump(1.0, -1.0).to_onnx()).with_spec(spec)
}

const QUERY: [f32; 2] = [20.0, 0.0];

/// What a second stage over the answer of the first gives, done by hand.
fn by_hand(items: &Collection, ranker: &str, best: usize, k: usize) -> Vec<(String, Option<f32>)> {
    let first = items.search(&QUERY).k(best.max(k)).run().unwrap();
    let ranker = items.ranker(ranker).unwrap();
    let feature = |id: &str| items.get(id).unwrap().unwrap().row().get("f0").and_then(|f0| f0.as_f64()).map_or(f32::NAN, |f0| f0 as f32);
    let mut ranked: Vec<(String, Option<f32>)> = first.ids().map(|id| (id.to_owned(), None)).collect();
    let best = best.min(ranked.len());
    for (id, rank) in &mut ranked[..best] {
        *rank = Some(ranker.score(&Matrix::from_vec(1, vec![feature(id)]).unwrap()).unwrap()[0]);
    }
    ranked[..best].sort_by(|a, b| b.1.unwrap().total_cmp(&a.1.unwrap()));
    ranked.truncate(k);
    ranked
}

fn ranked(answer: &Answer) -> Vec<(String, Option<f32>)> {
    answer.hits.iter().map(|hit| (hit.id.to_string(), hit.rank_score)).collect()
}

#[test]
fn the_best_of_the_first_stage_are_ordered_by_the_ranker() {
    let items = items();
    items.attach_ranker("main", &stump("item.f0")).unwrap();
    for indexed in [false, true] {
        if indexed {
            items.add_index("f0", &NoProgress).unwrap();
        }
        for (best, k) in [(1, 5), (10, 5), (10, 10), (30, 7), (100, 60), (5, 9)] {
            let answer = items.search(&QUERY).k(k).rerank(best).run().unwrap();
            assert_eq!(ranked(&answer), by_hand(&items, "main", best, k), "{best} {k}, indexed: {indexed}");
            assert!(answer.hits.iter().all(|hit| hit.features.is_none()));
        }
    }
    let explained = items.search(&QUERY).k(4).rerank(20).explain().run().unwrap();
    assert!(explained.hits.iter().all(|hit| hit.features.as_ref().is_some_and(|features| features.iter().count() == 1)));
    assert!(explained.explain.unwrap().stages.iter().any(|stage| stage.stage == "rank"));
    let queries: [&[f32]; 2] = [&QUERY, &[3.0, 0.0]];
    let batch = items.search_many(queries).k(6).rerank(12).run().unwrap();
    assert_eq!(ranked(&batch[0]), ranked(&items.search(&QUERY).k(6).rerank(12).run().unwrap()));
    let next = items.search(&QUERY).k(3).offset(3).rerank(12).run().unwrap();
    assert_eq!(ranked(&next), ranked(&batch[0])[3..]);
}

#[test]
fn rankers_read_the_first_score_and_say_what_is_missing() {
    let items = items();
    items.attach_ranker("score", &stump("score")).unwrap();
    // Negated squared distances: none is above 0.
    let answer = items.search(&QUERY).k(5).rerank(5).run().unwrap();
    let scores = items.ranker("score").unwrap().score(&Matrix::from_vec(1, answer.hits.iter().map(|hit| hit.score).collect()).unwrap());
    assert_eq!(answer.hits.iter().map(|hit| hit.rank_score.unwrap()).collect::<Vec<_>>(), scores.unwrap());
    items.attach_ranker("user", &stump("user.age")).unwrap();
    let answer = items.search(&QUERY).k(5).rerank_with("user", 5).explain().run().unwrap();
    assert!(answer.hits.iter().all(|hit| hit.features.as_ref().unwrap().iter().all(|(_, value)| value.is_null())));
    let lacking = |answer: Answer| {
        let ranker = answer.explain.unwrap().ranker.unwrap();
        (ranker.candidates, ranker.missing.iter().map(|missing| (missing.feature.clone(), missing.candidates)).collect::<Vec<_>>())
    };
    assert_eq!(lacking(answer), (5, vec![("f0".to_owned(), 5)]));
    assert_eq!(lacking(items.search(&QUERY).k(3).rerank_with("score", 4).explain().run().unwrap()), (4, Vec::new()));
}

#[test]
fn a_second_stage_that_cannot_be_is_refused() {
    let items = items();
    assert!(matches!(items.search(&QUERY).rerank(5).run(), Err(Error::InvalidOption { option: "rerank", .. })));
    assert!(matches!(items.search(&QUERY).rerank_with("main", 5).run(), Err(Error::UnknownRanker { .. })));
    items.attach_ranker("a", &stump("item.f0")).unwrap();
    assert!(matches!(items.search(&QUERY).rerank(0).run(), Err(Error::InvalidOption { option: "rerank", .. })));
    items.attach_ranker("b", &stump("item.f0")).unwrap();
    assert!(matches!(items.search(&QUERY).rerank(5).run(), Err(Error::InvalidOption { option: "rerank", .. })));
    let options = SearchOptions { rerank: Some(Rerank::new(5, Some("b".to_owned()))), ..SearchOptions::default() };
    assert_eq!(items.search(&QUERY).options(options).run().unwrap().hits.len(), 10);
}

#[test]
fn crosses_and_texts_are_the_same_from_memory_and_from_records() {
    let database = Database::in_memory().unwrap();
    let mut options = CollectionOptions::vectors(2, Metric::L2);
    for field in ["brand:text", "number:int", "share:float", "tags:list<text>", "added:time", "open:bool"] {
        options = options.field(field.parse().unwrap()).unwrap();
    }
    let items = database.create_collection("items", options).unwrap();
    let item = |n: u64| {
        let all = row! {
            "brand" => ["N", "F", "7"][(n % 3) as usize], "number" => n % 5, "share" => (n % 4) as f64, "tags" => vec!["a", "b", "c"][..(n % 4) as usize].to_vec(),
            "added" => format!("2026-01-0{}T00:00:00Z", 1 + n % 9), "open" => n.is_multiple_of(2),
        };
        let kept =
            all.iter().enumerate().filter(|(at, _)| !(n as usize + at).is_multiple_of(7)).map(|(_, (name, value))| (name, value.clone()));
        Item::new(n).unwrap().with_row(kept.collect()).with_vector([n as f32, 0.0])
    };
    items.upsert_many((0..60).map(item)).unwrap();
    let features = serde_json::json!([
        {"name": "brand", "from": "item.brand", "vocab": ["7", "N"]},
        {"name": "bucket", "from": "item.brand", "buckets": 11},
        {"name": "tags", "cross": "in_list", "of": ["item.tags", "item.tags"]},
        {"name": "brand in tags", "cross": "in_list", "of": ["item.brand", "item.tags"]},
        {"name": "equal", "cross": "equal", "of": ["item.number", "item.share"]},
        {"name": "day", "cross": "difference", "of": ["item.added", "item.number"]},
        {"name": "by", "cross": "ratio", "of": ["item.share", "item.number"]},
        {"name": "open", "from": "item.open"},
    ]);
    let spec = serde_json::json!({"torre": 2, "features": features, "input": "x", "output": "y"}).to_string();
    let table = Table { width: 8, ..Table::stump(1.0, -1.0) };
    items.attach_ranker("main", &RankerSource::new(table.to_onnx()).with_spec(spec)).unwrap();
    let ask = || items.search(&QUERY).k(60).rerank(60).explain().run().unwrap().hits;
    let from_records = ask();
    for field in ["brand", "number", "share", "tags", "added", "open"] {
        items.add_index(field, &NoProgress).unwrap();
    }
    assert_eq!(from_records, ask());
    let features = |hit: &crate::Hit| hit.features.clone().unwrap();
    assert!(from_records.iter().any(|hit| features(hit).get("brand").is_some_and(crate::Value::is_null)));
    assert!(from_records.iter().any(|hit| features(hit).get("by").is_some_and(|by| by.as_f64().is_some_and(|by| by > 0.0))));
}
