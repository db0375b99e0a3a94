//! Rankers that other tools made, against what ONNX Runtime computed with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::model::Ranker;
use super::source::RankerSource;
use super::spec::RankerSpec;
use super::{graph, proto};
use crate::error::Error;
use crate::vector::Matrix;

fn shared(folder: &str) -> PathBuf {
    let root = std::env::var_os("TORRE_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(folder);
    assert!(path.exists(), "{} is missing; TORRE_SHARED says where the reference data is", path.display());
    path
}

/// Arrays of f32 in a file of numpy, with their columns; other types are left out.
fn arrays(path: &Path) -> BTreeMap<String, (usize, Vec<f32>)> {
    let bytes = std::fs::read(path).unwrap();
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let u32_at = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    // The directory of the archive stands at its end.
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    let mut at = u32_at(end + 16);
    let mut arrays = BTreeMap::new();
    while &bytes[at..at + 4] == b"PK\x01\x02" {
        let (method, packed, name_length) = (u16_at(at + 10), u32_at(at + 20), u16_at(at + 28));
        let name = std::str::from_utf8(&bytes[at + 46..at + 46 + name_length]).unwrap().trim_end_matches(".npy").to_owned();
        let local = u32_at(at + 42);
        let data = local + 30 + u16_at(local + 26) + u16_at(local + 28);
        let data = &bytes[data..data + packed];
        let mut file = Vec::new();
        match method {
            0 => file.extend(data),
            8 => drop(flate2::read::DeflateDecoder::new(data).read_to_end(&mut file).unwrap()),
            other => panic!("the compression {other}"),
        }
        if let Some(array) = array(&file) {
            arrays.insert(name, array);
        }
        at += 46 + name_length + u16_at(at + 30) + u16_at(at + 32);
    }
    arrays
}

fn array(file: &[u8]) -> Option<(usize, Vec<f32>)> {
    let length = usize::from(u16::from_le_bytes([file[8], file[9]]));
    let header = std::str::from_utf8(&file[10..10 + length]).unwrap();
    if !header.contains("'<f4'") {
        return None;
    }
    let shape = header.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0;
    let dims: Vec<usize> = shape.split(',').filter_map(|dim| dim.trim().parse().ok()).collect();
    let data = file[10 + length..].as_chunks::<4>().0.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect();
    Some((dims.get(1).copied().unwrap_or(1), data))
}

fn spec(width: usize, input: &str, output: &str) -> String {
    let features: Vec<_> = (0..width).map(|at| serde_json::json!({"name": format!("f{at}"), "from": format!("item.f{at}")})).collect();
    serde_json::json!({"torre": 1, "features": features, "input": input, "output": output}).to_string()
}

/// Sums of these have no fixed order in ONNX Runtime, or go through an exponential of its own.
const ROUNDED: [&str; 6] = ["skl_imputer_scaler_ridge", "skl_scaler_ridge", "skl_logreg", "lgbm_binary", "cat_cls", "xgb_binary_logistic"];
const TOLERANCE: f32 = 1e-6;

#[test]
#[ignore = "shared data"]
fn shared_rankers_give_what_onnx_runtime_gives() {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in ["onnx-fixtures/good", "onnx-fixtures/real/rankers"] {
        files.extend(std::fs::read_dir(shared(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    files.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".npz") && (path.parent().unwrap().ends_with("rankers") || name.starts_with("lgbm_") || name.starts_with("xgb_"))
    });
    files.sort();
    assert!(files.len() >= 15, "only {} rankers", files.len());
    println!("{:<30} {:>5} {:>8} {:>9} {:>12}", "ranker", "rows", "columns", "different", "largest");
    for path in &files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let arrays = arrays(path);
        let (input, (width, rows)) = arrays.iter().find(|(name, _)| !name.starts_with("out_")).unwrap();
        let (output, (columns, expected)) = arrays.iter().find(|(name, _)| name.starts_with("out_")).unwrap();
        let output = output.trim_start_matches("out_");
        let spec = spec(*width, input, output);
        let onnx = std::fs::read(path.with_extension("onnx")).unwrap();
        let ranker = Ranker::load(&RankerSource::new(&onnx[..]).with_spec(&spec)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let model = proto::decode(&onnx).unwrap();
        let (plan, _) = graph::steps(model.graph.as_ref().unwrap(), &RankerSpec::parse(&spec).unwrap()).unwrap();
        assert_eq!(plan.width_of(plan.output), *columns, "{name}");

        let count = rows.len() / width;
        let (mut different, mut largest) = (0, 0.0f32);
        let mut check = |chosen: &[usize]| {
            let features: Vec<f32> = chosen.iter().flat_map(|&row| &rows[row * width..(row + 1) * width]).copied().collect();
            let scores = ranker.score(&Matrix::from_vec(*width, features.clone()).unwrap()).unwrap();
            let values = plan.values(&features);
            for (at, &row) in chosen.iter().enumerate() {
                for column in 0..*columns {
                    let (found, expected) = (values[at * columns + column], expected[row * columns + column]);
                    let difference = (found - expected).abs();
                    assert!(difference <= TOLERANCE * expected.abs().max(1.0), "{name}, row {row}: {found}, expected {expected}");
                    different += usize::from(found != expected);
                    largest = largest.max(difference);
                }
                // Of two classes the second one's score ranks.
                assert_eq!(scores[at].to_bits(), values[at * columns + columns - 1].to_bits(), "{name}, row {row}");
            }
        };
        (0..count).for_each(|row| check(&[row]));
        check(&(0..count).collect::<Vec<_>>());
        check(&(0..17.min(count)).rev().collect::<Vec<_>>());
        println!("{name:<30} {count:>5} {columns:>8} {different:>9} {largest:>12.1e}");
        assert!(different == 0 || ROUNDED.contains(&name), "{name}: {different} values differ");
    }
}

/// kB that a process may have had in memory, the test program itself among them.
const MEMORY: u64 = 500_000;

#[test]
#[ignore = "shared data"]
fn shared_hostile_rankers_are_refused_in_time_and_without_memory() {
    // In a process of its own, whose memory is that of no other test.
    let test = ["--exact", "ranker::fixture_tests::refuse_all_in_time", "--ignored", "--nocapture", "--test-threads", "1"];
    let child = std::process::Command::new(std::env::current_exe().unwrap()).args(test).output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    let peak = said.lines().find_map(|line| line.strip_prefix(PEAK)?.split_whitespace().next()?.parse::<u64>().ok());
    assert!(!cfg!(target_os = "linux") || peak.is_some_and(|peak| peak < MEMORY), "{peak:?} kB");
}

/// What Linux calls the most memory that a process has had.
const PEAK: &str = "VmHWM:";

#[test]
#[ignore = "a child process of the test above"]
fn refuse_all_in_time() {
    let mut refused = 0;
    for entry in std::fs::read_dir(shared("onnx-fixtures/hostile")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "onnx") {
            continue;
        }
        let source = RankerSource::from_file(&path).unwrap();
        let model = proto::decode(&source.onnx);
        let graph = model.as_ref().ok().and_then(|model| model.graph.as_ref());
        let input = graph.and_then(|graph| graph.inputs.first()).map_or("x", |input| input.name);
        let output = graph.and_then(|graph| graph.outputs.last()).map_or("y", |output| output.name);
        let spec = spec(1, input, output);
        let source = source.clone().with_spec(spec);
        let begun = Instant::now();
        let error = Ranker::load(&source).err().unwrap_or_else(|| panic!("{} is accepted", path.display()));
        assert!(begun.elapsed() < Duration::from_secs(2), "{}: {:?}", path.display(), begun.elapsed());
        assert!(matches!(error, Error::Model(_)), "{}: {error:?}", path.display());
        println!("{error}");
        refused += 1;
    }
    assert!(refused >= 25, "only {refused} files");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with(PEAK)).unwrap_or_default());
}

#[test]
#[ignore = "shared data"]
fn shared_ranker_of_the_bundle_replays_its_golden_rows() {
    let source = RankerSource::from_file(shared("towers/ml100k-ranker").join("ranker.onnx")).unwrap();
    let ranker = Ranker::load(&source).unwrap();
    assert_eq!(ranker.spec().features().len(), 7);
    assert!(!ranker.spec().golden().is_empty());
}
