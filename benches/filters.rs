//! Filters and exclusions beside the same queries without: recall and time.
//!
//! `filters.py setup` of the peers' harness makes the cases and their true answers in a directory; `rows.parquet` with the fields `id`, `u`, `c` and the
//! vectors is imported into a database `shop` beside them (`u:int index`, `c:int index`) and built. Then
//! `cargo bench --bench filters -- DIRECTORY [--rounds 5] [--target 0.95] [--cases u1,ex100]` prints for each case the recall, what the answers say
//! of it, the fewest hits, and the median over the queries of each one's quickest time, also as a multiple of that without a restriction.
//! Cases take turns in each round, so that what else the machine does is spread over all. `--stages` prints besides where the time goes and what was
//! looked at, each the median over the queries, from one round of explanations.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use torre::filter::Filter;
use torre::{Collection, Database, Query};

/// Cases in the order of the table.
const CASES: [&str; 13] = ["none", "u0.1", "u1", "u10", "u50", "own", "notown", "not10", "far", "far_u10", "ex100", "ex1000", "ex10000"];
/// Ids excluded at most: a few of the true answers lie behind the rows that are known.
const MOST_EXCLUDED: usize = 9_990;

/// A table of numbers of an .npy file, row after row, and the length of a row.
fn npy<T>(path: &Path, number: impl Fn([u8; 4]) -> T) -> (Vec<T>, usize) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let head = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let shape = String::from_utf8_lossy(&bytes[10..10 + head]).into_owned();
    let shape = shape.split("'shape': (").nth(1).unwrap().split(')').next().unwrap().to_owned();
    let width = shape.split(',').filter_map(|part| part.trim().parse().ok()).nth(1).unwrap_or(1);
    (bytes[10 + head..].as_chunks::<4>().0.iter().map(|b| number(*b)).collect(), width)
}

/// Ids that a case excludes.
fn excluded(case: &str) -> usize {
    case.strip_prefix("ex").map_or(0, |count| count.parse::<usize>().unwrap().min(MOST_EXCLUDED))
}

struct Setup {
    items: Collection,
    queries: Vec<Vec<f32>>,
    /// For each query the clusters, nearest first, and the ids of the nearest rows.
    clusters: Vec<Vec<i32>>,
    nearest: Vec<Vec<String>>,
    truth: BTreeMap<String, Vec<Vec<u64>>>,
    target: f32,
}

/// What is measured of one case.
#[derive(Default)]
struct Measured {
    found: usize,
    wanted: usize,
    expected: f64,
    fewest: usize,
    /// The quickest time of each query, in microseconds.
    times: Vec<f64>,
}

impl Setup {
    fn filter(&self, case: &str, query: usize) -> Option<String> {
        let clusters = &self.clusters[query];
        let (first, last) = (clusters[0], clusters[clusters.len() - 1]);
        Some(match case {
            "u0.1" => "u < 1".to_owned(),
            "u1" => "u < 10".to_owned(),
            "u10" => "u < 100".to_owned(),
            "u50" => "u < 500".to_owned(),
            "own" => format!("c = {first}"),
            "notown" => format!("c != {first}"),
            "not10" => format!("c NOT IN ({})", clusters[..10].iter().map(i32::to_string).collect::<Vec<_>>().join(", ")),
            "far" => format!("c = {last}"),
            "far_u10" => format!("c = {last} AND u < 100"),
            _ => return None,
        })
    }

    fn search(&self, case: &str, query: usize) -> Query<'_> {
        let search = self.items.search(&self.queries[query]).unsampled().recall(self.target);
        let search = search.exclude(self.nearest[query][..excluded(case)].iter().map(String::as_str));
        match self.filter(case, query) {
            Some(filter) => search.filter(Filter::parse(&filter).unwrap()),
            None => search,
        }
    }

    fn ask(&self, case: &str, query: usize, first: bool, measured: &mut Measured) {
        let answer = self.search(case, query).run().unwrap();
        let time = answer.elapsed.as_secs_f64() * 1e6;
        if !first {
            measured.times[query] = measured.times[query].min(time);
            return;
        }
        let truth: Vec<String> = match case {
            // Ten rows behind those that are excluded, of which the harness knows as many as there are.
            "ex10000" => self.nearest[query][MOST_EXCLUDED..MOST_EXCLUDED + 10].to_vec(),
            case => self.truth[case][query].iter().map(u64::to_string).collect(),
        };
        measured.times.push(time);
        measured.found += answer.ids().filter(|id| truth.iter().any(|wanted| wanted == id)).count();
        measured.wanted += truth.len();
        measured.expected += f64::from(answer.expected_recall.unwrap_or(f32::NAN));
        let short = truth.len() - answer.hits.len();
        measured.fewest = if query == 0 { 10 - short } else { measured.fewest.min(10 - short) };
    }

    /// Where the time of a case's queries goes, and what they look at.
    fn stages(&self, case: &str) -> String {
        let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for query in 0..self.queries.len() {
            let explain = self.search(case, query).explain().run().unwrap().explain.unwrap();
            let looked = [
                ("~ lists", explain.lists_probed as f64),
                ("~ codes", explain.codes_scanned as f64),
                ("~ refined", explain.candidates_refined as f64),
            ];
            let stages = explain.stages.iter().map(|stage| (stage.stage, stage.micros)).chain(looked);
            stages.for_each(|(what, number)| all.entry(what).or_default().push(number));
        }
        all.iter().map(|(what, numbers)| format!("{what} {:.1}", median(numbers))).collect::<Vec<_>>().join(", ")
    }
}

fn median(numbers: &[f64]) -> f64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args.iter().any(|arg| arg == "--test") || args.is_empty() {
        println!("filters: needs the directory of the cases");
        return;
    }
    let option = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let rounds: usize = option("--rounds").map_or(5, |rounds| rounds.parse().unwrap());
    let cases: Vec<&str> = option("--cases").map_or(CASES.to_vec(), |cases| std::iter::once("none").chain(cases.split(',')).collect());
    let directory = PathBuf::from(&args[0]);
    let (queries, dim) = npy(&directory.join("queries.npy"), f32::from_le_bytes);
    let (clusters, of_clusters) = npy(&directory.join("qc.npy"), i32::from_le_bytes);
    let (nearest, of_nearest) = npy(&directory.join("ex.npy"), i32::from_le_bytes);
    let truth = std::fs::read_to_string(directory.join("gt.json")).unwrap();
    let database = Database::open_read_only(directory.join("shop")).unwrap();
    let setup = Setup {
        items: database.collection("items").unwrap(),
        queries: queries.chunks(dim).map(<[f32]>::to_vec).collect(),
        clusters: clusters.chunks(of_clusters).map(<[i32]>::to_vec).collect(),
        nearest: nearest.chunks(of_nearest).map(|row| row.iter().map(i32::to_string).collect()).collect(),
        truth: serde_json::from_str(&truth).unwrap(),
        target: option("--target").map_or(0.95, |target| target.parse().unwrap()),
    };
    let mut all: Vec<Measured> = cases.iter().map(|_| Measured::default()).collect();
    for round in 0..rounds {
        for (case, measured) in cases.iter().zip(&mut all) {
            (0..setup.queries.len()).for_each(|query| setup.ask(case, query, round == 0, measured));
        }
    }
    let plain = median(&all[0].times);
    println!("| case | recall@10 | expected | hits at least | p50 us | of unrestricted |\n| --- | ---: | ---: | ---: | ---: | ---: |");
    for (case, measured) in cases.iter().zip(&all) {
        let (queries, time) = (setup.queries.len() as f64, median(&measured.times));
        let recall = measured.found as f64 / measured.wanted as f64;
        let (expected, times) = (measured.expected / queries, time / plain);
        println!("| {case} | {recall:.4} | {expected:.4} | {} | {time:.1} | {times:.2} |", measured.fewest);
    }
    if args.iter().any(|arg| arg == "--stages") {
        cases.iter().for_each(|case| println!("{case}: {}", setup.stages(case)));
    }
}
