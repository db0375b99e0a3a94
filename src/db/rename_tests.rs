//! Collections that change their names: against a naive model, under faults, with handles held; and collections embedded again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use torre_storage::Storage;
use torre_storage::backend::fault::{Durable, ERRORS, FaultBackend, Faults};

use crate::{CollectionOptions, Database, Error, Item, Metric, NoProgress, Result, row};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn options() -> CollectionOptions {
    CollectionOptions::vectors(1, Metric::L2).field("mark:int".parse().unwrap()).unwrap()
}

/// A collection with an item that says which one it is.
fn marked(database: &Database, name: &str, mark: i64) -> Result<()> {
    let collection = database.create_collection(name, options())?;
    collection.upsert(Item::new("it")?.with_row(row! { "mark" => mark }).with_vector([0.0])).map(drop)
}

fn marks(database: &Database) -> Result<BTreeMap<String, i64>> {
    let mark = |name: String| {
        let item = database.collection(&name)?.get("it")?.ok_or_else(|| Error::UnknownItem { id: "it".to_owned() })?;
        Ok((name, item.row().get("mark").and_then(crate::Value::as_f64).map_or(-1, |mark| mark as i64)))
    };
    database.collections().into_iter().map(mark).collect()
}

struct Disk {
    records: Arc<Durable>,
    blobs: Arc<Durable>,
}

impl Disk {
    fn new() -> Self {
        Self { records: Durable::new(), blobs: Durable::new() }
    }

    fn open(&self, faults: &Arc<Faults>) -> Result<Database> {
        let store = |durable: &Arc<Durable>| Box::new(FaultBackend::new(Arc::clone(durable), Arc::clone(faults)));
        Database::with_storage(Storage::with_backend(store(&self.records), store(&self.blobs))?, false)
    }

    /// What a power cut leaves, with the first `batches` unflushed batches.
    fn cut(&self, batches: usize) -> Self {
        Self { records: self.records.reopen(batches), blobs: self.blobs.reopen(batches) }
    }
}

/// What renaming comes to, name by name; `None` where it is refused.
fn naive(before: &BTreeMap<String, i64>, renames: &[(&str, &str)]) -> Option<BTreeMap<String, i64>> {
    let mut after = BTreeMap::new();
    for (name, mark) in before {
        let mut to = renames.iter().filter(|(from, _)| from == name).map(|(_, to)| *to);
        let (to, twice) = (to.next().unwrap_or(name), to.next());
        if twice.is_some() || after.insert(to.to_owned(), *mark).is_some() {
            return None;
        }
    }
    renames.iter().all(|(from, _)| before.contains_key(*from)).then_some(after)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Also after opening again, also where some collections were never loaded, also with a handle that was there before.
    #[test]
    fn names_go_where_a_naive_model_says(
        steps in prop::collection::vec(prop::collection::vec((0usize..4, 0usize..5), 0..4), 1..6),
        opened in any::<bool>(),
    ) {
        let disk = Disk::new();
        let faults = Arc::new(Faults::default());
        let mut expected = BTreeMap::new();
        {
            let database = disk.open(&faults).unwrap();
            for (mark, name) in (0..).zip(&NAMES[..3]) {
                marked(&database, name, mark).unwrap();
                expected.insert((*name).to_owned(), mark);
            }
        }
        let database = disk.open(&faults).unwrap();
        let held = if opened { Some(database.collection("b").unwrap()) } else { None };
        for step in steps {
            let renames: Vec<(&str, &str)> = step.iter().map(|&(from, to)| (NAMES[from], ["a", "b", "c", "d", "e"][to])).collect();
            let done = database.rename_collections(renames.iter().copied());
            match naive(&expected, &renames) {
                Some(after) => { done.unwrap(); expected = after; }
                None => prop_assert!(done.is_err(), "{renames:?} of {expected:?}"),
            }
            prop_assert_eq!(&database.collections(), &expected.keys().cloned().collect::<Vec<_>>());
        }
        if let Some(held) = held {
            // It writes settings of its own, and does not bring its old name back with them.
            held.add_index("mark", &NoProgress).unwrap();
            prop_assert_eq!(held.name(), "b");
        }
        prop_assert_eq!(&marks(&database).unwrap(), &expected);
        drop(database);
        let database = disk.open(&faults).unwrap();
        prop_assert_eq!(marks(&database).unwrap(), expected);
        prop_assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    }
}

#[test]
fn a_fault_leaves_all_old_names_or_all_new_ones() {
    let swap = [("a", "before"), ("b", "a")];
    let (mut failed, mut done) = (0, 0);
    for (call, failure) in ERRORS {
        for (nth, loaded) in (1..10).flat_map(|nth| [(nth, false), (nth, true)]) {
            let disk = Disk::new();
            let faults = Arc::new(Faults::default());
            {
                let database = disk.open(&faults).unwrap();
                marked(&database, "a", 1).unwrap();
                marked(&database, "b", 2).unwrap();
            }
            let (before, after) = (BTreeMap::from([("a", 1), ("b", 2)]), BTreeMap::from([("before", 1), ("a", 2)]));
            let owned = |marks: &BTreeMap<&str, i64>| marks.iter().map(|(name, mark)| ((*name).to_owned(), *mark)).collect();
            let (before, after): (BTreeMap<String, i64>, BTreeMap<String, i64>) = (owned(&before), owned(&after));
            let database = disk.open(&faults).unwrap();
            if loaded {
                marks(&database).unwrap();
            }
            faults.fail(call, nth, failure);
            let result = database.rename_collections(swap);
            (failed, done) = (failed + usize::from(result.is_err()), done + usize::from(result.is_ok()));
            faults.heal();
            let seen = marks(&database).unwrap();
            assert_eq!(seen, if result.is_ok() { after.clone() } else { before.clone() }, "{call:?} {nth} {failure:?}: {result:?}");
            for batches in [0, 1, usize::MAX] {
                let found = marks(&disk.cut(batches).open(&Arc::new(Faults::default())).unwrap()).unwrap();
                assert!(found == after || (result.is_err() && found == before), "{call:?} {nth} {failure:?} {result:?}: {found:?}");
            }
        }
    }
    assert!(failed >= 8 && done >= 8, "{failed} {done}");
}

#[test]
fn renaming_waits_for_nobody_and_nobody_for_it() {
    let database = Database::in_memory().unwrap();
    marked(&database, "a", 1).unwrap();
    marked(&database, "b", 2).unwrap();
    let held = database.collection("a").unwrap();
    std::thread::scope(|scope| {
        let renaming = scope.spawn(|| (0..200).try_for_each(|_| database.rename_collections([("a", "b"), ("b", "a")])));
        let pinning = scope.spawn(|| (0..50).try_for_each(|_| database.verify(&NoProgress).map(|report| assert_eq!(report.damage, []))));
        for n in 0..200 {
            held.upsert(Item::new("more").unwrap().with_row(row! { "mark" => n }).with_vector([n as f32])).unwrap();
            assert_eq!(marks(&database).unwrap().len(), 2);
        }
        renaming.join().unwrap().unwrap();
        pinning.join().unwrap().unwrap();
    });
    assert_eq!(marks(&database).unwrap()["a"], 1, "an even number of exchanges");
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let database = Database::in_memory().unwrap();
    marked(&database, "a", 1).unwrap();
    marked(&database, "b", 2).unwrap();
    for (renames, says) in [
        (&[("x", "y")][..], "\"x\""),
        (&[("a", "b")], "\"b\""),
        (&[("a", "c"), ("b", "c")], "\"c\""),
        (&[("a", "c"), ("a", "d")], "twice"),
        (&[("a", "")], "collection name"),
        (&[("a", "c"), ("b", "tab\there")], "collection name"),
    ] {
        let error = database.rename_collections(renames.iter().copied()).unwrap_err();
        assert!(error.to_string().contains(says), "{renames:?}: {error}");
        assert_eq!(database.collections(), ["a", "b"]);
    }
    database.rename_collections([]).unwrap();
    database.rename_collections([("a", "a")]).unwrap();
    assert_eq!(marks(&database).unwrap()["a"], 1);
}
