//! The index under measurement: trained and filled, or opened as it was written.

use std::time::Instant;

use torre::bare::{Index, IndexOptions};
use torre::{Progress, Refine};

use super::args::BenchArgs;
use super::data::Dataset;
use super::error::BenchError;
use super::process::{cpu_seconds, resident_mb};
use super::store;

/// What is measured, and what it took to get there.
pub(super) struct Built {
    pub(super) index: Index,
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

pub(super) fn open_or_build(args: &BenchArgs, data: &Dataset, progress: &dyn Progress) -> Result<Built, BenchError> {
    let recipe = store::Recipe::of(args, data);
    if let Some(path) = args.index.as_deref().filter(|path| path.exists()) {
        let before = Some((resident_mb("VmRSS"), resident_mb("RssAnon")));
        let start = Instant::now();
        let (index, cost) = store::open(path, &recipe)?;
        let disk_mb = std::fs::metadata(path).map_err(|e| BenchError::io(path, e))?.len() as f64 / 1e6;
        return Ok(Built { index, cost, open_s: start.elapsed().as_secs_f64(), before, disk_mb });
    }
    let base = data.read_base()?;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let index = Index::build(base, &recipe.options, progress)?;
    let cost = Cost { build_s: start.elapsed().as_secs_f64(), build_cpu_s: cpu_seconds() - cpu };
    let disk_mb = match &args.index {
        Some(path) => store::write(path, &recipe, &index, cost)? as f64 / 1e6,
        None => 0.0,
    };
    Ok(Built { index, cost, open_s: 0.0, before: None, disk_mb })
}

impl BenchArgs {
    /// How the index is built.
    pub(super) fn index_options(&self, data: &Dataset) -> IndexOptions {
        let mut options = IndexOptions::new(data.metric);
        options.lists = self.lists;
        options.m = self.m;
        options.refine = self.refine;
        options.eta = self.eta;
        options.group_weight = self.group_weight;
        options.seed = self.seed;
        options
    }
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
}
