//! Numbers from the least that f32 has to the largest, wherever vectors come in: refused with the number, or stored, built, opened again and
//! found, with finite scores in the right order.

use std::collections::HashSet;
use std::time::Instant;

use proptest::prelude::*;
use torre::{BuildOptions, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, Refine, Row};

use crate::random::Random;

const METRICS: [Metric; 3] = [Metric::InnerProduct, Metric::Cosine, Metric::L2];
const KINDS: [Refine; 4] = [Refine::None, Refine::Int8, Refine::F16, Refine::F32];
const MAGNITUDES: [f32; 12] = [0.0, 1e-45, 1e-38, 1e-30, 1e-20, 1.0, 1e10, 1e15, 1e18, 2e19, 1e30, f32::MAX];
/// About 2^56.
const LIMIT: f64 = 72_057_594_037_927_936.0;

fn item(n: u64, vector: Vec<f32>) -> Item {
    Item::new(n).unwrap().with_vector(vector)
}

fn score(metric: Metric, query: &[f32], row: &[f32]) -> f64 {
    let pairs = || query.iter().zip(row).map(|(&q, &x)| (f64::from(q), f64::from(x)));
    let length = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    match metric {
        Metric::InnerProduct => pairs().map(|(q, x)| q * x).sum(),
        Metric::Cosine => pairs().map(|(q, x)| q / length(query) * (x / length(row))).sum(),
        _ => -pairs().map(|(q, x)| (q - x).powi(2)).sum::<f64>(),
    }
}

/// How far scores may be off: what rounding does to the largest things they are made of.
fn slack(metric: Metric, query: &[f32], row: &[f32], share: f64) -> f64 {
    let length = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    match metric {
        Metric::InnerProduct => share * length(query) * length(row),
        Metric::Cosine => share,
        _ => share * (length(query) + length(row)).powi(2),
    }
}

/// Every hit's score is finite and near what f64 says, and the order is that of f64, up to `share` of the numbers involved.
fn check(items: &Collection, query: &[f32], rows: &[(u64, Vec<f32>)], share: f64, exact: bool, what: &str) {
    let asked = items.search(query).k(rows.len());
    let asked = if exact { asked.exact() } else { asked.nprobe(usize::MAX).refine_factor(100) };
    let hits = asked.run().unwrap().hits;
    assert_eq!(hits.len(), rows.len(), "{what}");
    let true_scores: Vec<(f64, f64)> = hits
        .iter()
        .map(|hit| {
            let row = &rows.iter().find(|(n, _)| hit.id.as_str() == n.to_string()).unwrap().1;
            let (score, slack) = (score(items.metric(), query, row), slack(items.metric(), query, row, share));
            let off = (f64::from(hit.score) - score).abs();
            assert!(
                hit.score.is_finite() && off <= slack + if share > 1e-5 { 1e-6 } else { 1e-44 },
                "{what}: {} scores {:e}, {score:e}",
                hit.id,
                hit.score
            );
            (score, slack)
        })
        .collect();
    for pair in true_scores.windows(2) {
        assert!(pair[0].0 >= pair[1].0 - pair[0].1 - pair[1].1, "{what}: {:e} before {:e}", pair[0].0, pair[1].0);
    }
}

fn refused(error: &Error, value: f32) -> bool {
    matches!(error, Error::VectorTooLong { row: 0, at: 1, value: v, limit, .. } if *v == value && *limit == LIMIT)
}

#[test]
fn every_magnitude_is_refused_or_carried_at_every_place() {
    for metric in METRICS {
        for refine in KINDS {
            for magnitude in MAGNITUDES {
                let what = format!("{metric} {refine:?} {magnitude:e}");
                let directory = tempfile::tempdir().unwrap();
                let database = Database::builder(directory.path()).create(true).background(false).open().unwrap();
                let options = CollectionOptions::vectors(4, metric).refine(refine).lenient(true);
                let items = database.create_collection("items", options).unwrap();
                let mut random = Random::new(7);
                let mut rows: Vec<(u64, Vec<f32>)> = (0..300).map(|n| (n, random.vector(4))).collect();
                items.upsert_many(rows.iter().map(|(n, vector)| item(*n, vector.clone()))).unwrap();
                let odd = vec![0.0, magnitude, 0.0, 0.0];
                let too_long = metric != Metric::Cosine && f64::from(magnitude) > LIMIT;
                let no_direction = metric == Metric::Cosine && magnitude == 0.0;
                let errors = [
                    items.upsert(item(5, odd.clone())).map(drop).err(),
                    items.upsert_many([item(300, odd.clone())]).map(drop).err(),
                    items.search(&odd).run().map(drop).err(),
                    items.patch("7", &Row::from_json(&serde_json::json!({"vector": odd}).to_string()).unwrap()).err(),
                    items.build(&BuildOptions::default().queries(vec![odd.clone()]), &NoProgress).map(drop).err(),
                ];
                for (place, error) in errors.iter().enumerate() {
                    match error {
                        Some(error) if too_long => assert!(refused(error, magnitude), "{what} at {place}: {error}"),
                        Some(error) => assert!(no_direction && matches!(error, Error::ZeroVector { .. }), "{what} at {place}: {error}"),
                        None => assert!(!too_long && !no_direction, "{what} at {place}"),
                    }
                }
                if too_long || no_direction {
                    assert_eq!(items.len(), 300, "{what}");
                } else {
                    rows[5].1.clone_from(&odd);
                    rows[7].1.clone_from(&odd);
                    rows.push((300, odd.clone()));
                }
                let share = match refine {
                    Refine::None => 1.0,
                    Refine::Int8 => 0.03,
                    Refine::F16 => 2e-3,
                    _ => 1e-5,
                };
                let mut queries = vec![random.vector(4)];
                if !(too_long || no_direction) {
                    queries.push(odd);
                }
                for round in ["before", "built", "opened"] {
                    if round == "built" {
                        items.build(&BuildOptions::default(), &NoProgress).unwrap();
                    }
                    for query in &queries {
                        check(&items, query, &rows, 1e-5, true, &format!("{what} {round} exact"));
                        // Where queries were taken, it has been built once.
                        check(&items, query, &rows, share, false, &format!("{what} {round}"));
                    }
                    assert_eq!(database.verify(&NoProgress).unwrap().damage, [], "{what} {round}");
                }
                drop((items, database));
                let database = Database::open(directory.path()).unwrap();
                let items = database.collection("items").unwrap();
                for query in &queries {
                    check(&items, query, &rows, share, false, &format!("{what} opened"));
                }
            }
        }
    }
}

/// Vectors around a few hundred centres, as real ones are.
fn clustered(rows: usize, dim: usize) -> Vec<Vec<f32>> {
    let mut random = Random::new(3);
    let centres: Vec<Vec<f32>> = (0..200).map(|_| random.vector(dim)).collect();
    (0..rows).map(|n| centres[n % 200].iter().zip(random.vector(dim)).map(|(c, x)| c + 0.5 * x).collect()).collect()
}

/// Recall@10 at the default target, and the seconds of the build.
fn recall(vectors: &[Vec<f32>], queries: &[Vec<f32>], metric: Metric, refine: Refine) -> (f64, f64) {
    let database = Database::in_memory().unwrap();
    let options = CollectionOptions::vectors(vectors[0].len(), metric).refine(refine);
    let items = database.create_collection("items", options).unwrap();
    items.upsert_many((0..).zip(vectors).map(|(n, vector)| item(n, vector.clone()))).unwrap();
    let start = Instant::now();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let mut found = 0;
    for query in queries {
        let mut near: Vec<(f64, usize)> = vectors.iter().map(|row| score(metric, query, row)).zip(0..).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        let near: HashSet<String> = near[..10].iter().map(|(_, n)| n.to_string()).collect();
        found += items.search(query).k(10).run().unwrap().ids().filter(|id| near.contains(*id)).count();
    }
    (found as f64 / (10 * queries.len()) as f64, seconds)
}

#[test]
fn a_unit_of_length_changes_neither_recall_nor_the_time_of_training() {
    let vectors = clustered(6000, 24);
    let asked: Vec<Vec<f32>> = vectors.iter().step_by(120).map(|v| v.iter().map(|x| x * 1.1).collect()).collect();
    for metric in METRICS {
        for refine in KINDS {
            let (plain, seconds) = recall(&vectors, &asked, metric, refine);
            for scale in [1e-20f32, 1e-30, 1e-37, 1e15] {
                let scaled = |rows: &[Vec<f32>]| -> Vec<Vec<f32>> { rows.iter().map(|v| v.iter().map(|x| x * scale).collect()).collect() };
                let (recall, took) = recall(&scaled(&vectors), &scaled(&asked), metric, refine);
                let tell = format!("{metric} {refine:?} {scale:e}: recall {recall} beside {plain}, {took:.2} s beside {seconds:.2}");
                // Ten times slower is what it was; the rest is for machines that do other things too.
                assert!(recall > plain.min(0.95) - 0.03 && took < 8.0 * seconds + 5.0, "{tell}");
            }
        }
    }
}

#[test]
fn extreme_rows_ruin_nobodys_recall() {
    let vectors = clustered(12_000, 24);
    let asked: Vec<Vec<f32>> = vectors.iter().step_by(240).map(|v| v.iter().map(|x| x * 1.1).collect()).collect();
    for metric in [Metric::InnerProduct, Metric::L2] {
        for refine in KINDS {
            let (plain, seconds) = recall(&vectors, &asked, metric, refine);
            for (length, rows) in [(1e5f32, 1), (1e9, 1), (1e15, 1), (1e9, 20)] {
                let mut with = vectors.clone();
                for n in 0..rows {
                    let factor = length / with[600 * n + 5].iter().map(|x| x * x).sum::<f32>().sqrt();
                    with[600 * n + 5].iter_mut().for_each(|x| *x *= factor);
                }
                let (recall, took) = recall(&with, &asked, metric, refine);
                let tell =
                    format!("{metric} {refine:?} {rows} of {length:e}: recall {recall} beside {plain}, {took:.2} s beside {seconds:.2}");
                println!("{tell}");
                // Ten times slower is what it was; the rest is for machines that do other things too.
                assert!(recall > plain.min(0.95) - 0.03 && took < 8.0 * seconds + 5.0, "{tell}");
            }
        }
    }
}

#[test]
fn an_extreme_row_that_comes_later_ruins_nobodys_recall() {
    let vectors = clustered(4000, 24);
    for metric in [Metric::InnerProduct, Metric::L2] {
        for refine in [Refine::Int8, Refine::F16, Refine::F32] {
            let database = Database::in_memory().unwrap();
            let items = database.create_collection("items", CollectionOptions::vectors(24, metric).refine(refine)).unwrap();
            items.upsert_many((0..).zip(&vectors).map(|(n, vector)| item(n, vector.clone()))).unwrap();
            items.build(&BuildOptions::default(), &NoProgress).unwrap();
            let recall = || {
                let mut found = 0;
                for query in vectors.iter().step_by(80) {
                    let truth: HashSet<String> = items.search(query).k(10).exact().run().unwrap().ids().map(str::to_owned).collect();
                    found += items.search(query).k(10).run().unwrap().ids().filter(|id| truth.contains(*id)).count();
                }
                found as f64 / 500.0
            };
            let before = recall();
            let mut huge = vectors[1].clone();
            huge.iter_mut().for_each(|x| *x *= 1e14);
            items.upsert(item(9999, huge)).unwrap();
            items.compact(&NoProgress).unwrap();
            let after = recall();
            assert!(after > before - 0.05, "{metric} {refine:?}: {after} after {before}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_magnitudes_are_searched_as_f64_does(
        seed in any::<u64>(),
        exponents in proptest::collection::vec(-44i32..16, 1..60),
        asked in -44i32..16,
        metric in 0usize..3,
        refine in 0usize..4,
    ) {
        let mut random = Random::new(seed);
        let mut vector = |exponent: i32| -> Vec<f32> {
            random.vector(5).into_iter().map(|x| (f64::from(x) * 10f64.powi(exponent)) as f32).collect()
        };
        let rows: Vec<(u64, Vec<f32>)> = (0..).zip(&exponents).map(|(n, &exponent)| (n, vector(exponent))).collect();
        let metric = METRICS[metric];
        let rows: Vec<_> = rows.into_iter().filter(|(_, v)| metric != Metric::Cosine || v.iter().any(|x| *x != 0.0)).collect();
        let query = vector(asked);
        prop_assume!(!rows.is_empty() && (metric != Metric::Cosine || query.iter().any(|x| *x != 0.0)));
        let database = Database::in_memory().unwrap();
        let items = database.create_collection("items", CollectionOptions::vectors(5, metric).refine(KINDS[refine])).unwrap();
        items.upsert_many(rows.iter().map(|(n, vector)| item(*n, vector.clone()))).unwrap();
        check(&items, &query, &rows, 1e-5, false, "tail");
        check(&items, &query, &rows, 1e-5, true, "exact tail");
        items.build(&BuildOptions::default(), &NoProgress).unwrap();
        check(&items, &query, &rows, 1e-5, true, "exact");
        let hits = items.search(&query).k(rows.len()).nprobe(usize::MAX).run().unwrap().hits;
        prop_assert!(hits.len() == rows.len() && hits.iter().all(|hit| hit.score.is_finite()));
    }
}
