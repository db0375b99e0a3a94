//! What reading every vector costs, and what writing them costs an import: numbers, nothing is asserted of them.
//!
//! `cargo test --release --test vectors_apart -- --ignored --nocapture`; `TORRE_ROWS` sets the rows (200,000), `TORRE_BATCH` those of a
//! commit (1,000).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use torre::{BuildOptions, CollectionOptions, Database, Item, Metric, NoProgress, row};

const DIM: u64 = 128;

fn vector(n: u64) -> Vec<f32> {
    let mix = |x: u64| (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_mul(x | 1);
    (0..DIM).map(|at| (mix(n * DIM + at + 1) >> 40) as f32 / 8_388_608.0 - 1.0).collect()
}

/// A row with features of some 100 and of some 1,000 bytes.
fn item(n: u64, text: &str) -> Item {
    Item::new(n).unwrap().with_row(row! { "title" => format!("number {n} {text}"), "stock" => n as i64 }).with_vector(vector(n))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

#[test]
#[ignore = "a measurement"]
fn import_and_exact() {
    let setting = |name: &str, or: u64| std::env::var(name).map_or(or, |text| text.parse().expect("a number"));
    let (rows, commit) = (setting("TORRE_ROWS", 200_000), setting("TORRE_BATCH", 1000) as usize);
    for length in [80, 1000] {
        let directory = tempfile::tempdir().unwrap();
        let text = "x".repeat(length);
        let imported = {
            let database = Database::builder(directory.path().join("db")).create(true).background(false).open().unwrap();
            let items =
                database.create_collection("items", CollectionOptions::vectors(DIM as usize, Metric::InnerProduct).lenient(true)).unwrap();
            let items_of = |range: std::ops::Range<u64>| range.map(|n| Ok(item(n, &text))).collect::<Vec<_>>();
            let mut elapsed = Duration::ZERO;
            for from in (0..rows).step_by(20_000) {
                let batch = items_of(from..rows.min(from + 20_000));
                let start = Instant::now();
                items.import().batch(commit).run(batch).unwrap();
                elapsed += start.elapsed();
            }
            items.build(&BuildOptions::default().m(16).lists(64), &NoProgress).unwrap();
            elapsed
        };
        let database = Database::builder(directory.path().join("db")).background(false).open().unwrap();
        let start = Instant::now();
        let items = database.collection("items").unwrap();
        let loaded = start.elapsed();
        let ask = || {
            let start = Instant::now();
            assert_eq!(items.search(&vector(7)).k(10).exact().run().unwrap().hits.len(), 10);
            start.elapsed()
        };
        let first = ask();
        let exact = median((0..7).map(|_| ask()).collect());
        println!(
            "{rows} rows of {length} bytes and {DIM} numbers: import {:.0} rows/s, load {:.0} ms, exact {:.0} ms first, {exact:.0} ms then",
            rows as f64 / imported.as_secs_f64(),
            loaded.as_secs_f64() * 1e3,
            first.as_secs_f64() * 1e3
        );
    }
}
