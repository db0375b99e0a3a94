//! The index under measurement: trained and filled, or opened as it was written.

use std::time::Instant;

use torre::bare::{Index, IndexOptions};
use torre::{Progress, Refine};

use super::args::BenchArgs;
use super::cost::Cost;
use super::data::Dataset;
use super::error::BenchError;
use super::process::resident_mb;
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

pub(super) fn open_or_build(args: &BenchArgs, data: &Dataset, progress: &dyn Progress) -> Result<Built, BenchError> {
    let recipe = store::Recipe::of(args, data)?;
    if let Some(path) = args.index.as_deref().filter(|path| path.exists()) {
        let before = Some((resident_mb("VmRSS"), resident_mb("RssAnon")));
        let start = Instant::now();
        let (index, cost) = store::open(path, &recipe)?;
        let disk_mb = std::fs::metadata(path).map_err(|e| BenchError::io(path, e))?.len() as f64 / 1e6;
        return Ok(Built { index, cost, open_s: start.elapsed().as_secs_f64(), before, disk_mb });
    }
    let base = data.read_base()?;
    let (index, cost) = Cost::of(|| Index::build(base, &recipe.options, progress));
    let index = index?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use clap::Parser;
    use torre::NoProgress;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn args(folder: &Path, more: &[&str]) -> BenchArgs {
        let [base, query, gt, index] =
            ["base.fvecs", "query.fvecs", "gt.ivecs", "index"].map(|name| folder.join(name).display().to_string());
        let files = ["bench", "--base", &base, "--query", &query, "--gt", &gt, "--index", &index];
        let usual = ["--metric", "l2"];
        Command::parse_from(files.iter().chain(&usual).chain(more)).args
    }

    /// Writes rows of a two-dimensional data set, of 32-bit words behind their number.
    fn write(folder: &Path, name: &str, rows: impl Iterator<Item = [u32; 2]>) {
        let bytes: Vec<u8> = rows.flat_map(|[a, b]| [2, a, b]).flat_map(u32::to_le_bytes).collect();
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    fn points(shift: u8) -> impl Iterator<Item = [u32; 2]> {
        (0..40u8).map(move |n| [f32::from(n + shift).to_bits(), f32::from(u16::from(n) * u16::from(n) % 17).to_bits()])
    }

    #[test]
    fn an_index_file_is_opened_only_as_what_it_was_made_as() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "base.fvecs", points(0));
        write(folder, "query.fvecs", points(0).take(3));
        write(folder, "gt.ivecs", (0..3).map(|n| [n, n + 1]));
        let run = |more: &[&str]| {
            let args = args(folder, more);
            open_or_build(&args, &Dataset::load(&args)?, &NoProgress).map(|built| built.before.is_some())
        };
        assert!(!run(&[]).unwrap(), "built");
        assert!(run(&[]).unwrap(), "opened");
        assert!(run(&["--group-weight", "2", "--k", "5", "--threads", "2"]).unwrap(), "the weight that it has by default");
        let others = [
            ["--group-weight", "0"],
            ["--eta", "2"],
            ["--seed", "1"],
            ["--refine", "f16"],
            ["--m", "1"],
            ["--lists", "3"],
            ["--name", "x"],
        ];
        for other in others {
            let error = run(&other).err().unwrap_or_else(|| BenchError::Usage(format!("opened with {other:?}")));
            assert!(error.to_string().contains("holds an index made from"), "{error}");
        }
        write(folder, "base.fvecs", points(1));
        assert!(run(&[]).is_err(), "other vectors under the same name");
    }
}
