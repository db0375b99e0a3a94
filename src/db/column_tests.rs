//! Indexed fields: in every state of a collection, each live row's values in the columns are those of its record.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};

use torre_storage::{Batch, Storage};

use crate::features::{FieldType, Value};
use crate::segment::Record;
use crate::{BuildOptions, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, row};

/// The value as a column of the type has it.
fn typed(kind: FieldType, value: Option<&Value>) -> Value {
    match (kind, value) {
        (_, None) => Value::Null,
        (FieldType::Float, Some(Value::Int(number))) => Value::Float(*number as f64),
        (FieldType::Time, Some(value)) => value.to_unix_seconds().map_or(Value::Null, Value::Float),
        (_, Some(value)) => value.clone(),
    }
}

/// Compares all columns with all records; returns the fields that are indexed.
pub(super) fn check(items: &Collection) -> Vec<String> {
    let shared = &items.core.shared;
    let snapshot = shared.snapshot.load_full();
    let tables = snapshot.tables();
    for id in snapshot.live_ids() {
        let place = snapshot.locate(id).unwrap();
        let row = snapshot.row(place);
        let bytes = shared.record(row).unwrap();
        let features = shared.features(&snapshot, row, &shared.decode(row, &bytes).unwrap()).unwrap();
        for field in snapshot.schema.indexed() {
            let value = tables[place.0 as usize].columns().value(&field.name, place.1 as usize).unwrap();
            assert_eq!(value, typed(field.kind, features.get(&field.name)), "{} of {id}", field.name);
        }
    }
    let indexed: Vec<String> = snapshot.schema.indexed().map(|field| field.name.clone()).collect();
    for table in tables {
        assert_eq!(table.columns().iter().count(), indexed.len(), "no column that is not asked for");
    }
    assert_eq!(items.stats().unwrap().column_bytes > 0, !indexed.is_empty() && !items.is_empty());
    indexed
}

fn item(n: u64) -> Item {
    let tags: Vec<String> = (0..n % 4).map(|tag| format!("tag-{}", (tag * n) % 7)).collect();
    let mut row = row! { "title" => format!("title {}", n % 37), "tags" => tags, "seen" => 1_700_000_000 + n as i64, "free" => n };
    if !n.is_multiple_of(3) {
        row.insert("price", n as f64 / 4.0);
    }
    if n.is_multiple_of(2) {
        row.insert("stock", n.is_multiple_of(4));
    }
    Item::new(n).unwrap().with_row(row).with_vector([n as f32, 1.0])
}

fn options() -> CollectionOptions {
    let fields = ["title:text index", "price:float index", "stock:bool", "tags:list<text> index", "seen:time"];
    let options = CollectionOptions::vectors(2, Metric::L2).lenient(true).m(1).lists(3);
    fields.iter().fold(options, |options, field| options.field(field.parse().unwrap()).unwrap())
}

/// What opening finds in storage, which is open as long as all databases on it are.
struct Reopened<'s> {
    storage: &'s Storage,
    databases: Vec<Database>,
}

impl Reopened<'_> {
    fn items(&mut self) -> Collection {
        let database = Database::with_storage(self.storage.clone(), false).unwrap();
        let items = database.collection("items").unwrap();
        self.databases.push(database);
        items
    }
}

fn assert_sound(database: &Database) {
    let report = database.verify(&NoProgress).unwrap();
    assert!(report.is_sound(), "{:?}", report.damage);
}

#[test]
fn columns_go_with_their_rows_through_tail_seal_compaction_build_and_opening() {
    let storage = Storage::in_memory();
    let mut reopened = Reopened { storage: &storage, databases: Vec::new() };
    let database = Database::with_storage(storage.clone(), false).unwrap();
    let items = database.create_collection("items", options()).unwrap();
    let expected = ["title", "price", "tags"];
    items.upsert_many((0..100).map(item)).unwrap();
    for n in 100..140 {
        items.upsert(item(n)).unwrap();
    }
    items.delete(["3", "101"]).unwrap();
    assert_eq!(check(&items), expected);
    assert_eq!(check(&reopened.items()), expected);
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    assert_eq!(check(&items), expected);
    items.upsert_many((120..200).map(item)).unwrap();
    items.maintain(&NoProgress).unwrap();
    items.upsert_many((190..230).map(item)).unwrap();
    items.patch("7", &row! { "price" => 1e9, "title" => null, "tags" => ["new"] }).unwrap();
    items.delete(["5"]).unwrap();
    assert_eq!(check(&items), expected);
    assert_sound(&database);
    assert_eq!(check(&reopened.items()), expected);
    assert_sound(reopened.databases.last().unwrap());
    items.compact(&NoProgress).unwrap();
    assert_eq!(check(&items), expected);
    assert_eq!(check(&reopened.items()), expected);
}

#[test]
fn an_index_is_added_and_dropped_on_what_there_is_and_stays_so() {
    let storage = Storage::in_memory();
    let mut reopened = Reopened { storage: &storage, databases: Vec::new() };
    let database = Database::with_storage(storage.clone(), false).unwrap();
    let items = database.create_collection("items", options()).unwrap();
    items.upsert_many((0..100).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((90..140).map(item)).unwrap();
    items.maintain(&NoProgress).unwrap();
    items.upsert_many((140..160).map(item)).unwrap();
    items.delete(["3", "101", "150"]).unwrap();
    let bytes = || items.stats().unwrap().column_bytes;
    let before = bytes();
    items.add_index("stock", &NoProgress).unwrap();
    items.add_index("stock", &NoProgress).unwrap();
    assert_eq!(check(&items), ["title", "price", "stock", "tags"]);
    assert!(bytes() > before);
    items.drop_index("tags").unwrap();
    items.drop_index("tags").unwrap();
    items.add_index("seen", &NoProgress).unwrap();
    items.drop_index("title").unwrap();
    let expected = ["price", "stock", "seen"];
    assert_eq!(check(&items), expected);
    assert_sound(&database);
    assert_eq!(check(&reopened.items()), expected);
    items.upsert_many((155..170).map(item)).unwrap();
    items.compact(&NoProgress).unwrap();
    assert_eq!(check(&items), expected);
    items.add_index("tags", &NoProgress).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    let expected = ["price", "stock", "tags", "seen"];
    assert_eq!(check(&items), expected);
    assert_sound(&database);
    let again = reopened.items();
    assert_eq!((check(&again), again.schema()), (expected.map(str::to_owned).to_vec(), items.schema()));
}

#[test]
fn a_field_that_cannot_be_indexed_is_named_and_nothing_changes() {
    let storage = Storage::in_memory();
    let mut reopened = Reopened { storage: &storage, databases: Vec::new() };
    let database = Database::with_storage(storage.clone(), false).unwrap();
    let items = database.create_collection("items", options()).unwrap();
    items.upsert_many((0..20).map(item)).unwrap();
    let error = items.add_index("free", &NoProgress).unwrap_err();
    assert_eq!(error.to_string(), "index: expected a field whose type is known; there is: title, price, stock, tags, seen, got free");
    assert!(matches!(items.drop_index("nothing"), Err(Error::InvalidOption { option: "index", .. })));
    assert_eq!(check(&items), ["title", "price", "tags"]);
    assert_eq!(check(&reopened.items()), ["title", "price", "tags"]);
}

#[test]
fn a_record_that_an_index_does_not_agree_with_is_damage() {
    let storage = Storage::in_memory();
    let database = Database::with_storage(storage.clone(), false).unwrap();
    let items = database.create_collection("items", options()).unwrap();
    items.upsert_many((0..20).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    assert_sound(&database);
    let other = row! { "id" => "7", "title" => "title 7", "price" => 1.0, "tags" => Vec::<&str>::new() };
    let mut batch = Batch::new();
    batch.put_record(items.core.shared.id, 7, Record::encode("7", &other.to_bytes()));
    storage.commit(batch).unwrap();
    let damage = database.verify(&NoProgress).unwrap().damage;
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert_eq!(damage[0].what, "the indexes of its fields have other values than its record");
}

#[test]
fn writers_go_on_while_indexes_come_and_go() {
    let storage = Storage::in_memory();
    let mut reopened = Reopened { storage: &storage, databases: Vec::new() };
    let database = Database::with_storage(storage.clone(), false).unwrap();
    let items = database.create_collection("items", options()).unwrap();
    items.upsert_many((0..2000).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (items, done) = (&items, &done);
        for first in [0u64, 10_000] {
            scope.spawn(move || {
                let mut n = first;
                while !done.load(Ordering::Relaxed) {
                    items.upsert_many((n..n + 5).map(item)).unwrap();
                    items.delete([(n + 1).to_string()]).unwrap();
                    n += 3;
                }
            });
        }
        for _ in 0..5 {
            items.add_index("stock", &NoProgress).unwrap();
            items.maintain(&NoProgress).unwrap();
            items.add_index("seen", &NoProgress).unwrap();
            items.drop_index("price").unwrap();
            items.compact(&NoProgress).unwrap();
            items.drop_index("stock").unwrap();
            items.add_index("price", &NoProgress).unwrap();
            items.drop_index("seen").unwrap();
        }
        items.add_index("stock", &NoProgress).unwrap();
        done.store(true, Ordering::Relaxed);
    });
    let expected = ["title", "price", "stock", "tags"];
    assert_eq!(check(&items), expected);
    assert_sound(&database);
    assert_eq!(check(&reopened.items()), expected);
}
