//! Every vector of the contract (`contracts/spec_vectors.json` of the shared data), bit for bit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::bucket::FieldHash;
use super::encode::{EncodeOptions, Lookup, TensorData};
use super::row::Row;
use super::spec::FeatureSpec;
use crate::error::{Error, Result};

/// The shared data's directory; `None` (and a word on standard error) where there is none and none is asked for.
pub(crate) fn shared(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TORRE_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("TORRE_REQUIRE_SHARED").is_none_or(|set| set != "1"), "{} is missing", path.display());
    eprintln!("skipped: {} is missing", path.display());
    None
}

struct Stored(HashMap<String, Vec<f32>>);

impl Lookup for Stored {
    fn vector(&self, id: &str, out: &mut [f32]) -> Result<bool> {
        Ok(self.0.get(id).is_some_and(|vector| {
            out.copy_from_slice(vector);
            true
        }))
    }
}

fn floats(json: &Json) -> Vec<f32> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

/// A document around one input of the vectors.
fn spec(vocabs: &Json, dim: &Json, input: &Json) -> FeatureSpec {
    let document = json!({
        "torre": 1, "tower": "item", "model": "vectors", "dim": dim, "metric": "ip", "normalized": false, "output": "vector",
        "vocabs": vocabs, "inputs": [input], "golden": [],
    });
    FeatureSpec::parse(&document.to_string()).unwrap()
}

#[test]
fn all_vectors_of_the_contract() {
    let Some(path) = shared("contracts/spec_vectors.json") else { return };
    let vectors: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();

    for hash in vectors["hashes"].as_array().unwrap() {
        let got = FieldHash::new(hash["field"].as_str().unwrap()).of(hash["value"].as_str().unwrap());
        assert_eq!(got.to_string(), hash["xxh64"].as_str().unwrap(), "{hash}");
        assert_eq!(Some(got % 1000), hash["bucket_1000"].as_u64(), "{hash}");
    }

    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 56, "{} cases", cases.len());
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let spec = spec(&vectors["vocabs"], &case["dim"], &case["input"]);
        let rows: Vec<Row> = case["rows"].as_array().unwrap().iter().map(|row| Row::from_json(&row.to_string()).unwrap()).collect();
        let rows: Vec<&Row> = rows.iter().collect();
        let stored = case.get("items").and_then(Json::as_object).into_iter().flatten();
        let stored = Stored(stored.map(|(id, vector)| (id.clone(), floats(vector))).collect());
        let encoded = spec.encode(&rows, &EncodeOptions { lookup: Some(&stored), ..EncodeOptions::default() });

        if let Some(error) = case.get("error").and_then(Json::as_str) {
            let fixed = &error[..error.find(", got ").unwrap()];
            match encoded {
                Err(Error::Feature(got)) => assert!(got.to_string().starts_with(&format!("{fixed}, got ")), "{name}: {got}"),
                other => panic!("{name}: {other:?}"),
            }
            continue;
        }
        let tensors = encoded.unwrap_or_else(|error| panic!("{name}: {error}"));
        let [tensor] = &tensors[..] else { panic!("{name}: {} tensors", tensors.len()) };
        let shape: Vec<u64> = tensor.shape.iter().map(|n| *n as u64).collect();
        assert_eq!(json!(shape), case["shape"], "{name}");
        match &tensor.data {
            TensorData::I64(data) => assert_eq!(json!(data), case["data"], "{name}"),
            TensorData::F32(data) => {
                let timed = case["input"].to_string().contains("\"time\"");
                let expected = floats(&case["data"]);
                assert_eq!(data.len(), expected.len(), "{name}");
                for (place, (got, expected)) in data.iter().zip(&expected).enumerate() {
                    let same = if timed { (got - expected).abs() <= 1e-6 } else { got.to_bits() == expected.to_bits() };
                    assert!(same, "{name}, place {place}: expected {expected}, got {got}");
                }
            }
        }
    }
}
