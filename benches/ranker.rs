//! How long a ranker takes: 200 candidates of 30 features through 500 trees of depth 6, and shapes beside it, in one thread. And how long whole
//! queries take with that ranker and with rules, over 100,000 items (`TORRE_BENCH_ROWS`).
//!
//! `cargo bench --bench ranker` prints; the scores are checked against a walk through the same trees before anything is timed.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "a measurement")]

use std::time::{Duration, Instant};

use torre::{Matrix, Ranker, RankerSource};

#[path = "../src/ranker/testing/mod.rs"]
#[allow(dead_code, unused_imports, reason = "it serves tests too")]
mod testing;

#[path = "ranker_query.rs"]
mod query;

use testing::{Form, Row, Table};

/// A generator of numbers from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Trees of so many leaves: `depth` levels all of them full, or, without a depth, the deepest leaf split most often, as leaf-wise growth does.
fn table(random: &mut Random, trees: usize, width: usize, depth: Option<u32>, leaves: usize) -> Table {
    let mut rows: Vec<Row> = Vec::new();
    for tree in 0..trees {
        let first = rows.len();
        let node = |node: usize| Row {
            tree: tree as i64,
            node: node as i64,
            mode: 7,
            feature: 0,
            threshold: 0.0,
            members: Vec::new(),
            missing: false,
            yes: 0,
            no: 0,
            weights: Vec::new(),
        };
        rows.push(node(0));
        let mut open = std::collections::VecDeque::from([0usize]);
        while open.len() < leaves {
            let at = if depth.is_some() || random.below(3) > 0 { open.pop_front() } else { open.pop_back() };
            let at = at.unwrap();
            let next = rows.len() - first;
            let row = &mut rows[first + at];
            (row.mode, row.feature, row.threshold) = (0, random.below(width) as i64, random.float());
            (row.missing, row.yes, row.no) = (random.below(2) == 1, next as i64, next as i64 + 1);
            rows.extend([node(next), node(next + 1)]);
            open.extend([next, next + 1]);
        }
        for at in open {
            rows[first + at].weights = vec![(0, random.float() - 0.5)];
        }
    }
    Table { form: Form::Regressor, width, targets: 1, rows, aggregate: 1, post: "NONE", base: vec![0.25] }
}

fn main() {
    let mut random = Random(1);
    println!("{:<44} {:>6} {:>10} {:>10} {:>10}", "ensemble", "rows", "load", "median", "per row");
    for (name, trees, depth, leaves) in [
        ("500 trees of depth 6, 64 leaves", 500, Some(6), 64),
        ("500 trees leaf by leaf, 31 leaves", 500, None, 31),
        ("500 trees leaf by leaf, 127 leaves", 500, None, 127),
        ("120 trees of depth 3, 8 leaves", 120, Some(3), 8),
    ] {
        let width = 30;
        let table = table(&mut random, trees, width, depth, leaves);
        let onnx = table.to_onnx();
        if let Some(folder) = std::env::var_os("TORRE_BENCH_KEEP") {
            std::fs::write(std::path::Path::new(&folder).join(format!("{}.onnx", name.replace([' ', ','], "_"))), &onnx).unwrap();
        }
        let begun = Instant::now();
        let ranker = Ranker::load(&RankerSource::new(onnx)).expect("a ranker");
        let load = begun.elapsed();
        for rows in [200, 1] {
            let data: Vec<f32> = (0..rows * width).map(|_| if random.below(20) == 0 { f32::NAN } else { random.float() }).collect();
            let matrix = Matrix::from_vec(width, data).unwrap();
            let scores = ranker.score(&matrix).expect("scores");
            assert_eq!(scores[0].to_bits(), table.scores(matrix.row(0))[0].to_bits(), "{name}");
            let mut times: Vec<Duration> = (0..300)
                .map(|_| {
                    let begun = Instant::now();
                    std::hint::black_box(ranker.score(std::hint::black_box(&matrix)).expect("scores"));
                    begun.elapsed()
                })
                .collect();
            times.sort();
            let median = times[times.len() / 2].as_nanos() as f64 / 1e3;
            println!("{name:<44} {rows:>6} {:>7.1} ms {median:>7.1} us {:>7.2} us", load.as_secs_f64() * 1e3, median / rows as f64);
        }
    }
    query::run(&mut random);
}
