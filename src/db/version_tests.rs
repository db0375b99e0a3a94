//! Values of a version that this Torre does not know are refused by name.
#![allow(clippy::unwrap_used)]

use torre_storage::{Batch, CollectionId, Error as StorageError, Storage};

use crate::{CollectionOptions, Database, Error, Item, Metric, Responsible};

const C: CollectionId = CollectionId(1);

fn make() -> (Storage, Database) {
    let storage = Storage::in_memory();
    let database = Database::with_storage(storage.clone(), false).unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2)).unwrap();
    items.upsert(Item::new("a").unwrap().with_vector([1.0, 2.0])).unwrap();
    (storage, database)
}

fn refused(error: &Error, part: &str) {
    let Error::Storage(StorageError::NewerPart { what, found: 200, known: 1 }) = error else { unreachable!("{error}") };
    assert!(what.contains(part), "{what}");
    assert_eq!(error.responsible(), Responsible::Operator);
}

#[test]
fn newer_settings_and_records_are_refused_by_name() {
    let (storage, _open) = make();
    let mut settings = storage.collections().unwrap().remove(0).1;
    settings[0] = 200;
    let mut batch = Batch::new();
    batch.put_collection(C, &settings);
    storage.commit(batch).unwrap();
    refused(&Database::with_storage(storage, false).unwrap_err(), "settings");

    let (storage, open) = make();
    let mut record = storage.record(C, 0).unwrap().unwrap();
    record[0] = 200;
    let mut batch = Batch::new();
    batch.put_record(C, 0, &record);
    storage.commit(batch).unwrap();
    refused(&open.collection("items").unwrap().get("a").unwrap_err(), "row 0 of collection \"items\"");
    refused(&Database::with_storage(storage, false).unwrap().collection("items").unwrap_err(), "row 0 of collection \"items\"");
}
