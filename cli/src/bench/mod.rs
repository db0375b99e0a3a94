//! `torre bench`: measures the index on vectors from files, without a database.
//!
//! It takes the same queries in the same order, and counts recall, repeats and foreign load the same way as the scripts that measure other
//! libraries, so that its lines can stand beside theirs. A line is a JSON object; see `docs/benchmarks.md`.

mod args;
mod cost;
mod data;
mod error;
mod index;
mod line;
mod measure;
mod process;
mod shuffle;
mod store;
mod sweep;

use std::fs::OpenOptions;
use std::io::Write;

pub(crate) use args::BenchArgs;
pub(crate) use error::BenchError;

use torre::Progress;

/// Builds or opens the index that `args` describe and measures it; lines go to `--out` and, without it, to `out`.
pub(crate) fn run(args: &BenchArgs, progress: &dyn Progress, out: &mut dyn Write) -> Result<(), BenchError> {
    args.check()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads).build().map_err(|e| BenchError::Unusable(e.to_string()))?;
    let data = data::Dataset::load(args)?;
    let built = pool.install(|| index::open_or_build(args, &data, progress))?;
    if args.build_only {
        return Ok(());
    }
    let mut file = match &args.out {
        Some(path) => Some(OpenOptions::new().create(true).append(true).open(path).map_err(|e| BenchError::io(path, e))?),
        None => None,
    };
    sweep::run(args, &data, &built, &pool, progress, &mut |line| {
        let text = serde_json::to_string(line).map_err(|e| BenchError::Unusable(e.to_string()))?;
        match &mut file {
            Some(file) => writeln!(file, "{text}").map_err(|e| BenchError::io(args.out.as_deref().unwrap_or("".as_ref()), e)),
            None => writeln!(out, "{text}").map_err(|e| BenchError::io("standard output".as_ref(), e)),
        }
    })
}
