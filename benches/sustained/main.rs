//! The same rows updated over and over, with queries beside it: does it go on for ever?
//!
//! `cargo bench --bench sustained` updates 20,000 ids for a minute, 200 a batch, from one thread as fast as it can, and asks ten queries
//! between two batches now and then. Every sixth of the time it prints the rate, the batches' median and 99th percentile, the queries' median, memory
//! and disk, segments and deleted rows that are still in them. In the end these are compared with a fresh load of the live rows, made in a
//! process of its own, and with the queries' time while nobody writes; the rate of the last part with that of the first.
//!
//! `cargo bench --bench sustained -- --seconds 3600` takes an hour; `--ids`, `--batch` and `--spread` (ids at random instead of one after
//! another) change the load. The stores' cache is bounded to 8 MB, so that memory is what the database keeps: by default it may hold 64 MB more. With `--test` it runs for some seconds and fails where the bounds do not hold that do not depend on the clock.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench")]

mod blame;
#[path = "../common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{on_disk, resident};
use torre::{Collection, CollectionOptions, Database, Durability, Item, Metric, NoProgress};

const DIM: u64 = 64;

fn noise(stream: u64, at: u64) -> f32 {
    let mut z = (stream + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ at.wrapping_mul(0xD1B5_4A32_D192_ED03);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z >> 40) as f32) / 8_388_608.0 - 1.0
}

/// One of a hundred clusters, and noise.
fn vector(n: u64) -> Vec<f32> {
    (0..DIM).map(|d| noise(n % 100, d) + 0.7 * noise(1000 + n, d)).collect()
}

fn item(id: u64, version: u64) -> Item {
    Item::new(format!("i{id}")).unwrap().with_vector(vector(id.wrapping_add(version << 20)))
}

struct Load {
    ids: u64,
    batch: u64,
    seconds: u64,
    spread: bool,
    blame: bool,
}

fn open(path: &Path) -> (Database, Collection) {
    let builder = Database::builder(path).create(true).cache_bytes(8 << 20).trim_memory(true);
    let database = builder.durability(Durability::Batched(Duration::from_millis(100))).open().unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(DIM as usize, Metric::InnerProduct)).unwrap();
    (database, items)
}

fn percentile(times: &mut [Duration], of: f64) -> Duration {
    times.sort_unstable();
    times.get((times.len() as f64 * of) as usize).or(times.last()).copied().unwrap_or_default()
}

fn ask(items: &Collection, n: u64) -> Duration {
    let vector = vector(n);
    let start = Instant::now();
    let answer = items.search(&vector).k(10).run().unwrap();
    let took = start.elapsed();
    assert_eq!(answer.hits.len(), 10);
    took
}

/// Loads the rows once, in this process: `bytes of memory, bytes on disk, nanoseconds of a query` on standard output.
fn fresh(path: &Path, ids: u64) {
    let (_database, items) = open(path);
    items.import().batch(200).run((0..ids).map(|id| Ok(item(id, 0)))).unwrap();
    let most = resident();
    items.maintain(&NoProgress).unwrap();
    let mut times: Vec<Duration> = (0..2000).map(|n| ask(&items, n * 7)).collect();
    println!("{} {} {}", most.max(resident()), on_disk(path), percentile(&mut times, 0.5).as_nanos());
}

/// How long this thread has waited for a core; nothing where the system does not say.
fn waited() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split_whitespace().nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// The queries' median while nobody writes, ten at a time like beside the load, and what went before has filled the caches with something else.
fn cold(items: &Collection, n: u64) -> Duration {
    let mut other = vec![1u64; 4 << 20];
    let mut times = Vec::new();
    for turn in 0..100 {
        other.iter_mut().for_each(|x| *x = x.wrapping_mul(turn + 3));
        times.extend((0..10).map(|at| ask(items, n + turn * 200 + at)));
    }
    assert!(std::hint::black_box(other)[0] > 0 || times.len() > 1);
    percentile(&mut times, 0.5)
}

/// Where the time of queries goes that are asked between batches.
#[derive(Default)]
struct Stages {
    micros: BTreeMap<&'static str, Vec<f64>>,
    lists: u64,
    rows: u64,
    queries: u64,
}

impl Stages {
    /// As [`ask`], with an account of the stages.
    fn ask(&mut self, items: &Collection, n: u64) -> Duration {
        let vector = vector(n);
        let start = Instant::now();
        let explain = items.search(&vector).k(10).explain().run().unwrap().explain.unwrap();
        let took = start.elapsed();
        for stage in explain.stages {
            self.micros.entry(stage.stage).or_default().push(stage.micros);
        }
        (self.lists, self.rows, self.queries) = (self.lists + explain.lists_probed, self.rows + explain.rows_scanned, self.queries + 1);
        took
    }

    fn report(mut self) {
        let stages = self.micros.iter_mut().map(|(stage, micros)| {
            micros.sort_by(f64::total_cmp);
            format!("{stage} {:.1}", micros[micros.len() / 2])
        });
        let (stages, each) = (Vec::from_iter(stages), |of: u64| of as f64 / self.queries as f64);
        println!(
            "    a query visits {:.1} lists and compares itself with {:.0} rows of the tail; us by stage: {}",
            each(self.lists),
            each(self.rows),
            stages.join(", ")
        );
    }
}

struct Part {
    rate: f64,
    memory: u64,
    disk: u64,
    segments: usize,
    query: Duration,
    tail_latency: f64,
}

fn part(path: &Path, items: &Collection, load: &Load, n: &mut u64, span: Duration) -> Part {
    let (start, from) = (Instant::now(), *n);
    let (mut batches, mut queries, mut stages) = (Vec::new(), Vec::new(), Stages::default());
    let (mut asking, mut waiting) = (Duration::ZERO, Duration::ZERO);
    while start.elapsed() < span {
        let id = |n: u64| if load.spread { n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % load.ids } else { n % load.ids };
        let rows: Vec<Item> = (*n..*n + load.batch).map(|n| item(id(n), n / load.ids)).collect();
        let began = Instant::now();
        items.upsert_many(rows).unwrap();
        batches.push((began, began.elapsed()));
        *n += load.batch;
        if batches.len() % 10 == 0 {
            let (began, before) = (Instant::now(), waited());
            queries.extend((0..10).map(|at| if load.blame { stages.ask(items, *n + at) } else { ask(items, *n + at) }));
            asking += began.elapsed();
            waiting += waited().saturating_sub(before);
        }
    }
    let rate = (*n - from) as f64 / (start.elapsed() - asking).as_secs_f64();
    let mut times: Vec<Duration> = batches.iter().map(|(_, took)| *took).collect();
    let (median, late) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
    let stats = items.stats().unwrap();
    let part = Part {
        rate,
        memory: resident(),
        disk: on_disk(path),
        segments: stats.segments,
        query: percentile(&mut queries, 0.5),
        tail_latency: late.as_secs_f64() / median.as_secs_f64(),
    };
    println!(
        "{:>9} rows: {:>7.0} rows/s; a batch p50 {:.2} ms, p99 {:.2} ms ({:.1} times); a query {:.0} us; {:.0} MB of memory, {:.0} MB on disk, \
         {} segments with {} deleted rows, tail {}",
        *n,
        part.rate,
        median.as_secs_f64() * 1e3,
        late.as_secs_f64() * 1e3,
        part.tail_latency,
        part.query.as_secs_f64() * 1e6,
        part.memory as f64 / 1e6,
        part.disk as f64 / 1e6,
        stats.segments,
        stats.tombstones,
        stats.tail
    );
    if load.blame {
        blame::report(&batches, median, &blame::take());
        println!(
            "    queries took {:.0} ms in all, {:.0} ms of it waiting for a core",
            asking.as_secs_f64() * 1e3,
            waiting.as_secs_f64() * 1e3
        );
        stages.report();
    }
    part
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let test = has("--test");
    let load = Load {
        ids: number("--ids", 20_000),
        batch: number("--batch", 200),
        seconds: number("--seconds", if test { 12 } else { 60 }),
        spread: has("--spread"),
        blame: has("--blame"),
    };
    if let Some(at) = arguments.iter().position(|argument| argument == "--fresh") {
        return fresh(Path::new(&arguments[at + 1]), load.ids);
    }
    let folder = match std::env::var_os("TORRE_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--fresh", folder.path().join("fresh").to_str().unwrap(), "--ids", &load.ids.to_string()])
        .output()
        .unwrap();
    let words: Vec<u64> = String::from_utf8_lossy(&output.stdout).split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [memory, disk, query] = words[..] else { panic!("the fresh load: {}", String::from_utf8_lossy(&output.stderr)) };
    println!(
        "a fresh load of {} rows: {:.0} MB of memory, {:.0} MB on disk, a query {:.0} us",
        load.ids,
        memory as f64 / 1e6,
        disk as f64 / 1e6,
        query as f64 / 1e3
    );
    if load.blame {
        blame::listen();
    }
    let path = folder.path().join("sustained");
    let (database, items) = open(&path);
    items.import().batch(200).run((0..load.ids).map(|id| Ok(item(id, 0)))).unwrap();
    items.maintain(&NoProgress).unwrap();
    let (mut n, span) = (load.ids, Duration::from_secs(load.seconds) / 6);
    let parts: Vec<Part> = (0..6).map(|_| part(&path, &items, &load, &mut n, span)).collect();
    let start = Instant::now();
    let dropped = items.compact(&NoProgress).unwrap();
    println!("compact: {dropped} deleted rows dropped in {:.2} s", start.elapsed().as_secs_f64());
    println!("a query after it, with cold caches: {:.0} us", cold(&items, n).as_secs_f64() * 1e6);
    let most = |of: fn(&Part) -> f64| parts.iter().map(of).fold(0.0, f64::max);
    let memory = most(|part| part.memory as f64) / memory as f64;
    let disk = most(|part| part.disk as f64) / disk as f64;
    println!(
        "against a fresh load: memory at most {memory:.2} times, disk {disk:.2} times, a query {:.2} times; the last part at {:.2} of the first's \
         rate; p99 of a batch at most {:.1} times its median; at most {:.0} segments",
        most(|part| part.query.as_nanos() as f64) / query as f64,
        parts[5].rate / parts[0].rate,
        most(|part| part.tail_latency),
        most(|part| part.segments as f64)
    );
    assert_eq!(items.len(), load.ids);
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    assert_eq!(items.get("i7").unwrap().unwrap().vector().unwrap().len(), DIM as usize);
    if test {
        // What a busy machine cannot excuse.
        // Memory goes up and down with what is being sealed and merged: the most of one half is held against that of the other.
        let peak = |parts: &[Part]| parts.iter().map(|part| part.memory).max().unwrap_or(0) as f64;
        let growth = peak(&parts[3..]) / peak(&parts[..3]);
        assert!(
            growth < 1.5 && disk < 8.0 && most(|part| part.segments as f64) < 64.0,
            "it grows: memory {growth:.2} times within the run"
        );
    }
}
