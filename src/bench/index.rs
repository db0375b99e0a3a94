//! The index under measurement: trained and filled, or opened as it was written.

use std::sync::Arc;
use std::time::Instant;

use super::args::BenchArgs;
use super::data::Dataset;
use super::error::BenchError;
use super::process::{cpu_seconds, resident_mb};
use super::store;
use crate::index::{IvfIndex, Mask, SearchEngine};
use crate::progress::Progress;
use crate::quantizer::{Quantizer, TrainParams, group_weight};
use crate::types::Refine;

/// What is measured, and what it took to get there.
pub(super) struct Built {
    pub(super) engine: SearchEngine,
    pub(super) index: IvfIndex,
    pub(super) mask: Mask,
    /// The base row of each position.
    pub(super) rows: Vec<u32>,
    pub(super) cost: Cost,
    pub(super) open_s: f64,
    /// Resident megabytes before the index was opened, in all and without mapped files; `None` where it was built in this process, whose
    /// training would be counted too.
    pub(super) before: Option<(f64, f64)>,
    pub(super) disk_mb: f64,
}

/// Seconds of training, assigning, encoding and laying out; opening the files left out.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Cost {
    pub(super) build_s: f64,
    pub(super) build_cpu_s: f64,
}

/// The parts that are stored.
pub(super) struct Stored {
    pub(super) quantizer: Quantizer,
    pub(super) index: IvfIndex,
    pub(super) rows: Vec<u32>,
    pub(super) cost: Cost,
}

pub(super) fn open_or_build(args: &BenchArgs, data: &Dataset, progress: &dyn Progress) -> Result<Built, BenchError> {
    let recipe = store::Recipe::of(args, data);
    if let Some(path) = args.index.as_deref().filter(|path| path.exists()) {
        let before = Some((resident_mb("VmRSS"), resident_mb("RssAnon")));
        let start = Instant::now();
        let stored = store::open(path, &recipe)?;
        let disk_mb = std::fs::metadata(path).map_err(|e| BenchError::io(path, e))?.len() as f64 / 1e6;
        return Ok(ready(stored, start, before, disk_mb));
    }
    let stored = build(args, data, progress)?;
    let mut disk_mb = 0.0;
    if let Some(path) = &args.index {
        disk_mb = store::write(path, &recipe, &stored)? as f64 / 1e6;
    }
    Ok(ready(stored, Instant::now(), None, disk_mb))
}

fn ready(stored: Stored, start: Instant, before: Option<(f64, f64)>, disk_mb: f64) -> Built {
    let Stored { quantizer, index, rows, cost } = stored;
    let mask = index.mask();
    let engine = SearchEngine::new(Arc::new(quantizer));
    Built { engine, index, mask, rows, cost, open_s: start.elapsed().as_secs_f64(), before, disk_mb }
}

fn build(args: &BenchArgs, data: &Dataset, progress: &dyn Progress) -> Result<Stored, BenchError> {
    let mut base = data.read_base()?;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let (lists, m, eta, group_weight) = (args.lists, args.m, args.eta, args.group_weight.unwrap_or(group_weight(args.refine)));
    let params = TrainParams { lists, m, seed: args.seed, eta, group_weight, ..TrainParams::new(data.metric) };
    let quantizer = Quantizer::train(&base, &params, progress)?;
    quantizer.carry(&mut base);
    let base = &base;
    let lists = quantizer.assign(base);
    let codes = quantizer.encode(base, &lists);
    let built = IvfIndex::build(&quantizer, base, &lists, &codes, args.refine);
    let (index, rows) = built.ok_or_else(|| BenchError::Unusable("the vectors do not fit the index's limits".to_owned()))?;
    let cost = Cost { build_s: start.elapsed().as_secs_f64(), build_cpu_s: cpu_seconds() - cpu };
    Ok(Stored { quantizer, index, rows, cost })
}

impl Built {
    /// As the other libraries' lines name theirs: lists, code, what refines.
    pub(super) fn config(&self) -> String {
        let (lists, m) = (self.index.lists(), self.index.m());
        let refine = match self.index.refine() {
            Refine::None => String::new(),
            kind => format!(",Refine({})", kind.name()),
        };
        format!("IVF{lists},PQ{m}x8 ({m} B){refine}")
    }

    /// Bytes of the index in memory, by its own count: codes, refine vectors, directory, quantizer copies and row numbers.
    pub(super) fn bytes(&self) -> usize {
        self.index.bytes() + self.engine.bytes() + self.mask.bytes() + 4 * self.rows.len()
    }
}
