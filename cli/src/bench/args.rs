//! The arguments of `torre bench`.

use std::path::PathBuf;

use clap::Args;

use super::error::BenchError;
use torre::{Metric, Refine};

/// Vectors come from a folder (`--data`) or from three files (`--base`, `--query`, `--gt`); each may be `.npy` or `.fvecs`, also with `.zst`.
#[derive(Args, Clone, Debug)]
pub(crate) struct BenchArgs {
    /// Folder with info.json (metric), base, query, gt100_ids and gt100_scores (or gt100_sqdist)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["base", "query", "gt"])]
    pub(crate) data: Option<PathBuf>,
    /// Vectors to search in
    #[arg(long, value_name = "FILE", requires_all = ["query", "gt"])]
    pub(crate) base: Option<PathBuf>,
    /// Vectors to search for
    #[arg(long, value_name = "FILE")]
    pub(crate) query: Option<PathBuf>,
    /// True neighbours: a row of base row numbers a query, nearest first
    #[arg(long, value_name = "FILE")]
    pub(crate) gt: Option<PathBuf>,
    /// Name of the data set in the output; by default the folder's
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// ip, cosine or l2; by default what info.json says
    #[arg(long)]
    pub(crate) metric: Option<Metric>,
    /// Sub-quantizers: bytes of a code
    #[arg(long)]
    pub(crate) m: Option<usize>,
    /// Lists of the coarse quantizer
    #[arg(long)]
    pub(crate) lists: Option<usize>,
    /// What candidates are scored again by: int8, f16, f32 or none
    #[arg(long, default_value = "int8")]
    pub(crate) refine: Refine,
    /// Weight of an error along the vector when encoding; 1 turns score-aware encoding off
    #[arg(long)]
    pub(crate) eta: Option<f32>,
    /// Weight of the error of a code's group, by which the scan finds it, beside the code's own; by default 2 with refine vectors, else 0
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) group_weight: Option<u8>,
    /// Seed of the training
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Lists visited, a point each; by default upwards until recall stops rising
    #[arg(long, value_delimiter = ',')]
    pub(crate) nprobe: Vec<usize>,
    /// Candidates refined, as multiples of k
    #[arg(long, value_delimiter = ',', default_values_t = [5, 10, 20])]
    pub(crate) refine_factor: Vec<usize>,
    /// Which codes become candidates: filter (by 4 bits of each sub-quantizer) or exact (by all 8)
    #[arg(long, value_delimiter = ',', default_values = ["filter"])]
    pub(crate) scan: Vec<Scan>,
    /// Hits a query
    #[arg(short, long, default_value_t = 10)]
    pub(crate) k: usize,
    /// Threads of training and of batches; single queries always take one
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Also measure whole batches of queries
    #[arg(long)]
    pub(crate) batch: bool,
    /// Queries of a batch, taken in turn where the file has fewer
    #[arg(long, requires = "batch", value_name = "QUERIES", default_value_t = 1000)]
    pub(crate) batch_size: usize,
    /// Leave out single queries
    #[arg(long, requires = "batch")]
    pub(crate) no_one: bool,
    /// Add the mean time of each stage of a query
    #[arg(long)]
    pub(crate) stages: bool,
    /// Repeats of a point; medians count
    #[arg(long, default_value_t = 3)]
    pub(crate) reps: usize,
    /// Seconds that a repeat should take
    #[arg(long, default_value_t = 0.25)]
    pub(crate) point_s: f64,
    /// File of the built index: opened if it is there, else written
    #[arg(long, value_name = "FILE")]
    pub(crate) index: Option<PathBuf>,
    /// Stop when the index is built and written
    #[arg(long, requires = "index")]
    pub(crate) build_only: bool,
    /// File that lines are appended to; standard output without it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// How candidates are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Scan {
    Filter,
    Exact,
}

impl BenchArgs {
    pub(super) fn check(&self) -> Result<(), BenchError> {
        let bad = |what: &str| Err(BenchError::Usage(what.to_owned()));
        if self.data.is_none() && self.base.is_none() {
            return bad("name the vectors: --data DIR, or --base, --query and --gt");
        }
        if self.k == 0
            || self.threads == 0
            || self.reps == 0
            || self.batch_size == 0
            || self.nprobe.contains(&0)
            || self.refine_factor.contains(&0)
        {
            return bad("--k, --threads, --reps, --batch-size, --nprobe and --refine-factor are at least 1");
        }
        if self.refine == Refine::Auto {
            return bad("--refine names what is measured: int8, f16, f32 or none");
        }
        if !(self.point_s > 0.0 && self.point_s <= 600.0) {
            return bad("--point-s is above 0 and at most 600");
        }
        Ok(())
    }

    /// The values of `--nprobe` that this many lists allow.
    pub(super) fn probes(&self, lists: usize) -> Vec<usize> {
        const USUAL: [usize; 16] = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 112, 128, 160, 192, 256];
        let asked = if self.nprobe.is_empty() { &USUAL[..] } else { &self.nprobe[..] };
        asked.iter().copied().filter(|&n| n <= lists).collect()
    }
}
