//! Every vector of the contract (`contracts/spec_vectors.json` of the shared data), bit for bit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::bucket::FieldHash;
use super::encode::{EncodeOptions, Lookup, TensorData};
use super::error::{EncodeError, LookupError};
use super::row::Row;
use super::spec::FeatureSpec;

struct Stored(HashMap<String, Vec<f32>>);

impl Lookup for Stored {
    fn vector(&self, id: &str, out: &mut [f32]) -> Result<bool, LookupError> {
        Ok(self.0.get(id).is_some_and(|vector| {
            out.copy_from_slice(vector);
            true
        }))
    }
}

fn floats(json: &Json) -> Vec<f32> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

/// A spec with every operation, in single, list and concat form.
pub(crate) fn every_op() -> FeatureSpec {
    let inputs = json!([
        {"tensor": "id", "dtype": "i64", "shape": ["N"], "from": "id", "op": {"vocab": {"name": "items", "oov": 8}}, "missing": "error"},
        {"tensor": "history", "dtype": "i64", "shape": ["N", 6], "from": "history", "op": {"vocab": {"name": "items"}}, "list": {"max": 6, "keep": "last"}},
        {"tensor": "brand", "dtype": "i64", "shape": ["N"], "from": "brand", "op": {"hash": {"buckets": 100}}},
        {"tensor": "title", "dtype": "i64", "shape": ["N", 5], "from": "title",
            "op": {"text": {"buckets": 1000, "lower": true, "ngrams": [1, 2]}}, "list": {"max": 5, "keep": "first"}},
        {"tensor": "genres", "dtype": "f32", "shape": ["N", 2], "from": "genres", "op": {"onehot": {"values": ["Action", "Comedy"]}}},
        {"tensor": "prices", "dtype": "f32", "shape": ["N", 1, 3], "from": "history",
            "op": {"lookup": {"vector": "item"}}, "list": {"max": 1, "keep": "last"}},
        {"tensor": "side", "dtype": "f32", "shape": ["N", 10], "concat": [
            {"from": "price", "op": {"number": ["log1p", {"standardize": {"mean": 1, "std": 2}}, {"clip": [-4, 4]}]}, "missing": {"value": 2}},
            {"from": "price", "op": {"number": [{"bucketize": [1, 5]}]}, "missing": {"value": 2}},
            {"from": "at", "op": {"time": ["hour_cyclic", "year_cyclic"]}, "missing": {"value": "2011-11-21T09:10:00Z"}},
            {"from": "place", "op": {"vector": {"width": 2}}},
        ]},
    ]);
    let document = json!({
        "torre": 1, "tower": "user", "model": "every", "dim": 3, "metric": "cosine", "output": "vector",
        "vocabs": {"items": ["50", 172, "1"]}, "inputs": inputs,
    });
    FeatureSpec::parse(&document.to_string()).unwrap()
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
#[ignore = "shared data"]
fn shared_all_vectors_of_the_contract() {
    let root =
        std::env::var_os("TORRE_SHARED").map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let path = root.join("contracts/spec_vectors.json");
    assert!(path.exists(), "{} is missing; TORRE_SHARED says where the reference data is", path.display());
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
                Err(EncodeError::Feature(got)) => assert!(got.to_string().starts_with(&format!("{fixed}, got ")), "{name}: {got}"),
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

#[test]
fn lists_of_the_document_that_the_vectors_leave_out() {
    let input =
        json!({"tensor": "x", "dtype": "f32", "shape": ["N", 1], "from": "f", "op": {"onehot": {"values": ["a"]}}, "missing": "error"});
    let spec = spec(&json!({}), &json!(3), &input);
    let encode =
        |text: &str| spec.encode(&[&Row::from_json(text).unwrap()], &EncodeOptions::default()).map(|tensors| tensors[0].data.clone());
    assert_eq!(encode(r#"{"f": []}"#).unwrap(), TensorData::F32(vec![0.0]));
    // Under "error" a null inside a list is an error too.
    assert_eq!(
        encode(r#"{"f": ["a", null]}"#).unwrap_err().to_string(),
        "feature \"f\" (row 0): expected a string or an integer, got nothing"
    );
}

#[test]
fn unknown_fields_and_row_numbers() {
    let spec = every_op();
    let good = crate::row! { "id" => "50", "place" => [1, 2] };
    let extra = crate::row! { "id" => "50", "place" => [1, 2], "extra" => crate::row! { "deep" => true } };
    let rows = [&good, &extra];
    let none = Stored(HashMap::new());
    let options = EncodeOptions { lookup: Some(&none), first_row: 64, ..EncodeOptions::default() };
    assert_eq!(spec.encode(&rows, &options).unwrap_err().to_string(), "feature \"extra\" (row 65): unknown field");
    assert!(spec.encode(&rows, &EncodeOptions { lenient: true, ..options }).is_ok());
    let schema = super::Schema { fields: vec!["extra:int".parse().unwrap()], lenient: false };
    assert!(spec.encode(&rows, &EncodeOptions { schema: Some(&schema), ..options }).is_ok());
    let schema = super::Schema { fields: vec![], lenient: true };
    assert!(spec.encode(&rows, &EncodeOptions { schema: Some(&schema), ..options }).is_ok());
    // A list of nothing looks nothing up; the first id does.
    assert!(spec.encode(&[&good], &EncodeOptions::default()).is_ok());
    let looking = good.with("history", ["50"]);
    assert!(matches!(spec.encode(&[&looking], &EncodeOptions::default()), Err(EncodeError::NoLookup)));
}

#[test]
fn numbers_built_in_rust_must_be_finite() {
    let spec = every_op();
    let none = Stored(HashMap::new());
    let options = EncodeOptions { lookup: Some(&none), ..EncodeOptions::default() };
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (row, field) in [
            (crate::row! { "id" => "50", "place" => [1.0, bad] }, "place"),
            (crate::row! { "id" => "50", "place" => [1, 2], "price" => bad }, "price"),
            (crate::row! { "id" => "50", "place" => [1, 2], "at" => bad }, "at"),
            (crate::row! { "id" => bad, "place" => [1, 2] }, "id"),
            (crate::row! { "id" => "50", "place" => [1, 2], "history" => [bad] }, "history"),
        ] {
            match spec.encode(&[&row], &options) {
                Err(EncodeError::Feature(error)) => assert_eq!(error.field(), Some(field)),
                other => panic!("{row:?}: {other:?}"),
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_row_panics(rows in proptest::collection::vec(some_row(), 0..4)) {
        let none = Stored(HashMap::new());
        let options = EncodeOptions { lookup: Some(&none), lenient: true, ..EncodeOptions::default() };
        let refs: Vec<&Row> = rows.iter().collect();
        let spec = every_op();
        match spec.encode(&refs, &options) {
            Ok(tensors) => {
                for (tensor, input) in tensors.iter().zip(spec.inputs()) {
                    let elements: usize = tensor.shape.iter().product();
                    proptest::prop_assert_eq!(elements, rows.len() * input.row_len());
                    match &tensor.data {
                        TensorData::I64(data) => {
                            proptest::prop_assert_eq!(data.len(), elements);
                            proptest::prop_assert!(data.iter().all(|x| *x >= 0 && (*x as u64) < input.index_size.unwrap()));
                        }
                        TensorData::F32(data) => {
                            proptest::prop_assert_eq!(data.len(), elements);
                            proptest::prop_assert!(data.iter().all(|x| x.is_finite()));
                        }
                    }
                }
            }
            Err(EncodeError::Feature(error)) => {
                let row = &rows[error.row()];
                let field = error.field().unwrap();
                // Every row alone is accepted or refused as it is in the batch.
                proptest::prop_assert!(spec.encode(&[row], &options).is_err(), "{field}: {row:?}");
            }
            Err(other) => panic!("{other}"),
        }
        for row in &refs {
            spec.inspect(row, None);
        }
    }
}

/// Rows for [`every_op`]: each field often right, sometimes anything.
fn some_row() -> impl proptest::strategy::Strategy<Value = Row> {
    use proptest::prelude::*;
    let any = || super::bytes::tests::any_value();
    let fields = ["id", "history", "brand", "title", "genres", "price", "at", "place"];
    let good = crate::row! {
        "id" => 50, "history" => ["1", "x"], "brand" => "b", "title" => "a b", "genres" => "Action", "price" => 2, "at" => 5, "place" => [1, 2],
    };
    prop::collection::vec((0..fields.len(), any()), 0..3).prop_map(move |changes| {
        let mut row = good.clone();
        for (field, value) in changes {
            row.insert(fields[field], value);
        }
        row
    })
}
