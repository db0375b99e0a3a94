//! Trains LambdaMART on a table of candidates, fold by fold, and says its NDCG@10 on the groups left out.
//!
//!     torre train-ranker DB ... --table TABLE.parquet
//!     cargo run --release -p torre-train --example lambdamart -- TABLE.parquet [--seeds 3] [--folds 5]
//!     python train/examples/lambdamart.py TABLE.parquet 3          # LightGBM with the same options, on the same folds
//!
//! The table has the columns `id`, `group`, `part`, `label`; all others are features. Group `g` is left out in fold `g % folds`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use torre::{NoProgress, Row, Value};
use torre_train::{FileOptions, RankingTable, TreeOptions, boost, ndcg, read_table};

type Failure = Box<dyn std::error::Error>;

/// Columns that are no features.
const OWN: [&str; 4] = ["id", "group", "part", "label"];

fn main() -> Result<(), Failure> {
    let (mut path, mut seeds, mut folds) = (None, 3u64, 5i64);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match &*argument {
            "--seeds" => seeds = value()?.parse()?,
            "--folds" => folds = value()?.parse()?,
            _ => path = Some(PathBuf::from(argument)),
        }
    }
    let rows = rows(&path.ok_or("usage: lambdamart TABLE.parquet [--seeds N] [--folds N]")?)?;
    let mut names: Vec<String> = Vec::new();
    for row in &rows {
        names.extend(row.iter().map(|(name, _)| name).filter(|name| !OWN.contains(name)).map(str::to_owned));
        names.sort_unstable();
        names.dedup();
    }
    println!("{} rows, {} features, {folds} folds", rows.len(), names.len());
    let mut all = Vec::new();
    for seed in 1..=seeds {
        let (mut sum, mut groups, start, mut line) = (0.0, 0.0, Instant::now(), String::new());
        for fold in 0..folds {
            let (train, test) =
                (table(&rows, &names, |group| group % folds != fold)?, table(&rows, &names, |group| group % folds == fold)?);
            let options = TreeOptions { trees: 120, leaves: 8, min_leaf: 60, seed, ..TreeOptions::default() };
            let forest = boost(&train, None, &options, &NoProgress)?.forest;
            let quality = ndcg(&test, &forest.scores(test.values()), 10).unwrap_or(0.0);
            let of_fold = test.telling_groups() as f64;
            (sum, groups) = (sum + quality * of_fold, groups + of_fold);
            line += &format!(" {quality:.4}");
        }
        let seconds = start.elapsed().as_secs_f64() / folds as f64;
        println!("seed {seed}: folds{line}, all {:.4}, {seconds:.2} s a fold", sum / groups);
        all.push(sum / groups);
    }
    let whole = table(&rows, &names, |_| true)?;
    let first = ndcg(&whole, &vec![0.0; whole.rows()], 10).unwrap_or(0.0);
    println!("ndcg@10 {:.4}; in the order of the table {first:.4}", all.iter().sum::<f64>() / all.len() as f64);
    Ok(())
}

fn rows(path: &Path) -> Result<Vec<Row>, Failure> {
    Ok(read_table(path, &FileOptions::default(), &NoProgress)?.rows)
}

/// The groups of which something holds, each with its rows one after the other.
fn table(rows: &[Row], names: &[String], wanted: impl Fn(i64) -> bool) -> Result<RankingTable, Failure> {
    let number = |row: &Row, name: &str| row.get(name).and_then(Value::as_f64);
    let mut table = RankingTable::new(names.to_vec())?;
    for group in rows.chunk_by(|a, b| number(a, "group") == number(b, "group")) {
        if group.first().and_then(|row| number(row, "group")).is_some_and(|number| wanted(number as i64)) {
            let cells = group.iter().flat_map(|row| names.iter().map(|name| number(row, name).map_or(f32::NAN, |x| x as f32)));
            let grades: Vec<u8> = group.iter().map(|row| number(row, "label").unwrap_or(0.0) as u8).collect();
            table.push(&cells.collect::<Vec<f32>>(), &grades)?;
        }
    }
    Ok(table)
}
