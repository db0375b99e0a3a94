//! Models that other tools made run here as they ran where they were made; those that no tower can be are refused by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use super::decode;
use super::guard::Interface;
use super::limits::MICRO_BATCH;
use super::plan::Plan;
use crate::features::{Dtype, InputSpec, Tensor, TensorData};
use crate::model_error::ModelError;

/// Largest difference to the outputs of another runtime.
const TOLERANCE: f32 = 1e-5;

const TOWERS: [&str; 16] = [
    "item_cmp.dyn",
    "item_gather.dyn",
    "pre_numeric",
    "user_attnpool10.dyn",
    "user_attnpool50.dyn",
    "user_avg10.dyn",
    "user_avg50.dyn",
    "user_gru10.dyn",
    "user_gru50.dyn",
    "user_grulast10.dyn",
    "user_lstm10.dyn",
    "user_lstm50.dyn",
    "user_mha10.dyn",
    "user_mha50.dyn",
    "user_mhafn10.dyn",
    "user_mhafn50.dyn",
];

fn fixtures() -> PathBuf {
    let root = std::env::var_os("TORRE_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("onnx-fixtures/good");
    assert!(path.exists(), "{} is missing; TORRE_SHARED says where the reference data is", path.display());
    path
}

fn numbers(tensor: &Json) -> Vec<f64> {
    tensor["data"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn shape(tensor: &Json) -> Vec<usize> {
    tensor["shape"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

/// One input: what a spec would say of it, and its data.
fn input(name: &str, tensor: &Json) -> (InputSpec, Vec<f64>) {
    let data = numbers(tensor);
    let dtype = if tensor["dtype"] == "int64" { Dtype::I64 } else { Dtype::F32 };
    let index_size = (dtype == Dtype::I64).then(|| data.iter().fold(0.0, |most, &x| f64::max(most, x)) as u64 + 1);
    (InputSpec::values(name, dtype, shape(tensor)[1..].to_vec(), index_size), data)
}

/// The rows of these numbers, in their order.
fn tensor(spec: &InputSpec, data: &[f64], rows: &[usize]) -> Tensor {
    let width = spec.row_len();
    let chosen = rows.iter().flat_map(|&row| &data[row * width..(row + 1) * width]);
    let data = match spec.dtype {
        Dtype::I64 => TensorData::I64(chosen.map(|&x| x as i64).collect()),
        Dtype::F32 => TensorData::F32(chosen.map(|&x| x as f32).collect()),
    };
    Tensor { name: Arc::clone(&spec.tensor), shape: [&[rows.len()], spec.row_shape.as_slice()].concat(), data }
}

struct Fixture {
    plan: Result<Plan, ModelError>,
    inputs: Vec<(InputSpec, Vec<f64>)>,
    expected: Vec<f64>,
    rows: usize,
    width: usize,
}

fn load(folder: &Path, name: &str) -> Fixture {
    let json: Json = serde_json::from_str(&std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()).unwrap();
    let inputs: Vec<_> = json["inputs"].as_object().unwrap().iter().map(|(name, tensor)| input(name, tensor)).collect();
    let (output, tensor) = json["outputs"].as_object().unwrap().iter().next_back().unwrap();
    let (rows, width) = (shape(tensor)[0], shape(tensor)[1..].iter().product());
    let specs: Vec<InputSpec> = inputs.iter().map(|(spec, _)| spec.clone()).collect();
    let mut model = decode::model(&std::fs::read(folder.join(format!("{name}.onnx"))).unwrap()).unwrap();
    let plan = Plan::new(&mut model, &Interface { inputs: &specs, output, width });
    Fixture { plan, inputs, expected: numbers(tensor), rows, width }
}

#[test]
#[ignore = "shared data"]
fn shared_models_of_other_tools_give_what_they_gave_there() {
    let folder = fixtures();
    for name in TOWERS {
        let Fixture { plan, inputs, expected, rows, width } = load(&folder, name);
        let plan = plan.unwrap_or_else(|error| panic!("{name}: {error}"));
        let check = |chosen: &[usize]| {
            let tensors: Vec<Tensor> = inputs.iter().map(|(spec, data)| tensor(spec, data, chosen)).collect();
            let found = plan.run(&tensors, chosen.len()).unwrap();
            assert_eq!(found.len(), chosen.len() * width);
            for (&row, found) in chosen.iter().zip(found.chunks(width)) {
                for (x, &y) in found.iter().zip(&expected[row * width..]) {
                    assert!((x - y as f32).abs() <= TOLERANCE, "{name}, row {row} of {chosen:?}: {x}, expected {y}");
                }
            }
        };
        // Forwards and backwards, alone and together: no row has an influence on another.
        (0..rows).chain((0..rows).rev()).for_each(|row| check(&[row]));
        check(&(0..rows).collect::<Vec<_>>());
        check(&(0..MICRO_BATCH).map(|at| (at * 5 + 1) % rows).collect::<Vec<_>>());
        check(&(0..17).map(|at| rows - 1 - at % rows).collect::<Vec<_>>());
    }
}

#[test]
#[ignore = "shared data"]
fn shared_models_that_are_no_towers_are_refused() {
    let folder = fixtures();
    let mut refused = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|kind| kind != "onnx") || TOWERS.contains(&&*name) {
            continue;
        }
        let error = load(&folder, &name).plan.err().unwrap_or_else(|| panic!("{name} is accepted"));
        let expected = match &*name {
            "pre_category_mapper" => matches!(&error, ModelError::Operator { operator, .. } if operator == "ai.onnx.ml.CategoryMapper"),
            "pre_string_equal_onehot" => matches!(&error, ModelError::Type { .. }),
            // Trees: an operator of ONNX-ML, in a file of an old operator set.
            _ => matches!(&error, ModelError::Operator { .. } | ModelError::Graph { .. }),
        };
        assert!(expected, "{name}: {error:?}");
        refused += 1;
    }
    assert_eq!(refused, 9);
}
