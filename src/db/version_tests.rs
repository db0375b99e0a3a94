//! Values of a version that this Torre does not know are refused by name.
#![allow(clippy::unwrap_used)]

use torre_storage::{Batch, BlobMeta, CollectionId, Error as StorageError, Manifest, Storage};

use crate::{BuildOptions, CollectionOptions, Database, Error, Item, Metric, NoProgress, Responsible};

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
    batch.put_record(C, 0, record);
    storage.commit(batch).unwrap();
    refused(&open.collection("items").unwrap().get("a").unwrap_err(), "row 0 of collection \"items\"");
    refused(&Database::with_storage(storage, false).unwrap().collection("items").unwrap_err(), "row 0 of collection \"items\"");
}

/// Opens the collection with one byte of a head changed.
fn with_head(pick: impl Fn(&mut Manifest) -> &mut Vec<BlobMeta>, at: usize, byte: u8) -> Error {
    let (storage, open) = make();
    open.collection("items").unwrap().build(&BuildOptions::default(), &NoProgress).unwrap();
    let mut manifest = storage.manifest(C).unwrap().unwrap();
    let head = pick(&mut manifest).iter_mut().find(|part| part.part == 0).unwrap();
    let mut bytes = storage.read_blob(C, head).unwrap();
    bytes[at] = byte;
    *head = storage.write_blob(C, 900, 0, &bytes).unwrap();
    let mut batch = Batch::new();
    batch.put_manifest(C, &manifest);
    storage.commit(batch).unwrap();
    Database::with_storage(storage, false).unwrap().collection("items").unwrap_err()
}

#[test]
fn newer_heads_are_refused_by_name() {
    refused(&with_head(|manifest| &mut manifest.spaces[0].parts, 0, 200), "the head of a space");
    refused(&with_head(|manifest| &mut manifest.trainings[0].parts, 0, 200), "the head of a training");
    refused(&with_head(|manifest| &mut manifest.segments[0].parts, 0, 200), "the head of a segment");
}

#[test]
fn a_segment_of_another_space_or_training_or_length_is_damage() {
    for (at, what) in [(1, "another training, or is of another space"), (9, "another training, or is of another space"), (17, "rows")] {
        let error = with_head(|manifest| &mut manifest.segments[0].parts, at, 0xA5);
        assert!(matches!(&error, Error::Damaged { what: found, .. } if found.contains(what)), "{at}: {error}");
    }
}

#[test]
fn a_space_with_another_fingerprint_is_damage_and_so_is_its_training() {
    for space in [true, false] {
        let (storage, _open) = make();
        let mut manifest = storage.manifest(C).unwrap().unwrap();
        let fingerprint = if space { &mut manifest.spaces[0].fingerprint } else { &mut manifest.trainings[0].fingerprint };
        *fingerprint ^= 1;
        let mut batch = Batch::new();
        batch.put_manifest(C, &manifest);
        storage.commit(batch).unwrap();
        let error = Database::with_storage(storage, false).unwrap().collection("items").unwrap_err();
        assert!(matches!(&error, Error::Damaged { what, .. } if what.contains("fingerprint")), "{error}");
    }
}
