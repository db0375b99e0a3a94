//! Specs that must be refused, and what is said about them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use serde_json::{Value as Json, json};

use super::encode::{EncodeOptions, TensorData};
use super::field::FieldType;
use super::spec::{Dtype, FeatureSpec, TowerRole};
use super::vectors::every_op;
use crate::metric::Metric;

fn document() -> Json {
    json!({
        "torre": 1, "tower": "item", "model": "m", "dim": 3, "metric": "ip", "normalized": true, "output": "vector",
        "vocabs": {"items": ["a", 2]},
        "inputs": [{"tensor": "x", "dtype": "i64", "shape": ["N"], "from": "f", "op": {"vocab": {"name": "items", "oov": 1}}}],
        "golden": [],
    })
}

fn problem(document: &Json) -> String {
    FeatureSpec::parse(&document.to_string()).err().map_or_else(|| format!("accepted: {document}"), |error| error.to_string())
}

/// The problem of a document that has these inputs.
fn inputs_problem(inputs: Json) -> String {
    let mut document = document();
    document["inputs"] = inputs;
    problem(&document)
}

fn categorical(op: Json) -> Json {
    json!({"tensor": "x", "dtype": "i64", "shape": ["N"], "from": "f", "op": op})
}

fn numeric(op: Json, width: usize) -> Json {
    json!({"tensor": "x", "dtype": "f32", "shape": ["N", width], "from": "f", "op": op})
}

fn with(mut input: Json, key: &str, value: Json) -> Json {
    input[key] = value;
    input
}

#[test]
fn a_spec_tells_what_it_holds() {
    let spec = every_op();
    assert_eq!((spec.tower(), spec.model(), spec.dim(), spec.metric()), (TowerRole::User, "every", 3, Metric::Cosine));
    assert_eq!((spec.normalized(), spec.output(), spec.uses_lookup()), (false, "vector", true));
    assert_eq!(spec.fields().collect::<Vec<_>>(), ["id", "history", "brand", "title", "genres", "price", "at", "place"]);
    assert!(spec.reads("at") && !spec.reads("side"));
    let inputs: Vec<_> =
        spec.inputs().iter().map(|input| (&*input.tensor, input.dtype, input.row_shape.clone(), input.index_size)).collect();
    assert_eq!(inputs[0], ("id", Dtype::I64, vec![], Some(13)));
    assert_eq!(inputs[1], ("history", Dtype::I64, vec![6], Some(5)));
    assert_eq!(inputs[2], ("brand", Dtype::I64, vec![], Some(102)));
    assert_eq!(inputs[3], ("title", Dtype::I64, vec![5], Some(1002)));
    assert_eq!(inputs[5], ("prices", Dtype::F32, vec![1, 3], None));
    assert_eq!(inputs[6], ("side", Dtype::F32, vec![10], None));
    let kinds = ["id", "history", "title", "genres", "price", "at", "place", "none"].map(|field| spec.field_type(field));
    use FieldType::{Float, FloatList, Text, TextList, Time};
    assert_eq!(kinds, [Some(Text), Some(TextList), Some(Text), Some(TextList), Some(Float), Some(Time), Some(FloatList), None]);
    assert_eq!(FeatureSpec::parse(spec.to_json()).unwrap().to_json(), spec.to_json());
}

#[test]
fn goldens_are_read() {
    let mut doc = document();
    doc["golden"] = json!([{"row": {"f": "a", "n": 0.1}, "vector": [1, 0.5, -2e-3], "items": {"50": [1, 2, 3]}}]);
    let spec = FeatureSpec::parse(&doc.to_string()).unwrap();
    let golden = &spec.golden()[0];
    assert_eq!((&golden.row, &golden.vector[..]), (&crate::row! { "f" => "a", "n" => 0.1 }, &[1.0, 0.5, -2e-3][..]));
    assert_eq!(golden.items, [("50".to_owned(), vec![1.0, 2.0, 3.0])]);
    for (golden, expected) in [
        (json!({}), r#""golden": expected a list, got an object"#),
        (json!([{"vector": [1, 2, 3]}]), r#""golden[0].row": expected an object, got nothing"#),
        (json!([{"row": {}, "vector": [1, 2]}]), r#""golden[0].vector": expected a list of 3 numbers, got a list"#),
        (json!([{"row": {}, "vector": [1, 2, 1e39]}]), r#""golden[0].vector": expected a list of 3 numbers"#),
        (json!([{"row": {}, "vector": [1, 2, 3], "items": []}]), r#""golden[0].items": expected an object, got a list"#),
        (json!([{"row": {}, "vector": [1, 2, 3], "items": {"a": [1]}}]), r#""golden[0].items.a": expected a list of 3 numbers"#),
    ] {
        doc["golden"] = golden;
        assert!(problem(&doc).contains(expected), "{}", problem(&doc));
    }
}

#[test]
fn a_wrong_document_is_refused_by_its_key() {
    assert!(FeatureSpec::parse("{\"torre\": NaN}").unwrap_err().to_string().starts_with("feature spec: not valid JSON: "));
    assert!(FeatureSpec::parse(&"[".repeat(100_000)).is_err());
    assert_eq!(problem(&json!([1])), "feature spec, \"torre\": expected a JSON object, got a list");
    for (key, value, expected) in [
        ("torre", json!(3), "feature spec: expected \"torre\": 1 or 2 (the version), got 3"),
        ("torre", Json::Null, "feature spec: expected \"torre\": 1 or 2 (the version), got null"),
        ("tower", json!("shop"), "feature spec, \"tower\": expected \"item\" or \"user\", got \"shop\""),
        ("model", json!(1), "feature spec, \"model\": expected a string, got 1"),
        ("dim", json!(0), "feature spec, \"dim\": expected a whole number from 1 to 16384, got 0"),
        ("dim", json!(2.5), "feature spec, \"dim\": expected a whole number from 1 to 16384, got 2.5"),
        ("metric", json!("dot"), "feature spec, \"metric\": expected \"ip\", \"cosine\" or \"l2\", got \"dot\""),
        ("normalized", json!("yes"), "feature spec, \"normalized\": expected true or false, got \"yes\""),
        ("output", Json::Null, "feature spec, \"output\": expected a string, got null"),
        ("vocabs", json!([]), "feature spec, \"vocabs\": expected an object of lists, got a list"),
        ("vocabs", json!({"v": ["a", 1.5]}), "feature spec, \"vocabs.v\": expected a list of strings and integers, got 1.5"),
        ("vocabs", json!({"v": [1, "1"]}), "feature spec, \"vocabs.v\": expected each value once, got \"1\" twice"),
        ("inputs", json!([]), "feature spec, \"inputs\": expected a list of inputs, at least one, got a list"),
        ("inputs", json!({}), "feature spec, \"inputs\": expected a list of inputs, at least one, got an object"),
        ("inputs", json!([5]), "feature spec, \"inputs[0]\": expected an object, got 5"),
        ("inputs", json!([{}]), "feature spec, \"inputs[0]\": expected an object with \"tensor\", a string, got an object"),
    ] {
        let mut document = document();
        document[key] = value;
        assert_eq!(problem(&document), expected);
    }
    let mut absent = document();
    absent.as_object_mut().unwrap().remove("dim");
    assert_eq!(problem(&absent), "feature spec, \"dim\": expected a whole number from 1 to 16384, got nothing");
    let mut more = document();
    more["trained_on"] = json!("2026-11-24");
    assert!(FeatureSpec::parse(&more.to_string()).is_ok());
}

#[test]
fn a_wrong_input_is_refused_by_its_name() {
    let vocab = || categorical(json!({"vocab": {"name": "items"}}));
    for (input, expected) in [
        (with(vocab(), "dtype", json!("f32")), "expected the dtype \"i64\", got \"f32\""),
        (with(vocab(), "shape", json!(["N", 1])), "expected the shape [\"N\"], got [\"N\",1]"),
        (with(vocab(), "shape", json!([1])), "expected the shape [\"N\"], got [1]"),
        (with(vocab(), "shape", Json::Null), "expected the shape [\"N\"], got null"),
        (with(vocab(), "list", json!({"max": 4, "keep": "last"})), "expected the shape [\"N\", 4], got [\"N\"]"),
        (numeric(json!({"number": []}), 2), "expected the shape [\"N\", 1] or [\"N\"], got [\"N\",2]"),
        (numeric(json!({"vector": {"width": 3}}), 2), "expected the shape [\"N\", 3], got [\"N\",2]"),
        (with(vocab(), "from", Json::Null), "\"from\": expected a string, got null"),
        (with(vocab(), "op", json!({})), "\"op\": expected an object with exactly one operation"),
        (with(vocab(), "op", json!({"hash": {"buckets": 1}, "number": []})), "\"op\": expected an object with exactly one operation"),
        (with(vocab(), "mising", json!("error")), "unknown key \"mising\"; expected tensor, dtype, shape, from, op, list, missing"),
        (with(vocab(), "missing", json!({"value": 1})), "missing {\"value\": x} is for number and time, not vocab"),
        (with(vocab(), "missing", json!("zero")), "missing: expected \"null\", {\"value\": x} or \"error\", got \"zero\""),
        (with(vocab(), "list", json!({"max": 0, "keep": "last"})), "list max: expected a whole number from 1 to 524288, got 0"),
        (with(vocab(), "list", json!({"max": 4})), "list keep: expected \"last\" or \"first\", got nothing"),
        (with(vocab(), "concat", json!([])), "\"concat\": expected a list of pieces, got a list"),
        (
            with(vocab(), "concat", json!([{"from": "f", "op": {"number": []}}])),
            "unknown key \"from\"; expected tensor, dtype, shape, concat",
        ),
        (categorical(json!({"nothing": {}})), "unknown op \"nothing\"; expected vocab, hash, text"),
        (categorical(json!({"vocab": {"name": "none"}})), "vocab: \"vocabs\" has no \"none\""),
        (
            categorical(json!({"vocab": {"name": "items", "values": []}})),
            "vocab: expected either \"name\", a string, or \"values\", a list",
        ),
        (categorical(json!({"vocab": {"values": ["a", "a"]}})), "vocabulary has a value twice: \"a\""),
        (categorical(json!({"vocab": {"values": [true]}})), "values: expected a list of strings and integers, got true"),
        (categorical(json!({"vocab": {"values": [], "oov": -1}})), "oov: expected a whole number from 0 to"),
        (categorical(json!({"vocab": {"values": [], "ovo": 1}})), "vocab: unknown key \"ovo\"; expected name, values, oov"),
        (categorical(json!({"hash": {"buckets": 0}})), "buckets: expected a whole number from 1 to"),
        (categorical(json!({"hash": 5})), "hash: expected an object, got 5"),
        (categorical(json!({"text": {"buckets": 9}})), "text needs \"list\""),
        (categorical(json!({"text": {"buckets": 9, "ngrams": [0]}})), "ngrams: expected a list of whole numbers from 1 to 64, got a list"),
        (categorical(json!({"text": {"buckets": 9, "lower": 1}})), "lower: expected true or false, got 1"),
        (numeric(json!({"lookup": {"vector": "item"}}), 3), "lookup needs \"list\""),
        (numeric(json!({"lookup": {"vector": "user"}}), 3), "lookup: expected {\"vector\": \"item\"}, got \"user\""),
        (with(numeric(json!({"time": ["hour_cyclic"]}), 2), "list", json!({"max": 1, "keep": "last"})), "time takes no \"list\""),
        (with(numeric(json!({"vector": {"width": 1}}), 1), "list", json!({"max": 1, "keep": "last"})), "vector takes no \"list\""),
        (with(numeric(json!({"onehot": {"values": ["a"]}}), 1), "list", json!({"max": 1, "keep": "last"})), "onehot takes no \"list\""),
        (numeric(json!({"onehot": {"values": []}}), 0), "onehot: expected at least one value"),
        (numeric(json!({"vector": {"width": 0}}), 0), "width: expected a whole number from 1 to 524288, got 0"),
        (numeric(json!({"time": []}), 0), "unknown time part"),
        (numeric(json!({"time": ["century"]}), 2), "unknown time part"),
        (numeric(json!({"number": {}}), 1), "number: expected a list of steps, got an object"),
        (numeric(json!({"number": ["cbrt"]}), 1), "unknown step \"cbrt\"; expected \"log1p\", standardize, clip or bucketize"),
        (numeric(json!({"number": [{"log1p": 1}]}), 1), "unknown step {\"log1p\":1}"),
        (numeric(json!({"number": [{"standardize": {"mean": 1, "std": 0}}]}), 1), "std must be > 0, got 0"),
        (numeric(json!({"number": [{"standardize": {"mean": 1}}]}), 1), "std: expected a number, got nothing"),
        (numeric(json!({"number": [{"clip": [2, 1]}]}), 1), "clip bounds out of order: 2 and 1"),
        (numeric(json!({"number": [{"clip": [2]}]}), 1), "clip: expected two numbers, got a list"),
        (numeric(json!({"number": [{"bucketize": [1, 1]}]}), 3), "bucketize: bounds must increase"),
        (numeric(json!({"number": [{"bucketize": [1]}, "log1p"]}), 2), "bucketize must be the last step"),
        (with(numeric(json!({"number": []}), 1), "missing", json!("null")), "missing \"null\" on a number (number)"),
        (with(numeric(json!({"vector": {"width": 1}}), 1), "missing", json!("null")), "missing \"null\" on a number (vector)"),
        (
            with(numeric(json!({"number": []}), 1), "missing", json!({"value": "x"})),
            "missing value: expected a number, got the string \"x\"",
        ),
        (
            with(numeric(json!({"number": []}), 1), "missing", json!({"value": 1e300})),
            "missing value: expected one that is finite after the steps",
        ),
        (
            with(numeric(json!({"time": ["hour_cyclic"]}), 2), "missing", json!({"value": "now"})),
            "missing value: expected unix seconds or RFC 3339 text",
        ),
    ] {
        let problem = inputs_problem(json!([input]));
        assert!(problem.starts_with("feature spec, input \"x\"") && problem.contains(expected), "{problem}\n{expected}");
    }
    let bucketized = with(numeric(json!({"number": [{"bucketize": [1]}]}), 2), "list", json!({"max": 2, "keep": "last"}));
    assert!(inputs_problem(json!([bucketized])).contains("bucketize in a list"));
    let vocab = vocab();
    assert_eq!(inputs_problem(json!([vocab, vocab])), "feature spec, input \"x\": named twice; each graph input takes exactly one entry");
    let concat = json!({"tensor": "x", "dtype": "f32", "shape": ["N", 1], "concat": [{"from": "g", "op": {"hash": {"buckets": 5}}}]});
    assert_eq!(
        inputs_problem(json!([concat])),
        "feature spec, input \"x\", field \"g\": concat takes number, time, onehot and vector, without \"list\""
    );
}

#[test]
fn a_spec_cannot_ask_for_endless_memory() {
    let list = |tensor: &str, max: u64| json!({"tensor": tensor, "dtype": "f32", "shape": ["N", max, 3], "from": "f", "op": {"lookup": {"vector": "item"}}, "list": {"max": max, "keep": "last"}});
    assert!(inputs_problem(json!([list("x", 524_288)])).contains("expected at most 524288 elements a row, got 1572864"));
    assert!(inputs_problem(json!([list("x", u64::MAX)])).contains("list max"));
    let many: Vec<Json> = (0..8).map(|n| list(&format!("t{n}"), 60_000)).collect();
    assert!(inputs_problem(json!(many)).contains("expected at most 524288 elements a row over all inputs, got 1440000"));
}

/// Every place of a document, from the top down.
fn places(json: &Json) -> Vec<String> {
    fn walk(json: &Json, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match json {
            Json::Array(list) => list.iter().enumerate().for_each(|(n, json)| walk(json, &format!("{at}/{n}"), found)),
            Json::Object(object) => object.iter().for_each(|(key, json)| walk(json, &format!("{at}/{key}"), found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(json, "", &mut found);
    found
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(1000))]

    #[test]
    fn a_changed_document_is_refused_or_keeps_its_word(changes in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), some_json()), 1..3)) {
        let mut document: Json = serde_json::from_str(every_op().to_json()).unwrap();
        for (place, json) in changes {
            let places = places(&document);
            *document.pointer_mut(&places[place.index(places.len())]).unwrap() = json;
        }
        if let Ok(spec) = FeatureSpec::parse(&document.to_string()) {
            let row = crate::row! { "id" => 50, "title" => "a b", "brand" => "x", "genres" => ["Action"], "price" => 2, "at" => 5, "place" => [1, 2] };
            match spec.encode(&[&row], &EncodeOptions { lenient: true, ..EncodeOptions::default() }) {
                Ok(tensors) => {
                    proptest::prop_assert_eq!(tensors.len(), spec.inputs().len());
                    for (tensor, input) in tensors.iter().zip(spec.inputs()) {
                        proptest::prop_assert_eq!(&tensor.shape, &[&[1], &*input.row_shape].concat());
                        let sound = match &tensor.data {
                            TensorData::I64(data) => data.iter().all(|&x| u64::try_from(x).is_ok_and(|x| x < input.index_size.unwrap())),
                            TensorData::F32(data) => data.iter().all(|x| x.is_finite()),
                        };
                        proptest::prop_assert!(sound, "{:?}", tensor.data);
                    }
                }
                Err(error) => proptest::prop_assert!(matches!(error, crate::EncodeError::Feature(_)), "{error}"),
            }
            spec.inspect(&row, None);
        }
    }
}

fn some_json() -> impl proptest::strategy::Strategy<Value = Json> {
    use proptest::prelude::*;
    let numbers = prop_oneof![
        Just(json!(0)),
        Just(json!(-1)),
        Just(json!(1)),
        Just(json!(2)),
        Just(json!(1e300)),
        Just(json!(0.5)),
        Just(json!(u64::MAX))
    ];
    let texts = prop_oneof![Just("N"), Just("error"), Just("null"), Just("f32"), Just("i64"), Just("log1p"), Just("last"), Just("")]
        .prop_map(Json::from);
    prop_oneof![
        numbers.clone(),
        texts.clone(),
        prop_oneof![Just(Json::Null), Just(json!(true)), Just(json!([])), Just(json!({})), Just(json!({"value": 3}))],
        prop::collection::vec(prop_oneof![numbers, texts], 0..4).prop_map(Json::from),
        prop_oneof![
            Just(json!({"hash": {"buckets": 1u64 << 40}})),
            Just(json!({"number": []})),
            Just(json!({"number": [{"bucketize": []}]})),
            Just(json!({"vocab": {"values": []}})),
            Just(json!({"time": ["year_cyclic"]})),
            Just(json!({"onehot": {"values": ["a", "a"]}})),
            Just(json!({"max": 3, "keep": "first"})),
        ],
    ]
}
