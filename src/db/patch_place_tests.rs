//! Patches in place: beside a map, in every state of a collection; what they leave alone; what a snapshot goes on seeing.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use torre_storage::Storage;

use crate::features::Row;
use crate::ingest::{Sweep, fold};
use crate::segment::Snapshot;
use crate::segment::column_testing::{Dice, random_value};
use crate::{BuildOptions, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, Progress, Stage, Value, row};

const FIELDS: [(&str, &str); 6] =
    [("title", "text"), ("price", "float"), ("stock", "int"), ("sale", "bool"), ("seen", "time"), ("tags", "list<text>")];

type Model = BTreeMap<String, BTreeMap<String, Value>>;

#[derive(Clone, Debug)]
enum Op {
    Put(Vec<u8>),
    /// Items and how many fields of each; which and with what is told by the seed.
    Patch(Vec<u8>, u64),
    Delete(Vec<u8>),
    /// Indexes a field, or drops its index.
    Index(usize),
    Fold,
    Maintain,
    Compact,
    Build,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let ids = || prop::collection::vec(0u8..90, 1..40);
    prop_oneof![
        3 => ids().prop_map(Op::Put),
        8 => (ids(), any::<u64>()).prop_map(|(ids, seed)| Op::Patch(ids, seed)),
        2 => ids().prop_map(Op::Delete),
        1 => (0..FIELDS.len()).prop_map(Op::Index),
        1 => Just(Op::Fold),
        1 => Just(Op::Maintain),
        1 => Just(Op::Compact),
        1 => Just(Op::Build),
        2 => Just(Op::Reopen),
    ]
}

/// The collection under test. What was opened before stays, for storage is open as long as it is.
struct Subject {
    storage: Storage,
    databases: Vec<Database>,
}

impl Subject {
    fn new() -> Self {
        let storage = Storage::in_memory();
        let database = Database::with_storage(storage.clone(), false).unwrap();
        let indexed = |at: usize| if at.is_multiple_of(2) { " index" } else { "" };
        let fields = FIELDS.iter().enumerate().map(|(at, (name, kind))| format!("{name}:{kind}{}", indexed(at)));
        let options = CollectionOptions::vectors(2, Metric::L2).m(1).lists(3);
        let options = fields.fold(options, |options, field| options.field(field.parse().unwrap()).unwrap());
        database.create_collection("items", options).unwrap();
        Self { storage, databases: vec![database] }
    }

    fn items(&self) -> Collection {
        self.databases.last().unwrap().collection("items").unwrap()
    }

    fn reopen(&mut self) {
        self.databases.push(Database::with_storage(self.storage.clone(), false).unwrap());
    }

    fn apply(&mut self, op: &Op, model: &mut Model, number: i64) {
        let items = self.items();
        match op {
            Op::Put(ids) => {
                let fields = |id: u8| row! { "stock" => number, "title" => format!("title {}", id % 7), "sale" => id.is_multiple_of(2) };
                let put = ids.iter().map(|&id| Item::new(u64::from(id)).unwrap().with_row(fields(id)).with_vector([f32::from(id), 1.0]));
                items.upsert_many(put).unwrap();
                model.extend(ids.iter().map(|&id| (id.to_string(), of(&fields(id)))));
            }
            Op::Patch(ids, seed) => {
                let mut dice = Dice(*seed);
                let mut changes = || -> Row {
                    let some: Vec<_> = FIELDS.iter().filter(|_| dice.below(3) == 0).collect();
                    let mut value = |kind: &str| if dice.below(4) == 0 { Value::Null } else { checked(kind, &mut dice) };
                    some.into_iter().map(|(name, kind)| (*name, value(kind))).collect()
                };
                let patches: Vec<(String, Row)> = ids.iter().map(|id| (id.to_string(), changes())).collect();
                let (tail, live) = (items.stats().unwrap().tail, items.len());
                let result = items.patch_many(patches.iter().map(|(id, row)| Item::new(id.as_str()).unwrap().with_row(row.clone())));
                match patches.iter().find(|(id, _)| !model.contains_key(id)) {
                    Some((missing, _)) => assert!(matches!(result, Err(Error::UnknownItem { id }) if id == *missing)),
                    None => {
                        let distinct = patches.iter().map(|(id, _)| id).collect::<std::collections::HashSet<_>>().len() as u64;
                        let changes = result.unwrap();
                        assert_eq!((changes.patched, changes.updated, changes.inserted), (distinct, 0, 0));
                        for (id, row) in &patches {
                            let fields = model.get_mut(id).unwrap();
                            row.iter().for_each(|(name, value)| drop(fields.insert(name.to_owned(), value.clone())));
                            fields.retain(|_, value| !value.is_null());
                        }
                    }
                }
                assert_eq!((items.stats().unwrap().tail, items.len()), (tail, live), "a patch in place moves nothing");
            }
            Op::Delete(ids) => {
                items.delete(ids.iter().map(u8::to_string)).unwrap();
                model.retain(|id, _| !ids.iter().any(|gone| gone.to_string() == *id));
            }
            Op::Index(at) => {
                let name = FIELDS[*at].0;
                match items.schema().indexed().any(|field| field.name == name) {
                    true => items.drop_index(name).unwrap(),
                    false => items.add_index(name, &NoProgress).unwrap(),
                }
            }
            Op::Fold => {
                fold(&items.core.writer, Sweep::Whole, &NoProgress).unwrap();
                assert!(items.core.shared.snapshot.load().patches.is_empty());
            }
            Op::Maintain => items.maintain(&NoProgress).unwrap(),
            Op::Compact => drop(items.compact(&NoProgress).unwrap()),
            Op::Build if items.is_empty() => {}
            Op::Build => drop(items.build(&BuildOptions::default(), &NoProgress).unwrap()),
            Op::Reopen => self.reopen(),
        }
    }

    /// Rows, columns and what `verify` finds.
    fn check(&self, model: &Model) {
        let (database, items) = (self.databases.last().unwrap(), self.items());
        assert_eq!(&read(&items), model);
        if !items.is_empty() {
            super::column_tests::check(&items);
        }
        assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    }
}

/// A value that the schema takes: lists have no numbers among their texts.
fn checked(kind: &str, dice: &mut Dice) -> Value {
    loop {
        let value = random_value(kind, dice);
        let texts = |value: &Value| matches!(value, Value::Text(_));
        let right = match (kind, &value) {
            ("text", value) => texts(value),
            ("list<text>", Value::List(values)) => values.iter().all(texts),
            _ => true,
        };
        if right {
            return value;
        }
    }
}

fn of(row: &Row) -> BTreeMap<String, Value> {
    row.iter().filter(|(name, _)| *name != "id").map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

fn read(items: &Collection) -> Model {
    items.items().map(|item| item.map(|item| (item.id().to_string(), of(item.row()))).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_columns_are_those_of_a_map_whatever_comes_between(ops in prop::collection::vec(op(), 1..30)) {
        let (mut subject, mut model) = (Subject::new(), Model::new());
        for (number, op) in (0..).zip(&ops) {
            subject.apply(op, &mut model, number);
            subject.check(&model);
        }
        subject.reopen();
        subject.check(&model);
        let directory = tempfile::tempdir().unwrap();
        let database = subject.databases.last().unwrap();
        database.backup(directory.path().join("copy"), &NoProgress).unwrap();
        database.dump(directory.path().join("dump"), &NoProgress).unwrap();
        Database::load(directory.path().join("loaded"), directory.path().join("dump"), &NoProgress).unwrap();
        Database::salvage(directory.path().join("copy"), directory.path().join("saved"), &NoProgress).unwrap();
        for name in ["copy", "loaded", "saved"] {
            let database = Database::open_read_only(directory.path().join(name)).unwrap();
            prop_assert_eq!(&read(&database.collection("items").unwrap()), &model, "{}", name);
            prop_assert_eq!(database.verify(&NoProgress).unwrap().damage, vec![]);
        }
    }
}

fn shop(rows: u64) -> (Storage, Database, Collection) {
    let storage = Storage::in_memory();
    let database = Database::with_storage(storage.clone(), false).unwrap();
    let fields = ["stock:int index", "note:text"].map(|field| field.parse().unwrap());
    let options = CollectionOptions::vectors(2, Metric::L2).m(1).lists(3);
    let options = fields.into_iter().fold(options, |options, field| options.field(field).unwrap());
    let items = database.create_collection("items", options).unwrap();
    items.upsert_many((0..rows).map(|n| Item::new(n).unwrap().with_row(row! { "stock" => 0 }).with_vector([n as f32, 1.0]))).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    (storage, database, items)
}

fn stock(items: &Collection, id: &str) -> Option<Value> {
    items.get(id).unwrap().unwrap().row().get("stock").cloned()
}

#[test]
fn a_bad_patch_among_many_changes_nothing() {
    let (_storage, _database, items) = shop(50);
    let patch = |id: &str, row: Row| Item::new(id).unwrap().with_row(row);
    let good = || patch("1", row! { "stock" => 5 });
    for (bad, text) in [
        (patch("2", row! { "stock" => "many" }), r#"feature "stock" (row 1): expected a whole number, got the string "many""#),
        (patch("2", row! { "stocks" => 1 }), r#"feature "stocks" (row 1): unknown field"#),
        (patch("2", row! { "id" => "3" }), r#"row 1: its field "id" is not the item's id "2""#),
        (patch("gone", row! { "stock" => 1 }), r#"no item has the id "gone""#),
        (patch("2", row! { "vector" => [1.0] }), "vector (row 1): expected length 2, got 1"),
    ] {
        let error = items.patch_many([good(), bad]).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
        assert_eq!((stock(&items, "1"), stock(&items, "2")), (Some(Value::Int(0)), Some(Value::Int(0))));
        assert!(items.core.shared.snapshot.load().patches.is_empty());
    }
    // A row that keeps its id, and one that names it.
    let both = [patch("2", row! { "id" => null, "stock" => 1 }), patch("2", row! { "id" => 2, "note" => "x" })];
    assert_eq!(items.patch_many(both).unwrap().patched, 1);
    assert_eq!(of(items.get("2").unwrap().unwrap().row()), of(&row! { "stock" => 1, "note" => "x" }));
    assert_eq!(items.patch_many([]).unwrap().patched, 0);
}

#[test]
fn a_vector_in_a_patch_makes_the_row_anew_with_the_others_fields() {
    let (_storage, _database, items) = shop(50);
    items.patch("7", &row! { "note" => "kept" }).unwrap();
    let moved = Item::new("7").unwrap().with_row(row! { "stock" => 9 }).with_vector([70.0, 2.0]);
    let changes = items.patch_many([moved, Item::new("8").unwrap().with_row(row! { "stock" => 8 })]).unwrap();
    assert_eq!((changes.updated, changes.patched, items.stats().unwrap().tail), (1, 1, 1));
    let seven = items.get("7").unwrap().unwrap();
    assert_eq!((of(seven.row()), seven.vector()), (of(&row! { "stock" => 9, "note" => "kept" }), Some(&[70.0, 2.0][..])));
}

#[test]
fn a_snapshot_sees_the_old_values_until_it_is_let_go_and_folding_waits_for_it() {
    let (_storage, _database, items) = shop(50);
    items.patch("3", &row! { "stock" => 1 }).unwrap();
    let shared = &items.core.shared;
    let held = shared.snapshot.load_full();
    let place = held.locate("3").unwrap();
    items.patch("3", &row! { "stock" => 2 }).unwrap();
    let see = |held: &Snapshot| {
        let row = held.row(place);
        let bytes = shared.record(row).unwrap();
        let record = shared.features(held, row, &shared.decode(row, &bytes).unwrap()).unwrap();
        (record.get("stock").cloned(), held.table(place.0).columns().value("stock", place.1 as usize))
    };
    assert_eq!(fold(&items.core.writer, Sweep::Quick, &NoProgress).unwrap(), 0, "what is read is not folded");
    let folded = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(fold(&items.core.writer, Sweep::Whole, &NoProgress).unwrap(), 1);
            folded.store(true, Ordering::SeqCst);
        });
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(5));
            assert_eq!(see(&held), (Some(Value::Int(1)), Some(Value::Int(1))));
        }
        assert!(!folded.load(Ordering::SeqCst));
        drop(held);
    });
    assert_eq!((stock(&items, "3"), folded.load(Ordering::SeqCst)), (Some(Value::Int(2)), true));
}

#[test]
fn deltas_stay_few_whatever_is_patched() {
    let (storage, _database, items) = shop(200);
    let mut most = 0;
    for round in 0..60i64 {
        items.patch_many((0..200u64).map(|n| Item::new(n).unwrap().with_row(row! { "stock" => round }))).unwrap();
        if items.core.wants(crate::db::core::Duty::Upkeep) {
            items.core.tend(crate::db::core::Duty::Upkeep, &NoProgress).unwrap();
        }
        most = most.max(storage.deltas(items.core.shared.id, 0..u64::MAX).count());
    }
    assert!(most <= 21, "{most} entries of 200 rows");
    assert_eq!(stock(&items, "150"), Some(Value::Int(59)));
    items.maintain(&NoProgress).unwrap();
    assert_eq!(storage.deltas(items.core.shared.id, 0..u64::MAX).count(), 0);
    let again = Database::with_storage(storage.clone(), false).unwrap();
    assert_eq!(stock(&again.collection("items").unwrap(), "150"), Some(Value::Int(59)));
}

#[test]
fn a_row_number_that_a_delta_names_is_not_used_again() {
    let (storage, _database, items) = shop(20);
    items.upsert(Item::new("last").unwrap().with_row(row! { "stock" => 1 }).with_vector([0.5, 1.0])).unwrap();
    items.patch("last", &row! { "stock" => 2 }).unwrap();
    items.delete(["last"]).unwrap();
    crate::ingest::sweep(&items.core.writer, Sweep::Whole, &NoProgress).unwrap();
    let again = Database::with_storage(storage.clone(), false).unwrap();
    let items = again.collection("items").unwrap();
    items.upsert(Item::new("new").unwrap().with_row(row! { "stock" => 7 }).with_vector([0.5, 1.0])).unwrap();
    assert_eq!(stock(&items, "new"), Some(Value::Int(7)));
}

/// Patches a row whenever it is told of progress.
struct Meanwhile(Collection);

impl Progress for Meanwhile {
    fn update(&self, _stage: Stage, done: u64, _total: Option<u64>) {
        self.0.patch("3", &row! { "note" => format!("late {done}") }).unwrap();
    }

    fn cancelled(&self) -> bool {
        false
    }
}

#[test]
fn what_is_patched_while_others_are_folded_stays_and_is_sound() {
    let (storage, database, items) = shop(50);
    items.patch_many((0..50u64).map(|n| Item::new(n).unwrap().with_row(row! { "stock" => 7 }))).unwrap();
    assert_eq!(fold(&items.core.writer, Sweep::Whole, &Meanwhile(items.clone())).unwrap(), 50);
    assert_eq!(storage.deltas(items.core.shared.id, 0..u64::MAX).count(), 2);
    let again = Database::with_storage(storage.clone(), false).unwrap();
    for (database, items) in [(&database, &items), (&again, &again.collection("items").unwrap())] {
        assert_eq!(of(items.get("3").unwrap().unwrap().row()), of(&row! { "stock" => 7, "note" => "late 50" }));
        super::column_tests::check(items);
        assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    }
}
