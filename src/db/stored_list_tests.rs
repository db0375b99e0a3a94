//! Stored lists beside a naive model, through everything that moves rows, and through copies of the database.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use torre_storage::{Batch, Storage};

use crate::filter::{Filter, Params};
use crate::{BuildOptions, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress};

type Lists = BTreeMap<String, Vec<String>>;

fn item(n: u64, turn: u64) -> Item {
    Item::new(n).unwrap().with_vector([n as f32, (n * 7 % 31) as f32 + turn as f32])
}

fn items(database: &Database) -> Collection {
    database.create_collection("items", CollectionOptions::vectors(2, Metric::L2).m(1).lists(4)).unwrap()
}

/// Compares the lists, and what queries and filters make of them.
fn check(items: &Collection, lists: &Lists) {
    assert!(
        items.lists("", usize::MAX).iter().map(|list| (&list.name, list.ids)).eq(lists.iter().map(|(name, ids)| (name, ids.len() as u64)))
    );
    let live: BTreeSet<String> = items.ids("", usize::MAX).into_iter().collect();
    let none = vec![];
    for (name, ids) in lists.iter().chain([(&"nobody's".to_owned(), &none)]) {
        let list = items.list(name);
        assert_eq!((list.ids(), list.len()), (ids.clone(), ids.len()));
        let (on, off): (BTreeSet<&String>, BTreeSet<&String>) = live.iter().partition(|id| ids.contains(id));
        assert!(ids.iter().all(|id| list.contains(id)) && off.iter().all(|id| !list.contains(id)));
        for exact in [true, false] {
            let query = items.search(&[3.0, 4.0]).k(live.len() + 1).exclude_list(name);
            let answer = if exact { query.exact().run() } else { query.run() }.unwrap();
            assert_eq!(answer.ids().map(str::to_owned).collect::<BTreeSet<_>>().iter().collect::<BTreeSet<_>>(), off, "without {name}");
            assert_eq!(answer.hits.len(), off.len());
        }
        let matching = |filter: &str| items.matching(&Filter::parse(filter).unwrap(), &Params::new().with("list", name.as_str())).unwrap();
        assert!(matching("IN LIST $list").iter().map(|id| id.to_string()).collect::<BTreeSet<_>>().iter().eq(on.iter().copied()));
        assert!(matching("NOT IN LIST $list").iter().map(|id| id.to_string()).collect::<BTreeSet<_>>().iter().eq(off.iter().copied()));
    }
}

#[test]
fn lists_hold_through_all_that_happens_to_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop");
    let mut database = Database::builder(&path).create(true).background(false).open().unwrap();
    let mut collection = items(&database);
    let mut lists = Lists::new();
    let mut state = 5u64;
    let mut below = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    for turn in 0..120 {
        let name = format!("seen:{}", below(5));
        let ids: Vec<String> = (0..below(30)).map(|_| below(150).to_string()).collect();
        match below(12) {
            0..=3 => {
                let new: BTreeSet<&String> = ids.iter().filter(|id| !lists.get(&name).is_some_and(|list| list.contains(id))).collect();
                assert_eq!(collection.list(&name).add(ids.iter().map(String::as_str)).unwrap(), new.len() as u64);
                let list = lists.entry(name).or_default();
                list.retain(|id| !ids.contains(id));
                let mut seen = BTreeSet::new();
                list.extend(ids.iter().filter(|id| seen.insert(*id)).cloned());
            }
            4 => {
                let before = lists.get(&name).map_or(0, Vec::len);
                let after = lists.get_mut(&name).map_or(0, |list| {
                    list.retain(|id| !ids.contains(id));
                    list.len()
                });
                assert_eq!(collection.list(&name).remove(&ids).unwrap(), (before - after) as u64);
            }
            5 => {
                let gone = lists.remove(&name).map_or(0, |list| list.len() as u64);
                assert_eq!(collection.list(&name).drop().unwrap(), gone);
            }
            6 | 7 => drop(collection.upsert_many(ids.iter().map(|id| item(id.parse().unwrap(), turn))).unwrap()),
            8 => drop(collection.delete(&ids).unwrap()),
            9 => drop(collection.compact(&NoProgress).unwrap()),
            10 if !collection.is_empty() => drop(collection.build(&BuildOptions::default().lists(3), &NoProgress).unwrap()),
            11 => {
                database.close_whole().unwrap();
                database = Database::builder(&path).create(true).background(false).open().unwrap();
                collection = database.collection("items").unwrap();
            }
            _ => collection.maintain(&NoProgress).unwrap(),
        }
        check(&collection, &lists);
    }
    let report = database.verify(&NoProgress).unwrap();
    assert_eq!((report.damage, report.stored_lists), (vec![], lists.len() as u64));
    let copy = |name: &str| directory.path().join(name);
    database.backup(copy("backup"), &NoProgress).unwrap();
    database.dump(copy("dump"), &NoProgress).unwrap();
    Database::load(copy("loaded"), copy("dump"), &NoProgress).unwrap();
    database.close_whole().unwrap();
    check(&Database::open_read_only(&path).unwrap().collection("items").unwrap(), &lists);
    assert_eq!(Database::salvage(&path, copy("saved"), &NoProgress).unwrap().lost, []);
    for name in ["backup", "loaded", "saved"] {
        let database = Database::open(copy(name)).unwrap();
        check(&database.collection("items").unwrap(), &lists);
        assert_eq!(database.verify(&NoProgress).unwrap().damage, [], "{name}");
    }
}

#[test]
fn an_older_snapshot_is_left_out_of_what_it_has() {
    let database = Database::in_memory().unwrap();
    let items = items(&database);
    items.upsert_many((0..10).map(|n| item(n, 0))).unwrap();
    items.list("seen").add(["1", "2"]).unwrap();
    let before = items.core.shared.read().unwrap();
    items.upsert_many((0..5).map(|n| item(n, 1))).unwrap();
    items.list("seen").add(["3"]).unwrap();
    let shared = &items.core.shared;
    for snapshot in [shared.read().unwrap(), before] {
        let mut places = Vec::new();
        shared.lists.places(&*snapshot, "seen", &mut places);
        let mut ids: Vec<&str> = places.iter().map(|&place| snapshot.id(place)).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["1", "2", "3"]);
        assert!(places.iter().all(|&place| snapshot.is_live(place)));
    }
}

#[test]
fn lists_are_bounded_and_expire() {
    let database = Database::in_memory().unwrap();
    let items = items(&database);
    let list = items.list("seen");
    assert_eq!(list.keep(3).unwrap(), 0);
    assert_eq!(list.add(["a", "b", "c", "d", "a"]).unwrap(), 4);
    assert_eq!(list.ids(), ["b", "c", "d"]);
    assert_eq!((list.add(["b"]).unwrap(), list.ids()), (0, vec!["c".to_owned(), "d".to_owned(), "b".to_owned()]));
    assert_eq!((list.keep(1).unwrap(), list.ids()), (2, vec!["b".to_owned()]));
    list.expire_in(Duration::from_secs(1000)).unwrap();
    assert!(items.lists("", 9)[0].expires.is_some());
    list.expire_in(Duration::ZERO).unwrap();
    assert_eq!((list.len(), list.contains("b"), items.lists("", 9)), (0, false, vec![]));
    assert_eq!(list.add(["x", "y"]).unwrap(), 2);
    assert_eq!((list.ids(), items.lists("", 9)[0].keep), (vec!["x".to_owned(), "y".to_owned()], 100_000), "it is a new one");
    assert_eq!(list.drop().unwrap(), 2);
    for error in [list.keep(0).unwrap_err(), list.keep(u32::MAX).unwrap_err(), items.list("").add(["a"]).unwrap_err()] {
        assert!(matches!(error, Error::InvalidOption { .. }), "{error}");
    }
    assert!(matches!(list.add(["a", ""]), Err(Error::InvalidId { .. })));
    assert_eq!(items.lists("", 9), []);
}

#[test]
fn a_log_with_a_hole_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop");
    let database = Database::builder(&path).create(true).background(false).open().unwrap();
    let collection = items(&database);
    for n in 0..4 {
        collection.list("seen").add([n.to_string()]).unwrap();
    }
    let id = collection.core.shared.id;
    drop(collection);
    database.close_whole().unwrap();
    for (hole, kept) in [(true, 3), (false, 2)] {
        let storage = Storage::open(&path, &torre_storage::OpenOptions::default()).unwrap();
        let entries: Vec<(u64, Vec<u8>)> = storage.list_entries(id, 0..u64::MAX).map(Result::unwrap).collect();
        storage.remove_list_entries(id, u64::MAX).unwrap();
        let mut batch = Batch::new();
        // Without one in the middle, then without the first.
        let stay = entries.iter().filter(|(number, _)| if hole { *number != 2 } else { *number != 0 });
        stay.for_each(|(number, bytes)| batch.put_list_entry(id, *number, bytes.clone()));
        assert_eq!(batch.len(), kept);
        storage.commit(batch).unwrap();
        storage.close().unwrap();
        let error = Database::open(&path).unwrap().collection("items").map(drop).unwrap_err();
        assert!(matches!(&error, Error::Damaged { part, .. } if part.contains("list entry")), "{error}");
    }
    let saved = directory.path().join("saved");
    Database::salvage(&path, &saved, &NoProgress).unwrap();
    assert_eq!(Database::open(&saved).unwrap().collection("items").unwrap().list("seen").ids(), ["1", "3"]);
}

#[test]
fn entries_that_come_back_after_a_crash_mean_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop");
    let database = Database::builder(&path).create(true).background(false).open().unwrap();
    let collection = items(&database);
    let (storage, id) = (collection.core.shared.storage.clone(), collection.core.shared.id);
    collection.list("a").add(["1"]).unwrap();
    let (number, bytes) = storage.list_entries(id, 0..u64::MAX).next().unwrap().unwrap();
    collection.list("a").drop().unwrap();
    collection.list("b").add(["2"]).unwrap();
    assert!(storage.list_entries(id, 0..number + 1).next().is_none());
    let mut batch = Batch::new();
    batch.put_list_entry(id, number, bytes);
    storage.commit(batch).unwrap();
    drop((collection, storage));
    database.close_whole().unwrap();
    let database = Database::open(&path).unwrap();
    check(&database.collection("items").unwrap(), &[("b".to_owned(), vec!["2".to_owned()])].into());
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
}
