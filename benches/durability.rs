//! What durability costs, and what changing everything over and over leaves behind.
//!
//! `cargo bench --bench durability` prints, for a database on the disk that holds `TORRE_BENCH_DIR` (default: the temporary directory):
//! - bytes on disk and of memory after a load of 100,000 rows, and after every row has been replaced ten times;
//! - single durable upserts a second with 1 and with 8 threads (group commit).
//!
//! `cargo bench --bench durability -- churn` (or `commits`) does one of the two. The stores' cache is bounded, so that memory is what the
//! database keeps and not what it happened to read. With `--test` it goes through the same steps, smaller, and checks what the database
//! holds in the end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench")]

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{on_disk, resident};
use torre::{Collection, CollectionOptions, Database, Item, Metric, NoProgress, row};

const DIM: usize = 64;

fn vector(row: u64, round: u64) -> Vec<f32> {
    let mut state = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ round;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 16_777_216.0 - 0.5
    };
    (0..DIM).map(|_| next()).collect()
}

fn item(row: u64, round: u64) -> torre::Result<Item> {
    Ok(Item::new(row)?.with_row(row! { "round" => round as i64 }).with_vector(vector(row, round)))
}

fn open(path: &Path, background: bool) -> (Database, Collection) {
    let database = Database::builder(path).create(true).cache_bytes(8 << 20).trim_memory(true).background(background).open().unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(DIM, Metric::InnerProduct).lenient(true)).unwrap();
    (database, items)
}

/// Single upserts a second by so many threads.
fn single_upserts(items: &Collection, turn: u64, threads: u64, span: Duration) -> f64 {
    let (count, start) = (AtomicU64::new(0), Instant::now());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let count = &count;
            scope.spawn(move || {
                for n in 0.. {
                    if start.elapsed() > span {
                        return;
                    }
                    items.upsert(item(turn << 48 | threads << 40 | thread << 32 | n, 0).unwrap()).unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

/// Waits until the process's memory no longer changes: threads that drop what nobody reads any more may be behind.
fn settled(test: bool) -> u64 {
    let mut last = resident();
    for _ in 0..if test { 0 } else { 15 } {
        std::thread::sleep(Duration::from_secs(1));
        let now = resident();
        if now.abs_diff(last) < 1 << 18 {
            break;
        }
        last = now;
    }
    resident()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let test = arguments.iter().any(|argument| argument == "--test");
    let asked = |part: &str| arguments.iter().all(|argument| argument.starts_with('-') || argument == part);
    let folder = match std::env::var_os("TORRE_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    // Before the commits, whose many threads leave the allocator with more than a load does.
    if asked("churn") {
        churn(&folder.path().join("churn"), test);
    }
    if asked("commits") {
        commits(&folder.path().join("commits"), test);
    }
}

/// Loads rows, replaces every one of them many times, and compares what that leaves with the fresh load.
fn churn(path: &Path, test: bool) {
    let (rows, rounds) = if test { (12_000, 2) } else { (100_000, 10) };
    let (database, items) = open(path, true);
    let before = resident();
    items.import().run((0..rows).map(|row| item(row, 0))).unwrap();
    items.maintain(&NoProgress).unwrap();
    let fresh = (on_disk(path), settled(test).saturating_sub(before));
    println!("{rows} rows loaded: {:.1} MB on disk, {:.1} MB of memory", fresh.0 as f64 / 1e6, fresh.1 as f64 / 1e6);
    for round in 1..=rounds {
        items.import().run((0..rows).map(|row| item(row, round))).unwrap();
        let now = (on_disk(path), resident().saturating_sub(before));
        println!("replaced {round} times: {:.1} MB on disk, {:.1} MB of memory", now.0 as f64 / 1e6, now.1 as f64 / 1e6);
    }
    items.maintain(&NoProgress).unwrap();
    let churned = (on_disk(path), settled(test).saturating_sub(before));
    let ratio = |after: u64, before: u64| after as f64 / before.max(1) as f64;
    println!(
        "in the end: {:.1} MB on disk ({:.2} times the fresh load), {:.1} MB of memory ({:.2} times)",
        churned.0 as f64 / 1e6,
        ratio(churned.0, fresh.0),
        churned.1 as f64 / 1e6,
        ratio(churned.1, fresh.1)
    );
    assert_eq!(items.len(), rows);
    for row in [0, rows / 2, rows - 1] {
        assert_eq!(items.get(&row.to_string()).unwrap().unwrap().vector().unwrap(), vector(row, rounds));
    }
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
}

/// Single durable upserts by one thread and by eight, in turn. Without background work: eight threads bring more rows, and an index that is
/// built meanwhile would take both cores now and then.
fn commits(path: &Path, test: bool) {
    let (_database, items) = open(path, false);
    let (turns, span) = if test { (1, Duration::from_millis(100)) } else { (3, Duration::from_secs(2)) };
    let mut rates: Vec<[f64; 2]> = (0..turns).map(|turn| [1, 8].map(|threads| single_upserts(&items, turn, threads, span))).collect();
    rates.sort_by(|a, b| (a[1] / a[0]).total_cmp(&(b[1] / b[0])));
    let [one, eight] = rates[rates.len() / 2];
    println!("single durable upserts: {one:.0}/s with 1 thread, {eight:.0}/s with 8: {:.1} times (median of {turns} turns)", eight / one);
}
