//! Documents of version 2 that are refused, and what is said about them.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value as Json, json};
use torre_features::FeatureSpec;

fn problem(version: u32, input: &Json) -> String {
    let document = json!({
        "torre": version, "tower": "user", "model": "m", "dim": 3, "metric": "ip", "output": "v", "vocabs": {"items": ["a"]}, "inputs": [input],
    });
    FeatureSpec::parse(&document.to_string()).err().map_or_else(|| format!("accepted: {document}"), |error| error.to_string())
}

fn index(op: Json) -> Json {
    json!({"tensor": "x", "dtype": "i64", "shape": ["N"], "from": "f", "op": op})
}

fn column(op: Json) -> Json {
    json!({"tensor": "x", "dtype": "f32", "shape": ["N", 1], "from": "f", "op": op})
}

fn with(mut input: Json, key: &str, value: Json) -> Json {
    input[key] = value;
    input
}

fn bag() -> Json {
    let input = with(index(json!({"bag": {"hash": {"buckets": 9}}})), "list", json!({"max": 2, "keep": "largest"}));
    with(with(input, "weights", json!("w")), "shape", json!(["N", 2]))
}

#[test]
fn a_wrong_input_of_version_two_is_refused_by_its_name() {
    assert!(problem(2, &bag()).starts_with("accepted"));
    let hash = || index(json!({"hash": {"buckets": 9}}));
    let pair = |op: Json| with(index(op), "from", json!(["a", "b"]));
    for (input, expected) in [
        (with(hash(), "from", json!([])), "\"from\": expected 1 to 8 fields, got a list"),
        (with(hash(), "from", json!([1])), "\"from\": expected strings in the list, got a list"),
        (pair(json!({"hash": {"buckets": 9}})), ", field \"a, b\": hash: expected one field in \"from\", got 2"),
        (with(hash(), "index", json!({"frist": 0})), "index: unknown key \"frist\"; expected padding, missing, first"),
        (with(hash(), "index", json!({"first": -1})), "index first: expected a whole number from 0 to 1099511627776, got -1"),
        (with(hash(), "index", json!(5)), "index: expected an object, got 5"),
        (with(column(json!({"number": []})), "index", json!({})), "\"index\" is for indexes, which number does not make here"),
        (with(hash(), "weights", json!("w")), "\"weights\" is for bag"),
        (with(bag(), "weights", json!(null)), "\"weights\": expected the name of the tensor of weights, got null"),
        (with(bag(), "weights", json!("x")), "named twice; each graph input takes exactly one entry"),
        (
            with(bag(), "op", json!({"bag": {"text": {}}})),
            "bag: expected an object with exactly one of vocab, hash and identity, got an object",
        ),
        (with(bag(), "op", json!({"bag": {"hash": {}}})), "buckets: expected a whole number from 1 to 1099511627776, got nothing"),
        (with(bag(), "list", json!({"max": 2, "keep": "most"})), "list keep: expected \"largest\", \"last\" or \"first\", got \"most\""),
        (with(hash(), "list", json!({"max": 2, "keep": "largest"})), "list keep: expected \"last\" or \"first\", got \"largest\""),
        (index(json!({"bag": {"hash": {"buckets": 9}}})), "bag needs \"list\""),
        (index(json!({"identity": {"size": 0}})), "size: expected a whole number from 1 to 1099511627776, got 0"),
        (
            with(index(json!({"identity": {"size": 9}})), "missing", json!("null")),
            "missing \"null\" on an identity: \"index\" has to say which index is \"missing\"",
        ),
        (
            with(index(json!({"identity": {"size": 9}})), "missing", json!({"value": 1})),
            "missing {\"value\": x} is for number, age and time, not identity",
        ),
        (index(json!({"cross": {"buckets": 9}})), "cross: expected two or more fields in \"from\", got 1"),
        (with(pair(json!({"cross": {"buckets": 9}})), "list", json!({"max": 1, "keep": "last"})), "cross takes no \"list\""),
        (
            with(column(json!({"geo_unit": {}})), "from", json!(["a", "b", "c"])),
            "geo_unit: expected a latitude and a longitude, or one field with a list of both in \"from\", got 3 fields",
        ),
        (pair(json!({"geo_cell": {"resolution": 24, "buckets": 1}})), "resolution: expected a whole number from 0 to 23, got 24"),
        (column(json!({"geo_unit": {}})), "expected the shape [\"N\", 3], got [\"N\",1]"),
        (column(json!({"age": {"unit": "days"}})), "now: expected the name of the field that holds now, got nothing"),
        (
            column(json!({"age": {"now": "n", "unit": "years"}})),
            "unit: expected \"seconds\", \"minutes\", \"hours\", \"days\" or \"weeks\", got \"years\"",
        ),
        (column(json!({"age": {"now": "n", "unit": "days", "steps": 5}})), "steps: expected a list of steps, got 5"),
        (
            with(column(json!({"age": {"now": "n", "unit": "days", "steps": ["log"]}})), "missing", json!({"value": 0})),
            "missing value: expected a number above 0 for \"log\", got the number 0",
        ),
        (index(json!({"age": {"now": "n", "unit": "days"}})), "an index of a number needs \"bucketize\" as its last step"),
        (index(json!({"number": ["log1p"]})), "an index of a number needs \"bucketize\" as its last step"),
        (
            index(json!({"time": ["hour", "dow"]})),
            "time as an index: expected a list of one of \"hour\", \"dow\", \"day\", \"month\", got a list",
        ),
        (column(json!({"time": ["hour"]})), "the part \"hour\" of a time is an index; it takes the dtype \"i64\" and an input of its own"),
        (column(json!({"number": ["cbrt"]})), "expected \"log1p\", log, sqrt, power, min_max, quantiles, standardize, clip or bucketize"),
        (column(json!({"number": [{"power": "2"}]})), "power: expected a number, got \"2\""),
        (column(json!({"number": [{"min_max": [2, 2]}]})), "min_max: the second number must be above the first, got 2 and 2"),
        (column(json!({"number": [{"min_max": [2]}]})), "min_max: expected two numbers, got a list"),
        (
            column(json!({"number": [{"quantiles": [2, 2]}]})),
            "quantiles: expected numbers that never fall, the last above the first, got 2 numbers, the last above the first by 0",
        ),
        (with(column(json!({"is_missing": {}})), "missing", json!("null")), "is_missing takes no \"missing\""),
        (
            column(json!({"oneshot": {}})),
            "unknown op \"oneshot\"; expected vocab, hash, text, number, time, onehot, vector, identity, bag, chars, wordpiece, bpe, cross, age, geo_unit, geo_cell, is_missing, or lookup",
        ),
        (
            json!({"tensor": "x", "dtype": "f32", "shape": ["N", 1], "concat": [{"from": "f", "op": {"hash": {"buckets": 9}}}]}),
            "concat takes number, age, time, onehot, vector, geo_unit and is_missing, without \"list\"",
        ),
    ] {
        let problem = problem(2, &input);
        assert!(problem.starts_with("feature spec, input \"") && problem.contains(expected), "{problem}\n{expected}");
    }
}

#[test]
fn version_one_names_what_it_has_not() {
    for (input, what) in [
        (index(json!({"identity": {"size": 9}})), "the operation \"identity\""),
        (with(index(json!({"cross": {"buckets": 9}})), "from", json!(["a", "b"])), "a list of fields in \"from\""),
        (bag(), "the key \"weights\""),
        (with(index(json!({"hash": {"buckets": 9}})), "index", json!({})), "the key \"index\""),
        (column(json!({"number": ["sqrt"]})), "the step \"sqrt\""),
        (column(json!({"time": ["month"]})), "the part \"month\" of a time"),
        (index(json!({"time": ["month"]})), "an index of \"time\""),
        (index(json!({"number": [{"bucketize": []}]})), "an index of \"number\""),
    ] {
        let problem = problem(1, &input);
        assert!(problem.contains(what) && problem.ends_with(" is of version 2, and the document says \"torre\": 1"), "{problem}\n{what}");
    }
}

#[test]
fn a_document_of_many_inputs_and_fields_is_read_at_once() {
    let many =
        |n: usize| json!({"tensor": format!("t{n}"), "dtype": "f32", "shape": ["N"], "from": format!("f{n}"), "op": {"is_missing": {}}});
    let document = json!({
        "torre": 2, "tower": "user", "model": "m", "dim": 3, "metric": "ip", "output": "v", "inputs": (0..100_000).map(many).collect::<Vec<_>>(),
    });
    let began = std::time::Instant::now();
    let spec = FeatureSpec::parse(&document.to_string()).unwrap();
    assert_eq!(spec.fields().len(), 100_000);
    // Comparing each with every other takes minutes.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
