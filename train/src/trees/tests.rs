//! Trees beside naive searches, and tables at their edges.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};

use torre::{NoProgress, Progress, Stage};

use super::bins::Binned;
use super::grow::Ground;
use super::histogram::{Histogram, Sum};
use super::lambda::Gradient;
use super::split::{Rule, Split, best};
use super::testing::{Drawn, small};
use super::*;
use crate::error::TrainError;
use crate::rng::{Purpose, Rng};

const RULE: Rule = Rule { min_leaf: 3, l2: 0.5 };

/// Columns of every kind, in a table of one group.
fn columns(rows: usize, seed: u64) -> (RankingTable, Vec<Gradient>) {
    let mut rng = Rng::new(seed, Purpose::Cases, rows as u64);
    let names = ["few", "some", "missing", "constant", "empty", "ends"].map(str::to_owned).to_vec();
    let mut values = Vec::new();
    for _ in 0..rows {
        let missing = if rng.below(3) == 0 { f32::NAN } else { rng.below(9) as f32 };
        let ends = [f32::NEG_INFINITY, -0.0, 0.0, f32::MAX, f32::INFINITY][rng.below(5)];
        values.extend([rng.below(2) as f32, rng.below(200) as f32 * 0.125, missing, 4.0, f32::NAN, ends]);
    }
    let mut table = RankingTable::new(names).unwrap();
    table.push(&values, &vec![0; rows]).unwrap();
    // Steps of a 64th, so that sums are exact in any order.
    let draw = |rng: &mut Rng| (rng.below(65) as f32 - 32.0) / 64.0;
    let gradients = (0..rows).map(|_| Gradient { slope: draw(&mut rng), curve: draw(&mut rng).abs() }).collect();
    (table, gradients)
}

fn sum_of(rows: &[u32], gradients: &[Gradient]) -> Sum {
    let mut sum = Sum::default();
    rows.iter().for_each(|&row| sum.add(gradients[row as usize]));
    sum
}

/// The most that any threshold between two values of any feature gains, with missing values on either side, by looking at every row.
fn search(table: &RankingTable, rows: &[u32], gradients: &[Gradient]) -> f64 {
    let worth = |sum: Sum| sum.slope * sum.slope / (sum.curve + RULE.l2);
    let total = sum_of(rows, gradients);
    let mut most = 0f64;
    for feature in 0..table.names().len() {
        let value = |row: u32| table.row(row as usize)[feature];
        for &at in rows.iter().filter(|row| !value(**row).is_nan()) {
            for missing_left in [false, true] {
                let goes_left = |row: u32| if value(row).is_nan() { missing_left } else { value(row) <= value(at) };
                let (left, right): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| goes_left(**row));
                let (left, right) = (sum_of(&left, gradients), sum_of(&right, gradients));
                if [left, right].iter().all(|sum| sum.rows as usize >= RULE.min_leaf && sum.curve >= 1e-3) {
                    most = most.max(worth(left) + worth(right) - worth(total));
                }
            }
        }
    }
    most
}

#[test]
fn the_best_split_is_that_of_an_exact_search() {
    for rows in [0, 1, 2, 5, 6, 7, 63, 64, 65, 254, 255, 256, 257, 600] {
        for seed in 0..4 {
            let (table, gradients) = columns(rows, seed);
            let binned = Binned::new(&table, 255);
            let all: Vec<u32> = (0..rows as u32).collect();
            let features: Vec<u32> = (0..6).collect();
            // All rows, and some of them as what is left without the others.
            let (some, others): (Vec<u32>, Vec<u32>) = all.iter().partition(|row| (**row * 7 + seed as u32) % 5 < 2);
            let histogram = |rows: &[u32]| {
                let gathered: Vec<Gradient> = rows.iter().map(|&row| gradients[row as usize]).collect();
                Histogram::new(&binned, &features, rows, &gathered)
            };
            for (part, histogram) in [(&all, histogram(&all)), (&some, histogram(&all).without(&histogram(&others)))] {
                let got = best(&binned, &histogram, &features, sum_of(part, &gradients), RULE);
                let expected = search(&table, part, &gradients);
                assert!((got.map_or(0.0, |split| split.gain) - expected).abs() < 1e-9, "{rows} rows: {got:?}, {expected}");
                if let Some(split) = got {
                    goes_as_said(&table, &binned, part, &gradients, split);
                }
            }
        }
    }
}

/// The threshold of a split parts the rows as its bins do.
fn goes_as_said(table: &RankingTable, binned: &Binned, rows: &[u32], gradients: &[Gradient], split: Split) {
    let bins = &binned.bins[split.feature as usize];
    let by_value = |row: &&u32| {
        let value = table.row(**row as usize)[split.feature as usize];
        if value.is_nan() { split.missing_left } else { value <= bins.bound(split.bin) }
    };
    let code = |row: u32| usize::from(binned.codes[split.feature as usize][row as usize]);
    assert!(rows.iter().all(|row| by_value(&row) == split.goes_left(code(*row), bins.missing())));
    let left: Vec<u32> = rows.iter().filter(by_value).copied().collect();
    assert_eq!(sum_of(&left, gradients), split.left);
    assert_eq!(sum_of(rows, gradients).minus(split.left), split.right);
}

#[test]
fn a_tree_leads_each_row_to_its_leaf() {
    for rows in [0, 1, 6, 65, 600] {
        let (table, gradients) = columns(rows, 9);
        let binned = Binned::new(&table, 16);
        let ground = Ground { binned: &binned, rule: RULE, leaves: 9, rate: 0.5 };
        let grown = ground.grow(&gradients, (0..rows as u32).filter(|row| row % 3 > 0).collect(), &[0, 1, 2, 4, 5]);
        assert_eq!(grown.tree.leaves.len(), grown.tree.branches.len() + 1);
        assert!(grown.tree.leaves.len() <= 9 && (rows < 600 || grown.tree.leaves.len() == 9));
        let mut seen: Vec<u32> = Vec::new();
        for (&(from, count), &value) in grown.ranges.iter().zip(&grown.tree.leaves) {
            let part = &grown.rows[from..from + count];
            assert!(rows < 6 || part.len() >= RULE.min_leaf);
            let sum = sum_of(part, &gradients);
            assert!((f64::from(value) + 0.5 * sum.slope / (sum.curve + RULE.l2)).abs() < 1e-6);
            assert!(part.iter().all(|&row| grown.tree.value(table.row(row as usize)) == value));
            seen.extend(part);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..rows as u32).filter(|row| row % 3 > 0).collect::<Vec<u32>>());
    }
}

#[test]
fn the_leaf_that_gains_most_is_split_next() {
    for (rows, seed) in [(40, 1), (65, 2), (256, 3), (300, 4)] {
        let (table, gradients) = columns(rows, seed);
        let binned = Binned::new(&table, 255);
        let ground = Ground { binned: &binned, rule: RULE, leaves: 12, rate: 1.0 };
        let grown = ground.grow(&gradients, (0..rows as u32).collect(), &[0, 1, 2, 3, 4, 5]);
        assert!(grown.tree.branches.len() > 5);
        // Branches are numbered as they came to be: what was a leaf before each, with its rows.
        let mut open: Vec<(Next, Vec<u32>)> = vec![(Next::Branch(0), (0..rows as u32).collect())];
        for (number, (branch, &(feature, gain))) in (0..).zip(grown.tree.branches.iter().zip(&grown.gains)) {
            let most = open.iter().map(|(_, rows)| search(&table, rows, &gradients)).fold(0.0, f64::max);
            assert!(feature == branch.feature && (gain - most).abs() < 1e-9, "{rows} rows, branch {number}: {gain} {most}");
            let at = open.iter().position(|(next, _)| *next == Next::Branch(number)).unwrap();
            let goes_left = |row: &u32| {
                let value = table.row(*row as usize)[branch.feature as usize];
                if value.is_nan() { branch.missing_left } else { value <= branch.threshold }
            };
            let (left, right) = open.remove(at).1.into_iter().partition(goes_left);
            open.extend([(branch.left, left), (branch.right, right)]);
        }
    }
}

#[test]
fn what_decides_is_learned_and_noise_is_not() {
    let (train, held) = (Drawn { groups: 150, rows: 30, seed: 1 }.table(), Drawn { groups: 80, rows: 30, seed: 2 }.table());
    let boosted = boost(&train, Some(&held), &small(), &NoProgress).unwrap();
    let trained = ndcg(&held, &boosted.forest.scores(held.values()), 10).unwrap();
    let untrained = ndcg(&held, &vec![0.0; held.rows()], 10).unwrap();
    assert!(trained > 0.9 && untrained < 0.7, "{untrained} {trained}");
    let best = boosted.validation.iter().copied().fold(0.0, f64::max);
    assert_eq!(best, trained, "the best number of trees is kept");
    assert_eq!(boosted.forest.trees.len(), 1 + boosted.validation.iter().position(|x| *x == best).unwrap());
    let gains = &boosted.forest.gains;
    assert!(gains[0] > 10.0 * gains[2] && gains[1] > 10.0 * gains[2] && gains[3] == 0.0, "{gains:?}");
}

#[test]
fn training_ends_when_validation_gets_no_better() {
    let train = Drawn { groups: 60, rows: 20, seed: 1 }.table();
    let mut noise = RankingTable::new(train.names().to_vec()).unwrap();
    let mut rng = Rng::new(5, Purpose::Cases, 0);
    for _ in 0..50 {
        let values: Vec<f32> = (0..100).map(|_| rng.uniform()).collect();
        noise.push(&values, &(0..20).map(|_| u8::from(rng.below(4) == 0)).collect::<Vec<u8>>()).unwrap();
    }
    let options = TreeOptions { trees: 400, patience: 7, ..small() };
    let boosted = boost(&train, Some(&noise), &options, &NoProgress).unwrap();
    assert_eq!(boosted.validation.len(), boosted.forest.trees.len() + 7);
    assert!(boosted.validation.len() < 400);
}

#[test]
fn threads_make_no_difference() {
    let (train, held) = (Drawn { groups: 120, rows: 80, seed: 3 }.table(), Drawn { groups: 20, rows: 30, seed: 4 }.table());
    let options = TreeOptions { trees: 12, feature_share: 0.7, ..small() };
    let trained = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| boost(&train, Some(&held), &options, &NoProgress).unwrap())
    };
    let one = trained(1);
    assert!(train.rows() * 3 > 1 << 12 && one == trained(2) && one == trained(5));
    let other = boost(&train, Some(&held), &TreeOptions { seed: 2, ..options.clone() }, &NoProgress).unwrap();
    assert_ne!(one, other, "the seed draws rows and features");
}

/// A table of one feature: groups of (value, grade).
fn plain(groups: &[&[(f32, u8)]]) -> RankingTable {
    let mut table = RankingTable::new(vec!["x".into()]).unwrap();
    for group in groups {
        let (values, grades): (Vec<f32>, Vec<u8>) = group.iter().copied().unzip();
        table.push(&values, &grades).unwrap();
    }
    table
}

fn all_rows() -> TreeOptions {
    TreeOptions { min_leaf: 1, row_share: 1.0, l2: 0.0, ..small() }
}

#[test]
fn tables_of_which_nothing_can_be_learned_are_errors() {
    let refused = |table: &RankingTable, says: &str| match boost(table, None, &all_rows(), &NoProgress) {
        Err(TrainError::Data(problem)) => assert!(problem.contains(says), "{problem}"),
        other => panic!("{says}: {other:?}"),
    };
    refused(&plain(&[]), "in none of 0 groups (0 rows)");
    refused(&plain(&[&[(1.0, 1)], &[(2.0, 0)]]), "in none of 2 groups (2 rows)");
    refused(&plain(&[&[(1.0, 1), (2.0, 1), (3.0, 1)]]), "in none of 1 groups (3 rows)");
    refused(&plain(&[&[(5.0, 1), (5.0, 0), (5.0, 0)]]), "no feature splits the 3 rows");
    refused(&plain(&[&[(f32::NAN, 1), (f32::NAN, 0)]]), "no feature splits the 2 rows");
    let learned = plain(&[&[(1.0, 1), (0.0, 0)]]);
    let flat = plain(&[&[(1.0, 0), (0.0, 0)]]);
    assert!(boost(&learned, Some(&flat), &all_rows(), &NoProgress).unwrap_err().to_string().contains("1 validation groups"));
    let other = Drawn { groups: 5, rows: 5, seed: 1 }.table();
    assert!(boost(&learned, Some(&other), &all_rows(), &NoProgress).unwrap_err().to_string().contains("has the features large"));
}

#[test]
fn one_group_and_few_rows_are_learned() {
    let table = plain(&[&[(0.0, 0), (1.0, 0), (2.0, 1)]]);
    let forest = boost(&table, None, &all_rows(), &NoProgress).unwrap().forest;
    assert_eq!(ndcg(&table, &forest.scores(table.values()), 10), Some(1.0));
    let scores = forest.scores(&[f32::NEG_INFINITY, 1.4, 1.6, f32::INFINITY]);
    assert!(scores[0] == scores[1] && scores[1] < scores[2] && scores[2] == scores[3], "{scores:?}");
}

#[test]
fn what_is_missing_goes_where_it_is_better() {
    // Chosen is what is missing; of the values none tells anything.
    let group: &[(f32, u8)] = &[(1.0, 0), (f32::NAN, 1), (2.0, 0), (3.0, 0), (1.5, 0)];
    let table = plain(&[group, group]);
    let forest = boost(&table, None, &all_rows(), &NoProgress).unwrap().forest;
    let scores = forest.scores(&[0.0, f32::NAN, 2.0, f32::INFINITY]);
    assert!(scores[1] > scores[0] && scores[1] > scores[2] && scores[1] > scores[3], "{scores:?}");
    // Where nothing was missing in training, it goes with the larger part.
    let table = plain(&[&[(1.0, 0), (2.0, 0), (3.0, 0), (4.0, 1)]]);
    let forest = boost(&table, None, &TreeOptions { trees: 1, leaves: 2, ..all_rows() }, &NoProgress).unwrap().forest;
    let scores = forest.scores(&[1.0, 4.0, f32::NAN]);
    assert!(scores[2] == scores[0] && scores[0] < scores[1], "{scores:?}");
}

#[test]
fn a_hundred_thousand_categories_in_order_of_their_worth() {
    // A category a row, its code by how often it is chosen.
    let mut rng = Rng::new(6, Purpose::Cases, 0);
    let mut table = RankingTable::new(vec!["category".into()]).unwrap();
    for _ in 0..2000 {
        let codes: Vec<f32> = (0..100).map(|_| rng.below(100_000) as f32).collect();
        let grades: Vec<u8> = codes.iter().map(|code| u8::from(rng.uniform() * 1e6 < *code)).collect();
        table.push(&codes, &grades).unwrap();
    }
    let forest = boost(&table, None, &TreeOptions { trees: 10, ..small() }, &NoProgress).unwrap().forest;
    let scores = forest.scores(&[10.0, 50_000.0, 99_990.0]);
    assert!(scores[0] < scores[1] && scores[1] < scores[2], "{scores:?}");
    assert!(ndcg(&table, &forest.scores(table.values()), 10).unwrap() > ndcg(&table, &vec![0.0; table.rows()], 10).unwrap() + 0.05);
}

#[test]
fn it_can_be_interrupted() {
    /// Stops after some trees.
    struct After(AtomicU64);
    impl Progress for After {
        fn update(&self, stage: Stage, done: u64, total: Option<u64>) {
            assert_eq!((stage, total), (Stage::TrainRanker, Some(40)));
            self.0.store(done, Ordering::Relaxed);
        }
        fn cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) >= 3
        }
    }
    let table = Drawn { groups: 20, rows: 20, seed: 1 }.table();
    let interrupted = boost(&table, None, &small(), &After(AtomicU64::new(0))).unwrap_err();
    assert!(matches!(interrupted, TrainError::Interrupted { step: 3 }), "{interrupted}");
}
