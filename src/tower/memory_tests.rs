//! What a tower with a large table takes: the bytes of its file, once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::time::Instant;

use prost::Message;
use serde_json::json;
use tract_onnx::pb;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as TypeValue};

use super::TowerPair;
use crate::features::EncodeOptions;
use crate::row;
use crate::tower_source::TowerSource;

const WIDTH: usize = 64;

/// Writes a tower that looks one id up in a table of so many rows.
fn write(path: &Path, role: &str, rows: usize) {
    let value = |name: &str, kind: i32, dims: Vec<Dim>| {
        let dim = dims.into_iter().map(|value| Dimension { value: Some(value), ..Default::default() }).collect();
        let tensor = TensorType { elem_type: kind, shape: Some(pb::TensorShapeProto { dim }) };
        let r#type = Some(pb::TypeProto { value: Some(TypeValue::TensorType(tensor)), ..Default::default() });
        pb::ValueInfoProto { name: name.to_owned(), r#type, ..Default::default() }
    };
    let node = |operator: &str, inputs: &[&str], output: &str| pb::NodeProto {
        op_type: operator.to_owned(),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    };
    let numbers = (0..rows * WIDTH).flat_map(|at| ((at % 1013) as f32 / 1013.0 + 0.1).to_le_bytes());
    let table = pb::TensorProto {
        name: "table".to_owned(),
        dims: vec![rows as i64, WIDTH as i64],
        data_type: 1,
        raw_data: numbers.collect(),
        ..Default::default()
    };
    let batch = || Dim::DimParam("N".to_owned());
    let graph = pb::GraphProto {
        node: vec![node("Gather", &["table", "id"], "row"), node("Tanh", &["row"], "vector")],
        initializer: vec![table],
        input: vec![value("id", 7, vec![batch()])],
        output: vec![value("vector", 1, vec![batch(), Dim::DimValue(WIDTH as i64)])],
        ..Default::default()
    };
    let spec = json!({
        "torre": 2, "tower": role, "model": "large", "dim": WIDTH, "metric": "ip", "normalized": false, "output": "vector",
        "inputs": [{"tensor": "id", "dtype": "i64", "shape": ["N"], "from": "id", "op": {"hash": {"buckets": rows - 2}}}],
    });
    let model = pb::ModelProto {
        graph: Some(graph),
        opset_import: vec![pb::OperatorSetIdProto { domain: String::new(), version: 18 }],
        metadata_props: vec![pb::StringStringEntryProto { key: "torre.features".to_owned(), value: spec.to_string() }],
        ..Default::default()
    };
    std::fs::write(path, model.encode_to_vec()).unwrap();
}

/// A number of kilobytes that the system notes of this process, in bytes.
fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() * 1024.0
}

#[test]
fn a_table_that_stays_in_the_file_is_looked_up_as_any_other() {
    let folder = tempfile::tempdir().unwrap();
    // Just below and above the size from which on tables stay there.
    for rows in [4000, 5000] {
        let paths = ["item", "user"].map(|role| folder.path().join(role));
        write(&paths[0], "item", rows);
        write(&paths[1], "user", rows);
        let pair = TowerPair::from_files(&paths[0], &paths[1]).unwrap();
        let row = row! { "id" => "a" };
        let vectors = pair.item().run(&[&row], &EncodeOptions::default()).unwrap();
        let vector = vectors.iter().next().unwrap();
        // The numbers of a row go on where those of the one before it end.
        let place = |x: f32| ((x.atanh() - 0.1) * 1013.0).round() as usize;
        let first = place(vector[0]);
        assert!((0..rows).any(|row| row * WIDTH % 1013 == first), "{first}");
        assert!(vector.iter().enumerate().all(|(at, &x)| place(x) == (first + at) % 1013));
    }
}

#[test]
#[ignore = "writes 244 MB; measures the process, so it must run alone"]
fn large_table_is_held_once() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["item", "user"].map(|role| folder.path().join(role));
    write(&paths[0], "item", 953_125);
    write(&paths[1], "user", 1_000);
    let size = std::fs::metadata(&paths[0]).unwrap().len() as f64;
    for again in [false, true] {
        // Lets the system count the peak anew.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = memory("VmRSS:");
        let start = Instant::now();
        let sources = paths.clone().map(|path| TowerSource::from_file(path).unwrap());
        let read = start.elapsed();
        let [item, user] = sources;
        let pair = if again { TowerPair::reopened(item, user) } else { TowerPair::new(item, user) }.unwrap();
        let (peak, kept) = ((memory("VmHWM:") - before) / size, (memory("VmRSS:") - before) / size);
        let what = if again { "opened again" } else { "attached" };
        println!("{what}: peak {peak:.2} of the file, kept {kept:.2}, {:?} of which reading {read:?}", start.elapsed());
        assert!(peak < 1.3 && kept < 1.1, "{what}: peak {peak}, kept {kept}");
        drop(pair);
    }
}
