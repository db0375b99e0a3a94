//! Models as recommender engineers export them, beside what ONNX Runtime gave for them: each is computed right, or refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use super::decode;
use super::guard::Interface;
use super::limits::MICRO_BATCH;
use super::module;
use super::plan::Plan;
use super::real_table::Table;
use super::trial::{self, Trial};
use crate::features::{Dtype, InputSpec, Tensor, TensorData};
use crate::model_error::ModelError;

/// Largest difference to the outputs of the other runtime, as a share of the largest number of the row.
const TOLERANCE: f64 = 1e-5;
/// The same where integers stand for the numbers inside.
const TOLERANCE_QUANTIZED: f64 = 1e-3;

/// The models that no tower can be, and a part of the reason that is given. A model that is refused and not here fails the test, and
/// so does one that is here and not refused.
const REFUSED: &[(&str, &str)] = &[
    ("batch_center.dyn.20", "depends on the other rows"),
    ("emb_bucketize.dyn.def", "clamp them before the lookup"),
    ("emb_concat.int8dyn", "quantise statically"),
    ("half_inside.dyn.def", "export the model in f32"),
    ("mlp_relu.int8dyn", "quantise statically"),
    ("seq_mha.ortopt", "save the model before ONNX Runtime optimises it"),
    ("seq_nonzero.dyn.def", "multiply by a mask"),
    ("seq_nonzero.ts.17", "multiply by a mask"),
    ("seq_sasrec.ts.17", "without branches"),
];

/// Where the reference data is.
pub(super) fn root() -> PathBuf {
    std::env::var_os("TORRE_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from)
}

fn fixtures() -> PathBuf {
    let path = root().join("onnx-fixtures/real");
    assert!(path.exists(), "{} is missing; TORRE_SHARED says where the reference data is", path.display());
    path
}

/// An array of numpy's, numbers as f64 (integers up to 2^53).
struct Array {
    shape: Vec<usize>,
    data: Vec<f64>,
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()).into()
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// The arrays of an `.npz` file: a zip file of `.npy` files.
fn npz(path: &Path) -> HashMap<String, Array> {
    let bytes = std::fs::read(path).unwrap();
    let end = bytes.len() - 22;
    let (count, mut at) = (u16_at(&bytes, end + 10), u32_at(&bytes, end + 16));
    let mut arrays = HashMap::new();
    for _ in 0..count {
        let (method, packed, name_length) = (u16_at(&bytes, at + 10), u32_at(&bytes, at + 20), u16_at(&bytes, at + 28));
        let local = u32_at(&bytes, at + 42);
        let name = std::str::from_utf8(&bytes[at + 46..at + 46 + name_length]).unwrap().trim_end_matches(".npy").to_owned();
        at += 46 + name_length + u16_at(&bytes, at + 30) + u16_at(&bytes, at + 32);
        let start = local + 30 + u16_at(&bytes, local + 26) + u16_at(&bytes, local + 28);
        let body = &bytes[start..start + packed];
        let mut content = Vec::new();
        if method == 8 {
            flate2::read::DeflateDecoder::new(body).read_to_end(&mut content).unwrap();
        } else {
            content.extend_from_slice(body);
        }
        arrays.insert(name, npy(&content));
    }
    arrays
}

fn npy(bytes: &[u8]) -> Array {
    let length = u16_at(bytes, 8);
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    assert!(header.contains("'fortran_order': False"), "{header}");
    let (_, shape) = header.split_once("'shape': (").unwrap();
    let shape = shape.split_once(')').unwrap().0.split(',').filter_map(|dim| dim.trim().parse().ok()).collect();
    let body = &bytes[10 + length..];
    let data = if header.contains("<f4") {
        body.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b).into()).collect()
    } else if header.contains("<f8") {
        body.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect()
    } else if header.contains("<i8") {
        body.as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b) as f64).collect()
    } else {
        panic!("{header}")
    };
    Array { shape, data }
}

struct Case {
    name: String,
    plan: Result<(Plan, Trial), ModelError>,
    inputs: Vec<(InputSpec, Vec<f64>)>,
    expected: Array,
}

/// An input as the manifest of the fixtures describes it.
pub(super) fn spec_of(name: &str, json: &Json) -> InputSpec {
    let dtype = if json["dtype"] == "i64" { Dtype::I64 } else { Dtype::F32 };
    let row_shape = json["row_shape"].as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap() as usize).collect();
    InputSpec::values(name, dtype, row_shape, json["index_size"].as_u64())
}

fn load(folder: &Path, case: &Json) -> Case {
    let name = case["case"].as_str().unwrap().to_owned();
    let mut arrays = npz(&folder.join(format!("{name}.npz")));
    let inputs: Vec<_> =
        case["inputs"].as_object().unwrap().iter().map(|(name, json)| (spec_of(name, json), arrays.remove(name).unwrap().data)).collect();
    let output = case["output"].as_str().unwrap();
    let expected = arrays.remove(&format!("out_{output}")).unwrap();
    let specs: Vec<InputSpec> = inputs.iter().map(|(spec, _)| spec.clone()).collect();
    let width = case["width"].as_u64().unwrap() as usize;
    let file = std::fs::read(folder.join(format!("{name}.onnx"))).unwrap();
    let plan = decode::model(&file).and_then(|mut model| {
        let interface = Interface { inputs: &specs, output, width };
        let tried = Plan::new(&mut model, &interface).and_then(|plan| trial::run(&model, &interface, &plan).map(|trial| (plan, trial)));
        tried.map_err(|error| module::named(&file, &model, error))
    });
    Case { name, plan, inputs, expected }
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

/// The largest difference to the expected rows, relative to the largest number of the row, at most `rows` of them at once; `None` where
/// one has a number and the other has none.
fn difference(case: &Case, plan: &Plan, rows: &[usize]) -> Result<Option<f64>, ModelError> {
    let tensors: Vec<Tensor> = case.inputs.iter().map(|(spec, data)| tensor(spec, data, rows)).collect();
    let found = plan.run(&tensors, rows.len())?;
    let width = case.expected.shape[1..].iter().product::<usize>();
    assert_eq!(found.len(), rows.len() * width, "{}", case.name);
    let mut worst = Some(0.0f64);
    for (&row, found) in rows.iter().zip(found.chunks(width)) {
        let expected = &case.expected.data[row * width..(row + 1) * width];
        let largest = expected.iter().filter(|x| x.is_finite()).fold(f64::MIN_POSITIVE, |most, x| most.max(x.abs()));
        for (&x, &y) in found.iter().zip(expected) {
            let x = f64::from(x);
            let same = x == y || (x.is_nan() && y.is_nan());
            worst = worst
                .filter(|_| same || (x.is_finite() && y.is_finite()))
                .map(|worst| if same { worst } else { worst.max((x - y).abs() / largest) });
        }
    }
    Ok(worst)
}

/// What became of a case, and whether that is a fault.
fn verdict(case: &Case) -> (String, bool) {
    let refused = REFUSED.iter().find(|(name, _)| *name == case.name).map(|(_, reason)| *reason);
    let (plan, trial) = match (&case.plan, refused) {
        (Ok((plan, trial)), None) => (plan, trial),
        (Ok(_), Some(_)) => return ("is accepted; it is on the list of those that are refused".to_owned(), true),
        (Err(error), refused) => {
            let text = error.to_string();
            let fault = refused.is_none_or(|reason| !text.contains(reason));
            return (format!("refused: {text}"), fault);
        }
    };
    let rows = case.expected.shape[0];
    let batches: Vec<Vec<usize>> = (0..rows)
        .map(|row| vec![row])
        .chain([
            (0..rows).collect(),
            (0..MICRO_BATCH).map(|at| (at * 5 + 1) % rows).collect(),
            vec![rows - 1, 0, 1],
            (0..9).rev().collect(),
        ])
        .chain([(0..17).map(|at| rows - 1 - at % rows).collect()])
        .collect();
    let quantized = case.name.ends_with(".qdq") || case.name.ends_with(".int8dyn");
    let tolerance = if quantized { TOLERANCE_QUANTIZED } else { TOLERANCE };
    let mut worst = 0.0f64;
    for batch in &batches {
        match difference(case, plan, batch) {
            Ok(Some(difference)) => worst = worst.max(difference),
            Ok(None) => return (format!("WRONG: a number is NaN or infinite on one side only, {} rows", batch.len()), true),
            Err(error) => return (format!("FAILS when run, {} rows: {error}", batch.len()), true),
        }
    }
    let fault = worst > tolerance;
    let cut = trial.cut.as_ref().map_or_else(String::new, |node| format!(", cut at {node}"));
    let tried = format!("tried at {:?}, {} rows {:.1e} from the reference{cut}", trial.batches, trial.compared, trial.difference);
    (format!("{} {worst:.1e}; {tried}", if fault { "WRONG by" } else { "equal to" }), fault)
}

#[test]
#[ignore = "shared data"]
fn shared_real_models_are_right_or_refused() {
    let folder = fixtures();
    let manifest: Json = serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    let mut faults = Vec::new();
    let (mut equal, mut refused) = (0, 0);
    let mut table = Table::default();
    for case in manifest.as_array().unwrap() {
        if case["case"].as_str().unwrap().starts_with("rankers/") || case["output"].is_null() {
            continue;
        }
        let case = load(&folder, case);
        let (text, fault) = verdict(&case);
        println!("{:<32} {}{text}", case.name, if fault { "! " } else { "" });
        table.add(&case.name, case.plan.is_ok());
        if fault {
            faults.push(case.name);
        } else if case.plan.is_ok() {
            equal += 1;
        } else {
            refused += 1;
        }
    }
    println!("{equal} equal, {refused} refused, {} faults", faults.len());
    assert!(faults.is_empty(), "{faults:?}");
    table.compare();
}
