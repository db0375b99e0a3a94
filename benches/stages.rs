//! How long the stages after the first take in a query: ranking, and choosing a list of 20 out of 200.
//!
//! `cargo bench --bench stages [-- ROWS]` prints medians over queries, in microseconds, one query at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "a measurement")]

use std::time::Duration;

use torre::{BuildOptions, Collection, CollectionOptions, Database, Item, Metric, NoProgress, Query, RankerSource, Refine, row};

#[path = "../src/ranker/testing/mod.rs"]
#[allow(dead_code, unused_imports, reason = "it serves tests too")]
mod testing;

use testing::Table;

const QUERIES: usize = 400;

/// Values from -1 to 1 (SplitMix64).
fn noise(seed: u64) -> f32 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// One of 300 directions, and a vector near it.
fn vector(n: u64, dim: usize) -> Vec<f32> {
    (0..dim as u64).map(|at| noise((n % 300) << 32 | at) + 0.5 * noise((n + 1) << 32 | 1 << 20 | at)).collect()
}

fn collection(rows: u64, dim: usize, refine: Refine) -> Collection {
    let database = Database::in_memory().expect("a database");
    let options = CollectionOptions::vectors(dim, Metric::Cosine).field("f0:float index".parse().unwrap()).unwrap();
    let items = database.create_collection("items", options.refine(refine)).expect("a collection");
    let item = |n: u64| Item::new(n).map(|item| item.with_row(row! { "f0" => f64::from(noise(n)) }).with_vector(vector(n, dim)));
    items.import().run((0..rows).map(item)).expect("rows");
    items.build(&BuildOptions::default(), &NoProgress).expect("an index");
    items.attach_ranker("main", &RankerSource::new(Table::stump(1.0, -1.0).to_onnx())).expect("a ranker");
    items
}

/// The median time of queries, and of one of their stages.
fn median(items: &Collection, dim: usize, stage: &str, with: impl Fn(Query<'_>) -> Query<'_>) -> (f64, f64) {
    let (mut whole, mut of_stage): (Vec<Duration>, Vec<f64>) = (Vec::new(), Vec::new());
    for query in 0..QUERIES as u64 {
        let vector = vector(1_000_003 * (query + 1), dim);
        whole.push(with(items.search(&vector).k(20).unsampled()).run().expect("hits").elapsed);
        let explain = with(items.search(&vector).k(20).unsampled()).explain().run().expect("hits").explain.expect("an explanation");
        of_stage.extend(explain.stages.iter().find(|time| time.stage == stage).map(|time| time.micros));
    }
    whole.sort();
    of_stage.sort_by(f64::total_cmp);
    (whole[whole.len() / 2].as_secs_f64() * 1e6, of_stage.get(of_stage.len() / 2).copied().unwrap_or(0.0))
}

fn main() {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(20_000);
    println!("{:<8} {:>5} {:<6} {:<26} {:>10} {:>10}", "rows", "dim", "refine", "query", "stage", "whole");
    for (dim, refine) in [(64, Refine::Int8), (128, Refine::Int8), (384, Refine::Int8), (128, Refine::F16)] {
        let items = collection(rows, dim, refine);
        let line = |query: &str, (whole, stage): (f64, f64)| {
            println!("{rows:<8} {dim:>5} {:<6} {query:<26} {stage:>7.1} us {whole:>7.1} us", refine.name());
        };
        line("k 20", median(&items, dim, "refine", |query| query));
        line("rerank 200, 1 tree", median(&items, dim, "rank", |query| query.rerank(200)));
        line("diverse, 200 to 20", median(&items, dim, "diversify", |query| query.diverse(0.7, 200)));
    }
}
