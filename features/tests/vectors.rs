//! Every vector of version 2 (`vectors_v2.json`, made by the reference encoder), bit for bit.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde_json::{Value as Json, json};
use torre_features::{EncodeOptions, FeatureSpec, Row, SpecError, Tensor, TensorData};

fn document(vectors: &Json, case: &Json) -> Json {
    json!({
        "torre": case.get("torre").unwrap_or(&json!(2)), "tower": "user", "model": "vectors", "dim": 3, "metric": "ip", "output": "vector",
        "vocabs": vectors["vocabs"], "tokenizers": vectors["tokenizers"], "inputs": [case["input"]],
    })
}

/// Compares bits: -0.0 is not 0.0.
fn check(tensor: &Tensor, expected: &Json, name: &str) {
    assert_eq!((json!(&*tensor.name), json!(tensor.shape)), (expected["name"].clone(), expected["shape"].clone()), "{name}");
    let data = expected["data"].as_array().unwrap();
    match &tensor.data {
        TensorData::I64(got) => assert_eq!((json!("i64"), json!(got)), (expected["dtype"].clone(), expected["data"].clone()), "{name}"),
        TensorData::F32(got) => {
            assert_eq!((json!("f32"), got.len()), (expected["dtype"].clone(), data.len()), "{name}");
            for (place, (got, expected)) in got.iter().zip(data).enumerate() {
                let expected = expected.as_f64().unwrap() as f32;
                assert_eq!(got.to_bits(), expected.to_bits(), "{name}, place {place}: expected {expected:?}, got {got:?}");
            }
        }
    }
}

#[test]
fn every_vector_of_version_two() {
    let vectors: Json = serde_json::from_str(include_str!("vectors_v2.json")).unwrap();
    let now = vectors["now"].as_f64();
    let mut counts = [0; 3];
    for case in vectors["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let parsed = FeatureSpec::parse(&document(&vectors, case).to_string());
        if case.get("refused").is_some() {
            match parsed {
                Err(SpecError::Input { problem, .. }) => {
                    assert!(
                        !name.starts_with("version 1: ") || problem.contains("version 1") || problem.contains("\"torre\": 1"),
                        "{name}: {problem}"
                    );
                }
                other => panic!("{name}: {other:?}"),
            }
            counts[0] += 1;
            continue;
        }
        let spec = parsed.unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(size) = case.get("index_size") {
            assert_eq!(json!(spec.inputs()[0].index_size), *size, "{name}");
        }
        let rows: Vec<Row> = case["rows"].as_array().unwrap().iter().map(|row| Row::from_json(&row.to_string()).unwrap()).collect();
        let encoded = spec.encode(&rows.iter().collect::<Vec<_>>(), &EncodeOptions { now, ..EncodeOptions::default() });
        match (encoded, case.get("error")) {
            (Err(error), Some(expected)) => assert_eq!(json!(error.to_string()), *expected, "{name}"),
            (Ok(tensors), None) => {
                let expected = case["tensors"].as_array().unwrap();
                assert_eq!(tensors.len(), expected.len(), "{name}");
                tensors.iter().zip(expected).for_each(|(tensor, expected)| check(tensor, expected, name));
            }
            (encoded, _) => panic!("{name}: {encoded:?}"),
        }
        counts[1 + usize::from(case.get("error").is_some())] += 1;
    }
    let [refused, encoded, errors] = counts;
    assert!(refused >= 80 && encoded >= 100 && errors >= 110, "{counts:?}");
}

#[test]
fn the_reference_knows_the_same_words() {
    let (version, runs) = include_str!("../reference/alphanumeric.txt").split_once('\n').unwrap();
    let mut listed = vec![false; char::MAX as usize + 1];
    for run in runs.split_whitespace() {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        let [first, last] = [first, last].map(|end| usize::from_str_radix(end, 16).unwrap());
        listed[first..=last].fill(true);
    }
    let differ = |c: &char| c.is_alphanumeric() != listed[*c as usize];
    let (major, minor, update) = char::UNICODE_VERSION;
    // Another Unicode adds characters; those that are listed stay.
    let same = version == format!("{major}.{minor}.{update}");
    let wrong = ('\0'..=char::MAX).filter(|c| differ(c) && (same || listed[*c as usize])).collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{wrong:?}");
}
