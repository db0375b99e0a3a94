//! Fields patched in place: what a durable patch of many rows costs, and what queries, memory and disk notice of a stream of them.
//!
//! `cargo bench --bench patch` makes a collection of 1,000,000 rows with an indexed field `stock` and prints
//! - the time of a durable `patch_many` of 1,000 rows beside that of an upsert of one row, which is a flush and little else;
//! - the median of filtered queries of one thread while nobody writes, and while another patches `stock` 100,000 times in batches of 100,
//!   durably; memory and disk before and after, and what is left of the tail.
//!
//! `--rows`, `--patches` and `--batch` change that. With `--test` it does little of it, and fails where a bound does not hold that does not depend on the clock.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use common::{on_disk, resident};
use torre::{BuildOptions, Collection, CollectionOptions, Database, Item, Metric, NoProgress, Refine, Value, row};

const DIM: u64 = 64;

fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0xD1B5_4A32_D192_ED03);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn noise(stream: u64, at: u64) -> f32 {
    (mix(stream << 20 | at) >> 40) as f32 / 8_388_608.0 - 1.0
}

/// One of a thousand clusters, and noise.
fn vector(n: u64) -> Vec<f32> {
    (0..DIM).map(|d| noise(n % 1000, d) + 0.7 * noise(1000 + n, d)).collect()
}

struct Load {
    rows: u64,
    patches: u64,
    batch: u64,
    /// Patches of a thousand, and queries of a median.
    rounds: u64,
}

fn fill(items: &Collection, rows: u64) {
    let importing = items.begin_import();
    for first in (0..rows).step_by(10_000) {
        let some = (first..rows.min(first + 10_000)).map(|n| {
            let row = row! { "stock" => (n % 100) as i64, "title" => format!("A thing of some kind, number {n}") };
            Item::new(format!("i{n}")).unwrap().with_row(row).with_vector(vector(n))
        });
        items.upsert_many(some).unwrap();
    }
    items.build(&BuildOptions::default().refine(Refine::Int8), &NoProgress).unwrap();
    drop(importing);
    items.maintain(&NoProgress).unwrap();
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn timed(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64() * 1e6
}

fn query(items: &Collection, n: u64) -> f64 {
    let vector = vector(mix(n) % 1_000_000_007);
    timed(|| {
        let answer = items.search(&vector).k(10).filter_str("stock > 20").unwrap().run().unwrap();
        assert_eq!(answer.hits.len(), 10);
    })
}

/// Medians of durable patches of 1,000 rows, and of durable upserts of one, in milliseconds.
fn single(items: &Collection, load: &Load) -> (f64, f64) {
    let patch = |round: u64| {
        let some = (0..1000).map(|n| (mix(round << 32 | n) % load.rows, n as i64 % 100));
        let patches: Vec<Item> = some.map(|(n, stock)| Item::new(format!("i{n}")).unwrap().with_row(row! { "stock" => stock })).collect();
        timed(|| assert!(items.patch_many(patches).unwrap().patched <= 1000))
    };
    let upsert = |round: u64| {
        let item = Item::new("other").unwrap().with_row(row! { "stock" => round as i64 }).with_vector(vector(round));
        timed(|| assert_eq!(items.upsert(item).unwrap().deleted, 0))
    };
    let (patches, upserts) = (0..load.rounds).map(|round| (patch(round), upsert(round))).unzip();
    (median(patches) / 1e3, median(upserts) / 1e3)
}

/// Queries of this thread while another patches; their median in microseconds, and the patches a second.
fn stream(items: &Collection, load: &Load) -> (f64, f64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let start = Instant::now();
            for first in (0..load.patches).step_by(load.batch as usize) {
                let some = (first..first + load.batch).map(|n| mix(n ^ 0x5EED) % load.rows);
                let changes = some.map(|n| Item::new(format!("i{n}")).unwrap().with_row(row! { "stock" => (first % 100) as i64 }));
                items.patch_many(changes).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            load.patches as f64 / start.elapsed().as_secs_f64()
        });
        let mut times = Vec::new();
        while !done.load(Ordering::Relaxed) {
            times.push(query(items, times.len() as u64));
        }
        (median(times), writer.join().unwrap())
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let test = arguments.iter().any(|argument| argument == "--test");
    let number = |name: &str, usual: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(usual)
    };
    let usual = if test { (20_000, 20_000, 7) } else { (1_000_000, 100_000, 41) };
    let load =
        Load { rows: number("--rows", usual.0), patches: number("--patches", usual.1), batch: number("--batch", 100), rounds: usual.2 };

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let database = Database::builder(&path).create(true).cache_bytes(8 << 20).trim_memory(true).open().unwrap();
    let options = CollectionOptions::vectors(DIM as usize, Metric::InnerProduct);
    let options = options.field("stock:int index".parse().unwrap()).unwrap().field("title:text".parse().unwrap()).unwrap();
    let items = database.create_collection("items", options).unwrap();
    let start = Instant::now();
    fill(&items, load.rows);
    println!("{} rows of {DIM} dimensions, built in {:.0} s", load.rows, start.elapsed().as_secs_f64());

    let (patch, upsert) = single(&items, &load);
    println!(
        "patch_many of 1000, durable      {patch:>9.2} ms, an upsert of one {upsert:.2} ms: {:.2} ms beside the flush",
        patch - upsert
    );

    items.maintain(&NoProgress).unwrap();
    let warm = (0..load.rounds * 100).map(|n| query(&items, n)).collect::<Vec<_>>();
    let quiet = median(warm[warm.len() / 2..].to_vec());
    let before = (items.stats().unwrap(), resident(), on_disk(&path));
    let (busy, rate) = stream(&items, &load);
    let after = (items.stats().unwrap(), resident(), on_disk(&path));
    println!("{} patches, {} a batch           {rate:>9.0} a second", load.patches, load.batch);
    println!("query, median                    {busy:>9.1} us, alone {quiet:.1} us: {:.2}x", busy / quiet);
    let ratio = |after: u64, before: u64| after as f64 / before.max(1) as f64;
    let tables = (after.0.ram_bytes_per_row * after.0.rows as f64) / (before.0.ram_bytes_per_row * before.0.rows as f64);
    println!("memory of the collection         {:>9.2}x, of the process {:.2}x", tables, ratio(after.1, before.1));
    println!("disk                             {:>9.2}x", ratio(after.2, before.2));
    println!("tail                             {:>9} rows, {} before; {} deleted rows", after.0.tail, before.0.tail, after.0.tombstones);
    // What was patched last is there, and nothing has moved.
    let (last, stock) = (mix((load.patches - 1) ^ 0x5EED) % load.rows, ((load.patches - load.batch) % 100) as i64);
    let found = items.get(&format!("i{last}")).unwrap().unwrap();
    assert_eq!(found.row().get("stock"), Some(&Value::Int(stock)));
    assert_eq!((after.0.tail, after.0.tombstones), (before.0.tail, before.0.tombstones));
    if test {
        // The aim is 1.1; rows that changed are kept beside the order by value too, which makes it 1.02 to 1.10 here, by when it is measured.
        assert!(tables < 1.15, "the collection takes {tables:.2} times the memory");
    }
}
