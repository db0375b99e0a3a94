//! Towers whose feature specs are of version 2.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use torre::{Collection, CollectionOptions, Database, Item, TowerPair, TowerSource, row};

use crate::onnx::{bag, linear, linear_tower};

fn spec(input: Json) -> String {
    json!({
        "torre": 2, "tower": "item", "model": "linear", "dim": 2, "metric": "ip", "output": "vector", "inputs": [input],
        "golden": [{"row": {"tastes": {"2": 0.5, "0": 3}, "t": 0, "now": 2}, "vector": [1, 3.5]}],
    })
    .to_string()
}

fn bag_spec(size: u64) -> Json {
    json!({
        "tensor": "i", "weights": "w", "dtype": "i64", "shape": ["N", 3], "from": "tastes", "op": {"bag": {"identity": {"size": size}}},
        "list": {"max": 3, "keep": "largest"},
    })
}

fn shop(item: TowerSource) -> torre::Result<Collection> {
    let pair = TowerPair::new(item, linear_tower("user", 2, 2, "ip"))?;
    Database::in_memory()?.create_collection("items", CollectionOptions::towers(&pair))
}

fn vector(items: &Collection, id: &str) -> Vec<f32> {
    items.get(id).unwrap().unwrap().vector().unwrap().to_vec()
}

#[test]
fn a_weighted_bag_fills_two_inputs() {
    let items = shop(TowerSource::new(bag(5, 3)).with_spec(spec(bag_spec(5)))).unwrap();
    items.upsert_row(row! { "id" => "a", "tastes" => row! { "4" => 0.25, "1" => 2 } }).unwrap();
    items.upsert_row(row! { "id" => "b", "tastes" => row! { "1" => 1, "2" => -5, "3" => 1, "4" => 1 } }).unwrap();
    items.upsert_row(row! { "id" => "c", "tastes" => row! {} }).unwrap();
    assert_eq!((vector(&items, "a"), vector(&items, "b"), vector(&items, "c")), (vec![3.0, 2.25], vec![8.0, 3.0], vec![0.0, 0.0]));
    let error = items.upsert_row(row! { "id" => "d", "tastes" => row! { "5" => 1 } }).unwrap_err().to_string();
    assert_eq!(error, "feature \"tastes\" (row 0): expected a whole number from 0 to 4, got the string \"5\"");
}

#[test]
fn a_table_that_is_too_small_is_refused() {
    let error = shop(TowerSource::new(bag(5, 3)).with_spec(spec(bag_spec(6)))).err().unwrap().to_string();
    assert!(error.contains("input \"i\": indices from 0 to 5 reach node \"rows\", whose table has 5 rows"), "{error}");
}

#[test]
fn weights_that_nothing_fills_are_refused() {
    let input = json!({
        "tensor": "i", "dtype": "i64", "shape": ["N", 3], "from": "tastes", "op": {"identity": {"size": 5}}, "list": {"max": 3, "keep": "last"},
    });
    let error = shop(TowerSource::new(bag(5, 3)).with_spec(spec(input))).err().unwrap().to_string();
    assert!(error.contains("input \"w\"") && error.contains("does not fill it"), "{error}");
}

#[test]
fn a_call_has_one_now() {
    let input = json!({"tensor": "x", "dtype": "f32", "shape": ["N", 1], "from": "t", "op": {"age": {"now": "now", "unit": "seconds"}}});
    let mut spec: Json = serde_json::from_str(&spec(input)).unwrap();
    spec["golden"][0]["vector"] = json!([-5, -3]);
    let items = shop(TowerSource::new(linear(1, 2)).with_spec(spec.to_string())).unwrap();
    // More than one micro-batch, of an event so near that a second look at the clock would show.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    items.upsert_many((0..300).map(|n| Item::new(format!("{n}")).unwrap().with_row(row! { "t" => now }))).unwrap();
    let first = vector(&items, "0");
    assert!((-600.0..0.0).contains(&first[0]), "{first:?}");
    assert!((0..300).all(|n| vector(&items, &n.to_string()) == first));
    items.upsert_row(row! { "id" => "past", "t" => 10, "now" => "1970-01-01T00:00:20Z" }).unwrap();
    assert_eq!(vector(&items, "past"), [-25.0, -15.0]);
}
