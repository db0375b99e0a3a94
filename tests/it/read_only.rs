//! Databases opened for reading only: any number at once, nothing written, the same answers, refusals that say why.

use std::collections::BTreeMap;
use std::path::Path;

use torre::{BuildOptions, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, Responsible, row};

use crate::random::Random;

const DIM: usize = 8;

fn item(number: u64, mark: i64) -> Item {
    Item::new(number).unwrap().with_row(row! { "mark" => mark }).with_vector(Random::new(number).vector(DIM))
}

/// Sealed rows, deleted ones, replaced ones, and a tail.
fn made(path: &Path) -> Database {
    let database = Database::builder(path).create(true).background(false).open().unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(DIM, Metric::L2).lenient(true).m(4).lists(4)).unwrap();
    items.upsert_many((0..500).map(|n| item(n, 1))).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((400..600).map(|n| item(n, 2))).unwrap();
    items.delete((0..50).map(|n: u64| n.to_string())).unwrap();
    database
}

/// Every file's bytes and time of change.
fn files(path: &Path) -> BTreeMap<std::path::PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            all.extend(files(&entry.path()));
        } else {
            all.insert(entry.path(), (std::fs::read(entry.path()).unwrap(), entry.metadata().unwrap().modified().unwrap()));
        }
    }
    all
}

fn answers(items: &Collection) -> Vec<(String, f32)> {
    let ask = |n: u64| items.search(&Random::new(n).vector(DIM)).k(20).fields(["mark"]).run().unwrap();
    (0..40).flat_map(|n| ask(n * 13).hits).map(|hit| (format!("{} {:?}", hit.id.as_str(), hit.fields), hit.score)).collect()
}

fn refused(error: &Error) {
    assert!(matches!(error, Error::Storage(_)) && error.responsible() == Responsible::Operator, "{error:?}");
    assert!(error.to_string().contains("nothing can be written"), "{error}");
}

#[test]
fn readers_stand_beside_each_other_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let database = made(&path);
    let wanted = answers(&database.collection("items").unwrap());
    assert!(Database::open_read_only(&path).is_err(), "a writer has it open");
    drop(database);
    let before = files(&path);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let database = Database::open_read_only(&path).unwrap();
                assert!(database.is_read_only());
                let items = database.collection("items").unwrap();
                assert_eq!(answers(&items), wanted);
                assert_eq!(items.len(), 550);
                assert_eq!(items.items().count(), 550);
                assert_eq!(items.get("450").unwrap().unwrap().row().get("mark"), Some(&2.into()));
                assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
            });
        }
    });
    assert_eq!(files(&path), before);
    let reader = Database::open_read_only(&path).unwrap();
    let error = Database::open(&path).unwrap_err();
    assert!(error.can_be_read(), "{error}");
    drop(reader);
    assert_eq!(answers(&Database::open(&path).unwrap().collection("items").unwrap()), wanted);
}

#[test]
fn what_would_change_something_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    drop(made(&path));
    let before = files(&path);
    let database = Database::open_read_only(&path).unwrap();
    let items = database.collection("items").unwrap();
    refused(&items.upsert(item(1, 1)).unwrap_err());
    refused(&items.patch("450", &row! { "mark" => 3 }).unwrap_err());
    refused(&items.delete(["450"]).unwrap_err());
    refused(&items.import().run((0..3).map(|n| Ok(item(n, 1)))).unwrap_err());
    refused(&items.build(&BuildOptions::default(), &NoProgress).unwrap_err());
    refused(&items.compact(&NoProgress).unwrap_err());
    refused(&items.maintain(&NoProgress).unwrap_err());
    refused(&database.create_collection("more", CollectionOptions::vectors(2, Metric::L2)).unwrap_err());
    refused(&database.drop_collection("items").unwrap_err());
    assert_eq!(items.len(), 550);
    let copy = folder.path().join("copy");
    database.backup(&copy, &NoProgress).unwrap();
    assert_eq!(answers(&Database::open(&copy).unwrap().collection("items").unwrap()), answers(&items));
    let mut users = Vec::new();
    for n in 0..400 {
        users.extend(items.search(&Random::new(n).vector(DIM)).run().unwrap().hits.first().cloned());
    }
    drop((items, database));
    assert_eq!((files(&path), users.len()), (before, 400));
}
