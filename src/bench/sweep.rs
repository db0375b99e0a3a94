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
use crate::index::{Part, ScanMode, Scratch, SearchParams, SearchStats, search, search_batch};
use crate::progress::{Progress, Stage};
use crate::vector::Matrix;

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
    let (first_query_s, resident) = warm_up(data, built, args.k);
    let bench = Bench { args, data, built, pool, config: built.config(), first_query_s, resident };
    let probes = args.probes(built.index.lists());
    let total = (args.scan.len() * args.refine_factor.len() * probes.len()) as u64;
    let mut done = 0;
    for &scan in &args.scan {
        for &factor in &args.refine_factor {
            let mut last = -1.0;
            for &nprobe in &probes {
                if progress.cancelled() {
                    return Err(crate::Error::Interrupted.into());
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

/// The first query, then some more; answers its seconds and what the index takes of memory.
fn warm_up(data: &Dataset, built: &Built, k: usize) -> (f64, Option<(f64, f64)>) {
    let params = SearchParams { k, candidates: 10 * k, ..SearchParams::default() };
    let mut searcher = Searcher::new(built, params);
    let start = Instant::now();
    searcher.answer(data.queries.row(0));
    let first = start.elapsed().as_secs_f64();
    data.queries.iter().take(WARM_UP).for_each(|query| searcher.answer(query));
    let resident = built.before.map(|(all, anon)| (resident_mb("VmRSS") - all, resident_mb("RssAnon") - anon));
    (first, resident)
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
            Scan::Filter => ScanMode::Filter,
            Scan::Exact => ScanMode::Exact,
        };
        let params = SearchParams { k, nprobe, candidates: k * factor, mode, ..SearchParams::default() };
        let param = Param { scan: if scan == Scan::Filter { "filter" } else { "exact" }, refine_factor: factor, nprobe };
        let queries = self.data.queries.rows();
        let for_recall = queries.min(QUERIES);

        let mut searcher = Searcher::new(self.built, params);
        let start = Instant::now();
        let mut codes = 0;
        let answers: Vec<Vec<u32>> = (0..for_recall)
            .map(|query| {
                searcher.answer(self.data.queries.row(query));
                codes += searcher.stats.codes_scanned;
                searcher.rows.clone()
            })
            .collect();
        let latency = start.elapsed().as_secs_f64() / for_recall as f64;
        let recall = |at: usize| if at <= k { self.data.recall(&answers, at).map(|r| round(r, 4)) } else { None };
        let recall10 = recall(10.min(k));

        let mut line = |mode, threads, nq, timing: Timing, stages_us| {
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
                index_mb: round(self.built.bytes() as f64 / 1e6, 1),
                disk_mb: round(self.built.disk_mb, 1),
                open_s: round(self.built.open_s, 4),
                first_query_s: round(self.first_query_s, 5),
                mode,
                k,
                param,
                recall10,
                recall100: recall(100),
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
            let timing = repeats(timed, self.args.reps, |latencies| {
                for query in 0..timed {
                    let start = Instant::now();
                    searcher.answer(self.data.queries.row(query));
                    latencies.push(start.elapsed().as_secs_f64());
                }
            });
            let stages = self.args.stages.then(|| self.stages(params, timed));
            line("one", 1, timed, timing, stages)?;
        }
        if self.args.batch {
            let batch = first_rows(&self.data.queries, queries.min(QUERIES));
            // The same answers are promised; a bench of other ones would measure something else.
            if self.batch(params, &batch) != answers {
                return Err(BenchError::Unusable("a batch answers otherwise than single queries do".to_owned()));
            }
            let timing = repeats(batch.rows(), self.args.reps, |_| {
                self.batch(params, &batch);
            });
            line("batch", self.args.threads, batch.rows(), timing, None)?;
        }
        Ok(recall10.unwrap_or(0.0))
    }

    /// Answers all of `queries` in one call, on the pool; base rows, nearest first.
    fn batch(&self, params: SearchParams<'_>, queries: &Matrix) -> Vec<Vec<u32>> {
        let part = Part { index: &self.built.index, mask: &self.built.mask };
        let found = self.pool.install(|| search_batch(&self.built.engine, &[part], queries, &params, &[]));
        found.iter().map(|hits| hits.iter().map(|hit| self.built.rows[hit.position as usize]).collect()).collect()
    }

    /// Mean microseconds of each stage. Taking the times costs some, so that this is a run of its own.
    fn stages(&self, params: SearchParams<'_>, queries: usize) -> BTreeMap<&'static str, f64> {
        let mut searcher = Searcher::new(self.built, SearchParams { timed: true, ..params });
        let mut sum = [Duration::ZERO; 6];
        for query in 0..queries {
            searcher.answer(self.data.queries.row(query));
            let times = searcher.stats.times;
            for (sum, time) in sum.iter_mut().zip([times.coarse, times.table, times.scan, times.select, times.refine, times.top]) {
                *sum += time;
            }
        }
        let names = ["coarse", "table", "scan", "select", "refine", "top"];
        names.into_iter().zip(sum).map(|(name, sum)| (name, round(sum.as_secs_f64() * 1e6 / queries as f64, 2))).collect()
    }
}

fn first_rows(matrix: &Matrix, rows: usize) -> Matrix {
    let mut first = Matrix::with_capacity(matrix.dim(), rows);
    matrix.iter().take(rows).for_each(|row| first.push(row));
    first
}

/// Answers queries one after another in the same scratch space.
struct Searcher<'a> {
    built: &'a Built,
    params: SearchParams<'a>,
    scratch: Scratch,
    stats: SearchStats,
    /// The last query's answer: base rows, nearest first.
    rows: Vec<u32>,
}

impl<'a> Searcher<'a> {
    fn new(built: &'a Built, params: SearchParams<'a>) -> Self {
        Self { built, params, scratch: Scratch::default(), stats: SearchStats::default(), rows: Vec::new() }
    }

    fn answer(&mut self, query: &[f32]) {
        let part = Part { index: &self.built.index, mask: &self.built.mask };
        self.stats = search(&self.built.engine, &[part], query, &self.params, &mut self.scratch);
        self.rows.clear();
        self.rows.extend(self.scratch.hits().iter().map(|hit| self.built.rows[hit.position as usize]));
    }
}
