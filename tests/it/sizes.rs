//! What holds at every size, tried at those where something begins: nothing, one, around a block of the scan, around the rows that are
//! read or sealed at a time.

use std::collections::BTreeSet;
use std::path::Path;

use torre::{Answer, BuildOptions, Collection, CollectionOptions, Database, Durability, Item, Metric, NoProgress, Refine, row};

use crate::model::{Ask, Model, Stored};
use crate::random::Random;

const DIM: usize = 8;
const SIZES: [u64; 8] = [0, 1, 63, 64, 65, 4095, 4096, 4097];
const METRICS: [Metric; 3] = [Metric::InnerProduct, Metric::Cosine, Metric::L2];

fn vector(id: u64, round: u64) -> Vec<f32> {
    Random::new(id * 1000 + round).vector(DIM)
}

fn item(id: u64, round: u64) -> Item {
    Item::new(id).unwrap().with_row(row! { "mark" => round as i64 }).with_vector(vector(id, round))
}

fn open(path: &Path) -> Database {
    let builder = Database::builder(path).create(true).background(false);
    builder.durability(Durability::Batched(std::time::Duration::from_secs(5))).open().unwrap()
}

fn create(database: &Database, name: &str, metric: Metric, refine: Refine) -> Collection {
    let options = CollectionOptions::vectors(DIM, metric).field("mark:int".parse().unwrap()).unwrap().refine(refine);
    database.create_collection(name, options).unwrap()
}

/// Answers of every effort, without their times.
fn answers(items: &Collection) -> Vec<Vec<(String, u32)>> {
    let hits = |answer: Answer| answer.into_iter().map(|hit| (hit.id.to_string(), hit.score.to_bits())).collect();
    let queries = (0..10).map(|query| Random::new(query).vector(DIM));
    let asked = queries.flat_map(|query| {
        let (exact, few) = (items.search(&query).k(20).exact(), items.search(&query).k(20).nprobe(2));
        let (all, some) = (items.search(&query).k(70).nprobe(usize::MAX).refine_factor(50), items.search(&query).k(20).recall(0.9));
        [exact.run(), few.run(), all.run(), some.run()].map(|answer| hits(answer.unwrap()))
    });
    asked.collect()
}

/// Fails with the first answer that differs, instead of all of them.
fn assert_same(a: &[Vec<(String, u32)>], b: &[Vec<(String, u32)>], what: &str) {
    if let Some((at, (a, b))) = a.iter().zip(b).enumerate().find(|(_, (a, b))| a != b) {
        let place = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        panic!("{what}: answer {at} differs from place {place} on: {:?} and {:?}", a.get(place..), b.get(place..));
    }
}

/// Places of the efforts among a query's answers.
const EXACT: usize = 0;
const ALL_LISTS: usize = 2;

fn of_effort(answers: &[Vec<(String, u32)>], effort: usize) -> Vec<Vec<(String, u32)>> {
    answers.iter().skip(effort).step_by(4).cloned().collect()
}

fn model(metric: Metric, ids: impl Iterator<Item = u64>, round: u64) -> Model {
    let rows = ids.map(|id| (id.to_string(), Stored { vector: vector(id, round), mark: round as i64 })).collect();
    Model { metric, rows }
}

/// Collections with everything in the tail, with everything in a segment, with as much in a segment as in the tail.
#[test]
fn opening_again_changes_no_answer() {
    let shapes = ["tail", "segment", "both"];
    for (at, size) in SIZES.into_iter().enumerate() {
        let metric = METRICS[at % 3];
        let rows = |shape: &str| if shape == "both" { size * 2 } else { size };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let database = open(&path);
        let before = shapes.map(|shape| {
            let items = create(&database, shape, metric, Refine::Int8);
            items.upsert_many((0..size).map(|id| item(id, 0))).unwrap();
            if shape != "tail" && size > 0 {
                items.build(&BuildOptions::default(), &NoProgress).unwrap();
            }
            items.upsert_many((size..rows(shape)).map(|id| item(id, 0))).unwrap();
            answers(&items)
        });
        drop(database);
        let database = open(&path);
        for (shape, before) in shapes.iter().zip(&before) {
            let items = database.collection(shape).unwrap();
            let (what, model) = (format!("{size} rows, {shape}, {metric}"), model(metric, 0..rows(shape), 0));
            assert_same(&answers(&items), before, &what);
            model.compare(&items, &vector(5, 5)).unwrap_or_else(|error| panic!("{what}: {error}"));
            let ask = Ask { vector: vector(7, 7), k: 100, ..Ask::default() };
            model.ask(&items, &ask).unwrap_or_else(|error| panic!("{what}: {error}"));
        }
    }
}

#[test]
fn compaction_changes_no_answer() {
    for size in SIZES.into_iter().skip(1) {
        for metric in METRICS {
            let database = Database::in_memory().unwrap();
            let items = create(&database, "items", metric, Refine::Int8);
            items.upsert_many((0..size).map(|id| item(id, 0))).unwrap();
            items.build(&BuildOptions::default(), &NoProgress).unwrap();
            let added = size + size / 8 + 1;
            items.upsert_many((size..added).map(|id| item(id, 0))).unwrap();
            items.maintain(&NoProgress).unwrap();
            items.delete((0..added).step_by(9).map(|id| id.to_string())).unwrap();
            let before = answers(&items);
            items.compact(&NoProgress).unwrap();
            let stats = items.stats().unwrap();
            assert_eq!((stats.segments, stats.tombstones, stats.tail), (usize::from(stats.rows > 0), 0, 0), "{size} rows, {metric}");
            let after = answers(&items);
            let what = format!("{size} rows, {metric}");
            for effort in [EXACT, ALL_LISTS] {
                assert_same(&of_effort(&after, effort), &of_effort(&before, effort), &what);
            }
            // Of candidates that the scan finds equal, those that lie first are refined: with few candidates the last places may change.
            let hits = |answers: &[Vec<(String, u32)>]| answers.iter().flatten().cloned().collect::<BTreeSet<_>>();
            for (after, before) in after.iter().zip(&before) {
                assert_eq!(after.len(), before.len(), "{what}");
                let (after, before) = (hits(std::slice::from_ref(after)), hits(std::slice::from_ref(before)));
                assert!(after.intersection(&before).count() * 10 >= before.len() * 8, "{what}: {:?}", after.symmetric_difference(&before));
            }
        }
    }
}

#[test]
fn the_order_of_upserts_changes_no_exact_answer() {
    for (at, size) in SIZES.into_iter().enumerate() {
        let metric = METRICS[at % 3];
        let answers: Vec<_> = (0..3u64)
            .map(|order| {
                let database = Database::in_memory().unwrap();
                let items = create(&database, "items", metric, Refine::Int8);
                let mut ids: Vec<u64> = (0..size).collect();
                if order > 0 {
                    let mut random = Random::new(order);
                    (1..ids.len()).rev().for_each(|at| ids.swap(at, random.below(at as u64 + 1) as usize));
                }
                for ids in ids.chunks(97 * (order as usize + 1)) {
                    items.upsert_many(ids.iter().map(|&id| item(id, 0))).unwrap();
                    if order == 2 && items.len() == 194 {
                        items.build(&BuildOptions::default(), &NoProgress).unwrap();
                    }
                }
                of_effort(&answers(&items), EXACT)
            })
            .collect();
        assert_same(&answers[0], &answers[1], &format!("{size} rows, {metric}"));
        assert_same(&answers[0], &answers[2], &format!("{size} rows, {metric}, a part of them in an index"));
    }
}

/// Ten times as many rows are written as there are, and deleted and put back; every one that is live is found among all lists.
#[test]
fn every_live_row_is_found_after_churn() {
    for (size, metric) in [(65, Metric::InnerProduct), (1000, Metric::Cosine), (4097, Metric::L2)] {
        let database = Database::in_memory().unwrap();
        let items = create(&database, "items", metric, Refine::F32);
        let mut random = Random::new(size);
        let mut expected = Model::new(metric);
        for round in 0..10u64 {
            let mut ids: Vec<u64> = (0..size).collect();
            (1..ids.len()).rev().for_each(|at| ids.swap(at, random.below(at as u64 + 1) as usize));
            for ids in ids.chunks(1 + random.below(size) as usize) {
                items.upsert_many(ids.iter().map(|&id| item(id, round))).unwrap();
                expected.rows.extend(model(metric, ids.iter().copied(), round).rows);
                let gone: BTreeSet<String> = ids.iter().filter(|_| random.below(10) == 0).map(u64::to_string).collect();
                items.delete(&gone).unwrap();
                expected.rows.retain(|id, _| !gone.contains(id));
                match random.below(6) {
                    0 => items.maintain(&NoProgress).unwrap(),
                    1 => drop(items.compact(&NoProgress).unwrap()),
                    2 => drop(items.build(&BuildOptions::default().seed(round), &NoProgress).unwrap()),
                    _ => {}
                }
            }
            expected.compare(&items, &vector(3, 3)).unwrap_or_else(|error| panic!("{size} rows, round {round}: {error}"));
        }
        for (id, row) in expected.rows.iter().step_by(1 + size as usize / 500) {
            let nearest = items.search(&row.vector).k(1).nprobe(usize::MAX).refine_factor(10_000).run().unwrap();
            let ask = Ask { vector: row.vector.clone(), k: 1, ..Ask::default() };
            expected.check(&ask, &nearest, 1e-5).unwrap_or_else(|error| panic!("{size} rows: {id}: {error}"));
        }
        assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    }
}
