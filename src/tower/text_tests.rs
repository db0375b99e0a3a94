//! Towers that read texts: tokens, a mask and a graph, from the row to the vector.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::PathBuf;
use std::sync::Arc;

use prost::Message;
use serde_json::{Value as Json, json};
use tract_onnx::pb;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as TypeValue};

use super::attach::{Attached, attach};
use super::onnx::Attach;
use crate::features::{EncodeOptions, Row, TowerRole, row};
use crate::tower_source::TowerSource;

const LENGTH: i64 = 6;
const TOKENS: i64 = 12;

fn node(operator: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    let input = inputs.iter().map(ToString::to_string).collect();
    pb::NodeProto {
        op_type: operator.to_owned(),
        name: format!("the {operator}"),
        input,
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

fn cast(input: &str, output: &str) -> pb::NodeProto {
    let to = pb::AttributeProto { name: "to".to_owned(), r#type: 2, i: 1, ..Default::default() };
    pb::NodeProto { attribute: vec![to], ..node("Cast", &[input], output) }
}

fn value(name: &str, elem_type: i32, row_shape: &[i64]) -> pb::ValueInfoProto {
    let dims = std::iter::once(Dim::DimParam("N".to_owned())).chain(row_shape.iter().map(|&size| Dim::DimValue(size)));
    let dim = dims.map(|value| Dimension { value: Some(value), ..Default::default() }).collect();
    let shape = Some(pb::TensorShapeProto { dim });
    let tensor = TypeValue::TensorType(TensorType { elem_type, shape });
    let r#type = Some(pb::TypeProto { value: Some(tensor), ..Default::default() });
    pb::ValueInfoProto { name: name.to_owned(), r#type, ..Default::default() }
}

fn axes(name: &str, axis: i64) -> pb::TensorProto {
    pb::TensorProto { name: name.to_owned(), dims: vec![1], data_type: 7, int64_data: vec![axis], ..Default::default() }
}

/// The sum of the embeddings under the mask, divided by the length.
fn mean_of_tokens() -> Vec<u8> {
    let table: Vec<f32> = (0..TOKENS * 2).map(|x| (x * x % 17) as f32 - 8.0).collect();
    let table = pb::TensorProto { name: "table".to_owned(), dims: vec![TOKENS, 2], data_type: 1, float_data: table, ..Default::default() };
    let nodes = vec![
        node("Gather", &["table", "ids"], "rows"),
        cast("mask", "ones"),
        node("Unsqueeze", &["ones", "last"], "column"),
        node("Mul", &["rows", "column"], "masked"),
        node("ReduceSum", &["masked", "middle"], "sums"),
        cast("length", "many"),
        node("Unsqueeze", &["many", "middle"], "below"),
        node("Squeeze", &["sums", "middle"], "flat"),
        node("Div", &["flat", "below"], "vector"),
    ];
    let graph = pb::GraphProto {
        node: nodes,
        initializer: vec![table, axes("last", 2), axes("middle", 1)],
        input: vec![value("ids", 7, &[LENGTH]), value("mask", 7, &[LENGTH]), value("length", 7, &[])],
        output: vec![value("vector", 1, &[2])],
        ..Default::default()
    };
    let opset_import = vec![pb::OperatorSetIdProto { domain: String::new(), version: 18 }];
    pb::ModelProto { graph: Some(graph), opset_import, ..Default::default() }.encode_to_vec()
}

fn words() -> Json {
    let vocab: serde_json::Map<String, Json> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "shoe", "##s", "blue", "a", "b", "c", "##d"]
        .iter()
        .enumerate()
        .map(|(id, token)| ((*token).to_owned(), json!(id)))
        .collect();
    json!({
        "version": "1.0", "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]},
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab,
        },
    })
}

fn spec(length: i64) -> Json {
    json!({
        "torre": 2, "tower": "item", "model": "m", "dim": 2, "metric": "ip", "output": "vector", "tokenizers": {"words": words()},
        "inputs": [{
            "tensor": "ids", "mask": "mask", "length": "length", "dtype": "i64", "shape": ["N", length], "from": "title",
            "op": {"wordpiece": {"tokenizer": "words"}}, "list": {"max": length, "keep": "first"},
        }],
    })
}

fn attached(onnx: Vec<u8>, spec: &Json) -> Attached {
    let source = TowerSource::new(onnx).with_spec(spec.to_string());
    attach(&Arc::new(source), Some(TowerRole::Item), Attach::First).unwrap()
}

#[test]
fn a_title_becomes_the_mean_of_its_tokens() {
    let tower = attached(mean_of_tokens(), &spec(LENGTH)).tower;
    let titles = [
        ("Red SHOES", &[2, 4, 5, 6, 3][..]),
        ("", &[2, 3]),
        ("blue abd red shoe", &[2, 7, 1, 4, 5, 3]),
        ("a b c red", &[2, 8, 9, 10, 4, 3]),
    ];
    let rows: Vec<Row> = titles.iter().map(|(title, _)| row! { "title" => *title }).collect();
    let vectors = tower.run(&rows.iter().collect::<Vec<_>>(), &EncodeOptions::default()).unwrap();
    for ((title, ids), vector) in titles.iter().zip(vectors.iter()) {
        let of = |column: i64| ids.iter().map(|&id| ((2 * id + column) * (2 * id + column) % 17) as f32 - 8.0).sum::<f32>();
        let expected = [0, 1].map(|column| of(column) / ids.len() as f32);
        assert!(vector.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-6), "{title}: {vector:?}, {expected:?}");
    }
}

#[test]
fn a_table_too_small_for_the_tokens_is_refused() {
    let mut spec = spec(LENGTH);
    spec["tokenizers"]["words"]["model"]["vocab"]["more"] = json!(TOKENS);
    let source = TowerSource::new(mean_of_tokens()).with_spec(spec.to_string());
    let error = attach(&Arc::new(source), Some(TowerRole::Item), Attach::First).err().unwrap().to_string();
    assert!(error.contains("the Gather") && error.contains("12"), "{error}");
}

/// A real encoder and what ONNX Runtime makes of titles; `tests/fixtures/minilm.py` says how to get the files.
#[test]
#[ignore = "fetched: TORRE_MINILM names the folder that tests/fixtures/minilm.py filled"]
fn fetched_minilm_is_what_onnx_runtime_computes() {
    let folder = std::env::var_os("TORRE_MINILM").map(PathBuf::from).expect("TORRE_MINILM; tests/fixtures/minilm.py says how to fill it");
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let onnx = files.into_iter().find(|file| file.extension().is_some_and(|ending| ending == "onnx")).expect("an ONNX file");
    let read = |name: &str| -> Json { serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap() };
    let began = std::time::Instant::now();
    let Attached { tower, trial, .. } = attached(std::fs::read(onnx).unwrap(), &read("spec.json"));
    println!("attached in {:.2} s: {trial:?}", began.elapsed().as_secs_f64());

    let expected = read("expected.json");
    let expected: Vec<(Row, Vec<f64>)> = expected
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            let vector = case["vector"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
            (row! { "title" => case["title"].as_str().unwrap() }, vector)
        })
        .collect();
    let mut worst = 0.0f64;
    for batch in [1, 3, 8, 9, 17, 64] {
        let places: Vec<usize> = (0..batch.max(expected.len())).map(|at| (at * 5 + 1) % expected.len()).collect();
        for places in places.chunks(batch) {
            let rows: Vec<&Row> = places.iter().map(|&at| &expected[at].0).collect();
            let vectors = tower.run(&rows, &EncodeOptions::default()).unwrap();
            for (&at, vector) in places.iter().zip(vectors.iter()) {
                let largest = expected[at].1.iter().fold(0.0f64, |most, x| most.max(x.abs()));
                worst = vector.iter().zip(&expected[at].1).fold(worst, |worst, (x, y)| worst.max((f64::from(*x) - y).abs() / largest));
            }
        }
    }
    println!("{} titles, largest difference {worst:.1e} of the largest element", expected.len());
    assert!(worst <= 1e-5, "{worst}");
}
