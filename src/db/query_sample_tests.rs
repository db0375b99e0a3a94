//! Recall targets follow what users really ask.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::db::{BuildOptions, Collection, CollectionOptions, Database};
use crate::ingest::Item;
use crate::progress::NoProgress;
use crate::segment::FIRST_SPACE;
use crate::types::Metric;

const DIM: usize = 16;

/// The `n`-th of a row of numbers from 0 to 1.
fn unit(seed: u64, n: usize) -> f32 {
    (xxh3_64_with_seed(&(n as u64).to_le_bytes(), seed) >> 40) as f32 / (1u32 << 24) as f32
}

/// Items near a few directions: their own vectors are found in one or two lists.
fn items(count: usize) -> impl Iterator<Item = Item> {
    (0..count).map(|at| {
        let mut vector: Vec<f32> = (0..DIM).map(|x| 0.1 * (unit(1, at * DIM + x) - 0.5)).collect();
        vector[at % DIM] += 1.0;
        Item::new(format!("i{at}")).unwrap().with_vector(vector)
    })
}

/// Users between all directions: their nearest items are everywhere.
fn users(count: usize) -> Vec<Vec<f32>> {
    (0..count).map(|at| (0..DIM).map(|x| 0.5 + unit(2, at * DIM + x)).collect()).collect()
}

fn lists_probed(items: &Collection, user: &[f32]) -> u64 {
    items.search(user).recall(0.9).unsampled().explain().run().unwrap().explain.unwrap().lists_probed
}

/// A collection on the disk that was built when nobody had asked anything yet, and the lists that it visits for a user then.
fn built(path: &Path, users: &[Vec<f32>]) -> u64 {
    let database = Database::builder(path).create(true).background(false).open().unwrap();
    let collection = database.create_collection("items", CollectionOptions::vectors(DIM, Metric::InnerProduct).lists(64)).unwrap();
    collection.upsert_many(items(4000)).unwrap();
    collection.build(&BuildOptions::default(), &NoProgress).unwrap();
    collection.maintain(&NoProgress).unwrap();
    assert_eq!(collection.stats().unwrap().calibrated_with, Some("items"), "nothing has been asked yet");
    lists_probed(&collection, &users[0])
}

fn open(path: &Path, background: bool) -> Collection {
    Database::builder(path).background(background).open().unwrap().collection("items").unwrap()
}

#[test]
fn what_users_ask_calibrates_without_a_build_and_the_builds_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let users = users(1100);
    let before = built(&path, &users);
    let after = {
        let collection = open(&path, false);
        collection.upsert_many((4000..4100).map(|at| items(4100).nth(at).unwrap())).unwrap();
        collection.maintain(&NoProgress).unwrap();
        for user in &users {
            collection.search(user).run().unwrap();
        }
        collection.maintain(&NoProgress).unwrap();
        let stats = collection.stats().unwrap();
        assert_eq!((stats.generation, stats.calibrated_with), (2, Some("queries")), "nothing was trained anew");
        let after = lists_probed(&collection, &users[0]);
        assert!(after > 2 * before, "{before} lists for items, {after} for users");
        after
    };
    let collection = open(&path, false);
    assert_eq!(lists_probed(&collection, &users[0]), after);
    assert_eq!(collection.core.writer.lock().manifest.trainings.len(), 1);
    collection.build(&BuildOptions::default(), &NoProgress).unwrap();
    assert_eq!(collection.stats().unwrap().calibrated_with, Some("queries"), "the users asked before the database was opened still count");
    assert!(lists_probed(&collection, &users[0]) > 2 * before);
}

#[test]
fn a_process_that_only_reads_is_calibrated_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let users = users(300);
    built(&path, &users);
    let collection = open(&path, true);
    for user in &users {
        collection.search(user).run().unwrap();
    }
    let start = Instant::now();
    while collection.stats().unwrap().calibrated_with != Some("queries") {
        assert!(start.elapsed() < Duration::from_secs(60), "nobody calibrates");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_sample_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let users = users(300);
    built(&path, &users);
    for session in users.chunks(100) {
        let collection = open(&path, false);
        assert_eq!(collection.stats().unwrap().calibrated_with, Some("items"));
        // However hard they are looked for, and in batches too; what measures the index does not count, nor what is like an item.
        collection.search_many(session[..60].iter().map(Vec::as_slice)).run().unwrap();
        session[60..].iter().for_each(|user| drop(collection.search(user).nprobe(1).run().unwrap()));
        collection.search(&session[0]).unsampled().run().unwrap();
        collection.similar("i1").run().unwrap();
    }
    let collection = open(&path, false);
    assert_eq!(collection.stats().unwrap().queries_sampled, 300);
    collection.maintain(&NoProgress).unwrap();
    assert_eq!(collection.stats().unwrap().calibrated_with, Some("queries"));
}

#[test]
fn a_live_row_without_a_vector_is_damage_and_not_tried_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let users = users(300);
    built(&path, &users);
    let collection = open(&path, false);
    let shared = &collection.core.shared;
    let snapshot = shared.snapshot.load_full();
    let row = snapshot.row(snapshot.locate("i7").unwrap());
    drop(snapshot);
    assert!(shared.storage.remove_vectors(shared.id, FIRST_SPACE, &[row], || false).unwrap());
    users.iter().for_each(|user| drop(collection.search(user).run().unwrap()));
    let error = collection.maintain(&NoProgress).unwrap_err();
    assert!(matches!(error, crate::Error::Damaged { .. }), "{error}");
    collection.maintain(&NoProgress).unwrap();
    assert_eq!(collection.stats().unwrap().calibrated_with, Some("items"));
}

#[test]
fn an_answer_says_what_to_expect_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    built(&path, &users(1));
    let collection = open(&path, false);
    let query = &users(1)[0];
    let ask = |query: crate::Query<'_>| query.explain().run().unwrap();
    let answer = ask(collection.search(query));
    assert!(answer.expected_recall.unwrap() > 0.94 && answer.explain.unwrap().target_recall == Some(0.95));
    let low = ask(collection.search(query).nprobe(1)).expected_recall.unwrap();
    let high = ask(collection.search(query).nprobe(64)).expected_recall.unwrap();
    assert!(low < high && high <= 1.0, "{low} {high}");
    assert_eq!(ask(collection.search(query).exact()).expected_recall, Some(1.0));
    // With codes alone there is a limit, and it is said.
    let built = collection.build(&BuildOptions::default().m(1).refine(crate::Refine::None), &NoProgress).unwrap();
    let expected = built.expected_recall.unwrap();
    assert!(expected < 0.9, "{expected}");
    assert_eq!(collection.stats().unwrap().expected_recall, Some(expected));
    assert!(ask(collection.search(query)).expected_recall.unwrap() < 0.9);
}

#[test]
fn building_keeps_to_a_limit_of_memory() {
    let database = Database::in_memory().unwrap();
    let collection = database.create_collection("items", CollectionOptions::vectors(256, Metric::Cosine).lists(16)).unwrap();
    let item = |n: usize| Item::new(n as u64).unwrap().with_vector((0..256).map(|x| unit(3, n * 256 + x) - 0.5).collect::<Vec<f32>>());
    // 6 MB of vectors: more than the sample and more than a portion may be.
    collection.upsert_many((0..6000).map(item)).unwrap();
    assert!(collection.build(&BuildOptions::default().memory(1 << 20), &NoProgress).is_err(), "too little to build with");
    let built = collection.build(&BuildOptions::default().memory(16 << 20), &NoProgress).unwrap();
    assert_eq!((built.rows, built.lists), (6000, 16));
    for n in [0, 2999, 5999] {
        let vector = collection.get(&n.to_string()).unwrap().unwrap().vector().unwrap().to_vec();
        assert_eq!(collection.search(&vector).nprobe(16).k(1).run().unwrap().hits[0].id.as_str(), n.to_string());
    }
}
