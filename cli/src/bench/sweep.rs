//! Goes through the settings and measures each: recall once, time in repeats.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::args::{BenchArgs, Scan};
use super::data::Dataset;
use super::error::BenchError;
use super::index::Built;
use super::line::{Line, Param};
use super::measure::{Timing, repeats, round};
use super::process::{load, resident_mb};
use torre::bare::{self, SearchOptions, Searcher};
use torre::{Matrix, Progress, Stage};

/// Queries that recall is measured on, and the most that are timed.
const QUERIES: usize = 1000;
const WARM_UP: usize = 200;
/// A sweep without given settings stops raising nprobe when recall is this high, or rises by less than this.
const RECALL_ENOUGH: f64 = 0.9985;
const RECALL_STEP: f64 = 0.0008;

/// Everything that stays the same over a sweep.
struct Bench<'a> {
    args: &'a BenchArgs,
    data: &'a Dataset,
    built: &'a Built,
    pool: &'a rayon::ThreadPool,
    config: String,
    first_query_s: f64,
    resident: Option<(f64, f64)>,
}

/// Measures every setting that `args` name and hands each line to `emit`.
pub(super) fn run(
    args: &BenchArgs,
    data: &Dataset,
    built: &Built,
    pool: &rayon::ThreadPool,
    progress: &dyn Progress,
    emit: &mut dyn FnMut(&Line<'_>) -> Result<(), BenchError>,
) -> Result<(), BenchError> {
    if data.queries.is_empty() {
        return Err(BenchError::Unusable("there are no queries".to_owned()));
    }
    let (first_query_s, resident) = warm_up(data, built, args.k)?;
    let bench = Bench { args, data, built, pool, config: built.config(), first_query_s, resident };
    let probes = args.probes(built.index.lists());
    let total = (args.scan.len() * args.refine_factor.len() * probes.len()) as u64;
    let mut done = 0;
    for &scan in &args.scan {
        for &factor in &args.refine_factor {
            let mut last = -1.0;
            for &nprobe in &probes {
                if progress.cancelled() {
                    return Err(torre::Error::Interrupted.into());
                }
                let recall = bench.point(scan, factor, nprobe, emit)?;
                done += 1;
                progress.update(Stage::Evaluate, done, Some(total));
                if args.nprobe.is_empty() && (recall > RECALL_ENOUGH || recall - last < RECALL_STEP) {
                    break;
                }
                last = recall;
            }
        }
    }
    Ok(())
}

/// The first query, then some more; returns its seconds and what the index takes of memory.
fn warm_up(data: &Dataset, built: &Built, k: usize) -> Result<(f64, Option<(f64, f64)>), BenchError> {
    let mut searcher = built.index.searcher(SearchOptions { k, candidates: 10 * k, ..SearchOptions::default() });
    let start = Instant::now();
    searcher.search(data.queries.row(0))?;
    let first = start.elapsed().as_secs_f64();
    for query in data.queries.iter().take(WARM_UP) {
        searcher.search(query)?;
    }
    let resident = built.before.map(|(all, anon)| (resident_mb("VmRSS") - all, resident_mb("RssAnon") - anon));
    Ok((first, resident))
}

impl Bench<'_> {
    /// Measures one setting; answers its recall.
    fn point(
        &self,
        scan: Scan,
        factor: usize,
        nprobe: usize,
        emit: &mut dyn FnMut(&Line<'_>) -> Result<(), BenchError>,
    ) -> Result<f64, BenchError> {
        let k = self.args.k;
        let mode = match scan {
            Scan::Filter => bare::Scan::Filter,
            Scan::Exact => bare::Scan::Exact,
        };
        let options = SearchOptions { k, nprobe, candidates: k * factor, scan: mode, timed: false };
        let param = Param { scan: if scan == Scan::Filter { "filter" } else { "exact" }, refine_factor: factor, nprobe };
        let queries = self.data.queries.rows();
        let for_recall = queries.min(QUERIES);

        let mut searcher = self.built.index.searcher(options);
        let start = Instant::now();
        let (mut codes, mut answers) = (0, Vec::with_capacity(for_recall));
        for query in 0..for_recall {
            answers.push(searcher.search(self.data.queries.row(query))?.to_vec());
            codes += searcher.codes_scanned();
        }
        let latency = start.elapsed().as_secs_f64() / for_recall as f64;
        let recall = |answers: &[Vec<u32>], at: usize| if at <= k { self.data.recall(answers, at).map(|r| round(r, 4)) } else { None };
        let recall10 = recall(&answers, 10.min(k));

        let mut line = |mode, threads, nq, timing: Timing, stages_us, answers: &[Vec<u32>]| {
            emit(&Line {
                kind: "search",
                peer: "torre",
                version: env!("CARGO_PKG_VERSION"),
                data: &self.data.name,
                config: &self.config,
                threads,
                build_s: round(self.built.cost.build_s, 2),
                build_cpu_s: round(self.built.cost.build_cpu_s, 2),
                rss_mb: self.resident.map(|r| round(r.0, 1)),
                rss_anon_mb: self.resident.map(|r| round(r.1, 1)),
                index_mb: round(self.built.index.bytes() as f64 / 1e6, 1),
                disk_mb: round(self.built.disk_mb, 1),
                open_s: round(self.built.open_s, 4),
                first_query_s: round(self.first_query_s, 5),
                mode,
                k,
                param,
                recall10: recall(answers, 10.min(k)),
                recall100: recall(answers, 100),
                nq,
                nq_recall: for_recall,
                reps: self.args.reps,
                timing,
                load1: load(),
                codes_scanned: round(codes as f64 / for_recall as f64, 1),
                stages_us,
            })
        };
        if !self.args.no_one {
            let timed = queries.min(((self.args.point_s / latency) as usize).clamp(50, QUERIES));
            let timing = repeats(timed, self.args.reps, |latencies| self.one_by_one(&mut searcher, timed, latencies))?;
            let stages = self.args.stages.then(|| self.stages(options, timed)).transpose()?;
            line("one", 1, timed, timing, stages, &answers)?;
        }
        if self.args.batch {
            let batch = in_turn(&self.data.queries, self.args.batch_size);
            let mut found = self.batch(options, &batch)?;
            found.truncate(for_recall);
            self.check_batch(options, &batch, &answers[..found.len()], &found)?;
            let timing = repeats(batch.rows(), self.args.reps, |_| self.batch(options, &batch).map(drop))?;
            answers = found;
            line("batch", self.args.threads, batch.rows(), timing, None, &answers)?;
        }
        Ok(recall10.unwrap_or(0.0))
    }

    fn one_by_one(&self, searcher: &mut Searcher<'_>, queries: usize, latencies: &mut Vec<f64>) -> Result<(), BenchError> {
        for query in 0..queries {
            let start = Instant::now();
            searcher.search(self.data.queries.row(query))?;
            latencies.push(start.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Answers all of `queries` in one call, on the pool; base rows, nearest first.
    fn batch(&self, options: SearchOptions, queries: &Matrix) -> Result<Vec<Vec<u32>>, BenchError> {
        Ok(self.pool.install(|| self.built.index.search_batch(queries, options))?)
    }

    /// A batch returns what single queries do, or, by tiles, the best of all rows of the same lists. A bench of anything else would measure
    /// something else.
    fn check_batch(&self, options: SearchOptions, queries: &Matrix, single: &[Vec<u32>], found: &[Vec<u32>]) -> Result<(), BenchError> {
        /// Queries compared, and the share of rows that has to be the same: rounding to bytes may change the order of near equals.
        const COMPARED: usize = 100;
        const SAME: f64 = 0.99;
        if found == single {
            return Ok(());
        }
        let mut all = self.built.index.searcher(SearchOptions { candidates: usize::MAX, ..options });
        let (mut same, mut wanted) = (0, 0);
        for (query, found) in queries.iter().zip(found).take(COMPARED) {
            let exact = all.search(query)?;
            wanted += exact.len();
            same += exact.iter().filter(|row| found.contains(row)).count();
        }
        if (same as f64) < SAME * wanted as f64 {
            return Err(BenchError::Unusable(format!("a batch returns {same} of the {wanted} best rows of its lists")));
        }
        Ok(())
    }

    /// Mean microseconds of each stage. Taking the times costs some, so that this is a run of its own.
    fn stages(&self, options: SearchOptions, queries: usize) -> Result<BTreeMap<&'static str, f64>, BenchError> {
        let mut searcher = self.built.index.searcher(SearchOptions { timed: true, ..options });
        let mut sums: BTreeMap<&'static str, Duration> = BTreeMap::new();
        for query in 0..queries {
            searcher.search(self.data.queries.row(query))?;
            for (stage, time) in searcher.times() {
                *sums.entry(stage).or_default() += time;
            }
        }
        Ok(sums.into_iter().map(|(stage, sum)| (stage, round(sum.as_secs_f64() * 1e6 / queries as f64, 2))).collect())
    }
}

/// So many rows, the same ones again where there are fewer.
fn in_turn(matrix: &Matrix, rows: usize) -> Matrix {
    let values = (0..rows).flat_map(|row| matrix.row(row % matrix.rows())).copied().collect();
    Matrix::from_vec(matrix.dim(), values).unwrap_or_default()
}
