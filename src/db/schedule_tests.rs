//! Writers, readers, maintenance and the background thread, under thousands of schedules of their threads. With the feature `schedules` only.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, OnceLock};

use torre_storage::Storage;
use torre_storage::backend::Backend;
use torre_storage::backend::fault::{Durable, FaultBackend, Faults};
use torre_storage::backend::memory::Memory;

use crate::db::core::Duty;
use crate::sync::{outside, thread, try_schedules};
use crate::{BuildOptions, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, Row, Value, row};

fn item(id: &str, change: i64) -> Item {
    Item::new(id).unwrap().with_row(row! { "change" => change }).with_vector([change as f32, 1.0])
}

/// What is stored of a collection with twelve sealed rows, `s0` to `s11`, of change 0: records, and blobs.
static STORED: OnceLock<[Vec<(Vec<u8>, Vec<u8>)>; 2]> = OnceLock::new();

/// Makes it, once: training takes longer than a schedule.
fn store() {
    outside(|| {
        let images = [Durable::new(), Durable::new()];
        let [records, blobs] = images.each_ref().map(|image| Box::new(FaultBackend::new(Arc::clone(image), Faults::new())));
        let database = Database::with_storage(Storage::with_backend(records, blobs).unwrap(), false).unwrap();
        let options = CollectionOptions::vectors(2, Metric::L2).lenient(true).m(1).lists(2);
        let items = database.create_collection("items", options).unwrap();
        items.upsert_many((0..12).map(|n| item(&format!("s{n}"), 0))).unwrap();
        items.build(&BuildOptions::default(), &NoProgress).unwrap();
        drop((items, database));
        let all = |image: &Arc<Durable>| {
            let store = FaultBackend::new(image.reopen(0), Faults::new());
            store.range(&[]..&[0xff; 64], usize::MAX, usize::MAX).unwrap()
        };
        let _ = STORED.set(images.each_ref().map(all));
    });
}

/// Tries schedules of a test that begins with that collection.
fn try_from_stored(schedules: u64, background: bool, test: impl Fn(Storage, Database, Collection) + Send + Sync + 'static) {
    store();
    try_schedules(schedules, move || {
        let stores = STORED.get().unwrap().each_ref().map(|entries| {
            let store = Memory::new();
            store.apply(entries.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect()).unwrap();
            Box::new(store)
        });
        let [records, blobs] = stores;
        let storage = Storage::with_backend(records, blobs).unwrap();
        let database = Database::with_storage(storage.clone(), background).unwrap();
        let items = database.collection("items").unwrap();
        test(storage, database, items);
    });
}

fn change(row: &Row) -> i64 {
    row.get("change").and_then(Value::as_f64).unwrap() as i64
}

/// The changes that an exact search shows for each of the ids, with their records.
fn search(items: &Collection, ids: [&str; 2]) -> [Option<i64>; 2] {
    let answer = items.search(&[0.0, 1.0]).k(100).exact().fields(["change"]).run().unwrap();
    ids.map(|id| {
        let mut hits = answer.hits.iter().filter(|hit| hit.id.as_str() == id);
        let found = hits.next().map(|hit| change(hit.fields.as_ref().unwrap()));
        assert!(hits.next().is_none(), "{id} is found twice");
        found
    })
}

/// What must be there in the end, in memory, in storage, and by the checks of `verify`.
fn expect(storage: &Storage, database: &Database, there: &[(&str, i64)], gone: &[&str]) {
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    let again = Database::with_storage(storage.clone(), false).unwrap();
    for items in [database.collection("items").unwrap(), again.collection("items").unwrap()] {
        for &(id, last) in there {
            assert_eq!(items.get(id).unwrap().map(|item| change(item.row())), Some(last), "{id}");
            assert_eq!(search(&items, [id, id])[0], Some(last), "{id}");
        }
        for &id in gone {
            assert!(!items.contains(id) && search(&items, [id, id])[0].is_none(), "{id}");
        }
    }
}

#[test]
fn a_group_is_seen_whole_once_it_was_acknowledged_and_not_undone() {
    try_from_stored(400, false, |storage, database, items| {
        thread::scope(|scope| {
            for ids in [["a1", "a2"], ["b1", "b2"]] {
                let items = &items;
                scope.spawn(move || {
                    for number in 1..=3 {
                        items.upsert_many(ids.map(|id| item(id, number))).unwrap();
                        assert_eq!(search(items, ids), [Some(number); 2]);
                    }
                });
            }
            scope.spawn(|| {
                let mut last = [None; 2];
                for _ in 0..4 {
                    for (ids, last) in [["a1", "a2"], ["b1", "b2"]].into_iter().zip(&mut last) {
                        let [first, second] = search(&items, ids);
                        assert!(first == second && first >= *last, "{first:?} and {second:?} after {last:?}");
                        *last = first;
                    }
                }
            });
        });
        expect(&storage, &database, &[("a1", 3), ("a2", 3), ("b1", 3), ("b2", 3)], &[]);
    });
}

#[test]
fn a_row_that_is_there_all_the_time_is_read_all_the_time() {
    try_from_stored(400, false, |storage, database, items| {
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..=3 {
                    items.upsert_many([item("s3", number), item("s4", number)]).unwrap();
                    items.delete(["s5"]).unwrap();
                }
            });
            scope.spawn(|| {
                items.maintain(&NoProgress).unwrap();
                items.compact(&NoProgress).unwrap();
                items.compact(&NoProgress).unwrap();
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        let [first, second] = search(&items, ["s3", "s4"]);
                        assert!(first.is_some() && first == second, "{first:?} and {second:?}");
                        let one = items.get("s3").unwrap().unwrap();
                        assert!(change(one.row()) >= first.unwrap());
                    }
                });
            }
        });
        expect(&storage, &database, &[("s3", 3), ("s4", 3), ("s6", 0)], &["s5"]);
    });
}

#[test]
fn what_changes_while_maintenance_goes_on_stays_changed() {
    try_from_stored(60, false, |storage, database, items| {
        items.upsert_many([item("t0", 1), item("t1", 1), item("t2", 1)]).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                items.maintain(&NoProgress).unwrap();
                items.build(&BuildOptions::default(), &NoProgress).unwrap();
                items.compact(&NoProgress).unwrap();
            });
            scope.spawn(|| {
                assert_eq!(items.delete(["t0", "s0"]).unwrap(), 2);
                items.upsert_many([item("t1", 2), item("s1", 2), item("t3", 2)]).unwrap();
            });
            scope.spawn(|| {
                assert_eq!(items.delete(["s2"]).unwrap(), 1);
                items.patch("t2", &row! { "change" => 3, "vector" => vec![3.0, 1.0] }).unwrap();
            });
        });
        let there = [("t1", 2), ("s1", 2), ("t3", 2), ("t2", 3), ("s3", 0)];
        expect(&storage, &database, &there, &["t0", "s0", "s2"]);
        assert_eq!(items.len(), 13);
    });
}

#[test]
fn patches_of_one_row_all_take_and_a_deletion_between_them_is_told() {
    try_from_stored(300, false, |_storage, _database, items| {
        let (first, second) = thread::scope(|scope| {
            let first = scope.spawn(|| items.patch("s1", &row! { "a" => 1 }).is_ok());
            let second = scope.spawn(|| items.patch("s1", &row! { "b" => 2 }).is_ok());
            items.patch("s2", &row! { "a" => 1 }).unwrap();
            (first.join().unwrap(), second.join().unwrap())
        });
        let found = items.get("s1").unwrap().unwrap();
        assert!(first && second && found.row().get("a").is_some() && found.row().get("b").is_some());
        thread::scope(|scope| {
            scope.spawn(|| match items.patch("s1", &row! { "c" => 3 }) {
                Ok(()) | Err(Error::UnknownItem { .. }) => {}
                Err(error) => panic!("{error}"),
            });
            assert_eq!(items.delete(["s1"]).unwrap(), 1);
        });
        assert!(!items.contains("s1"));
    });
}

#[test]
fn patches_of_several_rows_are_seen_whole_and_outlive_folding() {
    try_from_stored(200, false, |storage, database, items| {
        let both = |number: i64| ["s1", "s2"].map(|id| Item::new(id).unwrap().with_row(row! { "change" => number }));
        thread::scope(|scope| {
            scope.spawn(|| (1..=3).for_each(|number| assert_eq!(items.patch_many(both(number)).unwrap().patched, 2)));
            scope.spawn(|| items.compact(&NoProgress).unwrap());
            scope.spawn(|| {
                let mut last = Some(0);
                for _ in 0..3 {
                    let [first, second] = search(&items, ["s1", "s2"]);
                    assert!(first == second && first >= last, "{first:?} and {second:?} after {last:?}");
                    last = first;
                }
            });
        });
        expect(&storage, &database, &[("s1", 3), ("s2", 3), ("s3", 0)], &[]);
    });
}

#[test]
fn the_background_thread_hears_every_bell_and_ends_with_the_database() {
    try_from_stored(300, true, |_storage, database, items| {
        let core = database.core("items").unwrap();
        thread::scope(|scope| {
            for ids in [["s0", "s1", "s2"], ["s3", "s4", "s5"]] {
                let items = &items;
                scope.spawn(move || assert_eq!(items.delete(ids).unwrap(), 3));
            }
        });
        // A notifier that nobody heard would make this schedule too long.
        while core.wants(Duty::Seal) || core.wants(Duty::Upkeep) {
            thread::yield_now();
        }
        items.delete(["s6", "s7"]).unwrap();
        drop((database, items));
        assert_eq!(Arc::strong_count(&core), 1);
    });
}
