//! How long towers take, for `benches/towers.sh`, which puts another runtime's times beside these.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::decode;
use super::guard::Interface;
use super::plan::Plan;
use super::real_tests::{root, spec_of};
use super::rows;
use crate::features::{Dtype, FeatureSpec, InputSpec, Tensor};
use crate::kernel::thread_time;

/// Rows of the runs that are timed: one user, the size of a prepared batch, one more than that, and a micro-batch.
const BATCHES: [usize; 4] = [1, 8, 9, 64];
/// A batch is timed for so long, and at least [`LEAST`] times; the least time counts.
const TIME: Duration = Duration::from_millis(150);
const LEAST: usize = 5;

/// A model file and what goes in and out of it.
struct Model {
    name: String,
    path: PathBuf,
    inputs: Vec<InputSpec>,
    output: String,
    width: usize,
}

/// The single models of the fixtures, as their manifest describes them.
fn fixtures() -> Vec<Model> {
    let folder = root().join("onnx-fixtures/real");
    let manifest: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    let model = |case: &Json| {
        let name = case["case"].as_str().unwrap();
        let output = case["output"].as_str().filter(|_| !name.starts_with("rankers/") && !name.starts_with("op_"))?;
        let inputs = case["inputs"].as_object().unwrap().iter().map(|(name, json)| spec_of(name, json)).collect();
        let width = usize::try_from(case["width"].as_u64()?).ok()?;
        Some(Model { name: name.to_owned(), path: folder.join(format!("{name}.onnx")), inputs, output: output.to_owned(), width })
    };
    manifest.iter().filter_map(model).collect()
}

/// The trained pairs, with their specs inside.
fn bundles() -> Vec<Model> {
    let mut models = Vec::new();
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root().join("towers")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for (folder, file) in folders.iter().flat_map(|folder| ["item", "user"].map(|file| (folder, file))) {
        let path = folder.join(format!("{file}.onnx"));
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let model = decode::model(&bytes).unwrap();
        let spec = FeatureSpec::parse(decode::spec(&model).unwrap()).unwrap();
        let name = format!("{}/{file}", folder.file_name().unwrap().to_str().unwrap());
        models.push(Model { name, path, inputs: spec.inputs().to_vec(), output: spec.output().to_owned(), width: spec.dim() });
    }
    models
}

fn least(mut run: impl FnMut()) -> f64 {
    let (start, mut runs, mut least) = (thread_time(), 0, f64::INFINITY);
    while runs < LEAST || thread_time() - start < TIME {
        let turn = thread_time();
        run();
        least = least.min((thread_time() - turn).as_secs_f64());
        runs += 1;
    }
    least * 1e6
}

fn measure(model: &Model) -> Option<Json> {
    let mut proto = decode::model(&std::fs::read(&model.path).unwrap()).unwrap();
    let interface = Interface { inputs: &model.inputs, output: &model.output, width: model.width };
    let plan = Plan::new(&mut proto, &interface).ok()?;
    let made: Vec<_> = model.inputs.iter().zip(1..).map(|(spec, seed)| rows::synthetic(spec, seed)).collect();
    let times = BATCHES.map(|batch| {
        let tensors: Vec<Tensor> = model
            .inputs
            .iter()
            .zip(&made)
            .map(|(spec, made)| rows::tensor(spec, &(0..batch).map(|row| &made[(row + 1) % made.len()]).collect::<Vec<_>>()))
            .collect();
        least(|| drop(plan.run(&tensors, batch).unwrap()))
    });
    let inputs = model.inputs.iter().map(|spec| {
        let dtype = if spec.dtype == Dtype::I64 { "i64" } else { "f32" };
        json!({ "name": &*spec.tensor, "dtype": dtype, "row_shape": spec.row_shape, "index_size": spec.index_size })
    });
    Some(json!({
        "model": model.name, "path": model.path, "inputs": inputs.collect::<Vec<_>>(), "output": model.output,
        "batches": BATCHES, "us": times,
    }))
}

#[test]
#[ignore = "shared data"]
fn shared_towers_are_timed() {
    let only = std::env::var("TORRE_TOWERS").unwrap_or_default();
    let chosen = |model: &Model| only.is_empty() || only.split(',').any(|part| model.name.contains(part));
    let mut timed = 0;
    for model in fixtures().iter().chain(&bundles()).filter(|model| chosen(model)) {
        if let Some(line) = measure(model) {
            println!("{line}");
            timed += 1;
        }
    }
    assert!(timed > 0, "no model is called like {only:?}");
}
