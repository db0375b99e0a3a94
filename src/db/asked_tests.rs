//! Recall targets follow what users really ask.
#![allow(clippy::unwrap_used)]

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::db::{BuildOptions, Collection, CollectionOptions, Database};
use crate::ingest::Item;
use crate::progress::NoProgress;
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
    items.search(user).recall(0.9).measures().explain().run().unwrap().explain.unwrap().lists_probed
}

#[test]
fn what_users_ask_calibrates_the_next_build_and_those_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let users = users(1100);
    let open = |create: bool| Database::builder(&path).create(create).background(false).open().unwrap();
    let after = {
        let database = open(true);
        let collection = database.create_collection("items", CollectionOptions::vectors(DIM, Metric::Ip).lists(64)).unwrap();
        collection.upsert_many(items(4000)).unwrap();
        collection.build(&BuildOptions::default(), &NoProgress).unwrap();
        let before = lists_probed(&collection, &users[0]);
        collection.maintain(&NoProgress).unwrap();
        assert_eq!(collection.stats().unwrap().generation, 2, "nothing has been asked yet");
        for user in &users {
            collection.search(user).run().unwrap();
        }
        collection.maintain(&NoProgress).unwrap();
        assert_eq!(collection.stats().unwrap().generation, 3);
        let after = lists_probed(&collection, &users[0]);
        assert!(after > 2 * before, "{before} lists for items, {after} for users");
        collection.maintain(&NoProgress).unwrap();
        assert_eq!(collection.stats().unwrap().generation, 3, "once is enough");
        after
    };
    let database = open(false);
    let collection = database.collection("items").unwrap();
    assert_eq!(lists_probed(&collection, &users[0]), after);
    collection.build(&BuildOptions::default(), &NoProgress).unwrap();
    assert_eq!(lists_probed(&collection, &users[0]), after, "the users asked before the database was opened still count");
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
