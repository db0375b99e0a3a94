//! Stored values that are whole and wrong: an error or an answer, at once.
#![allow(clippy::unwrap_used)]

use torre_storage::{Batch, CollectionId, Manifest, Storage};

use crate::segment::{FIRST_SPACE, Record};
use crate::{BuildOptions, CollectionOptions, Database, Error, Item, Metric, NoProgress, row};

const C: CollectionId = CollectionId(1);

fn item(n: u64) -> Item {
    Item::new(n).unwrap().with_row(row! { "n" => n }).with_vector([n as f32, 1.0])
}

/// A sealed segment of 20 rows and a tail of 10, one of them deleted. The storage is open as long as the database is.
fn make() -> (Storage, Database) {
    let storage = Storage::in_memory();
    let database = Database::with_storage(storage.clone(), false).unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2).lenient(true).m(1).lists(1)).unwrap();
    items.upsert_many((0..20).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((20..30).map(item)).unwrap();
    items.delete(["25"]).unwrap();
    (storage, database)
}

fn changed(storage: &Storage, change: impl FnOnce(&mut Manifest)) -> Database {
    let mut manifest = storage.manifest(C).unwrap().unwrap();
    change(&mut manifest);
    let mut batch = Batch::new();
    batch.put_manifest(C, &manifest);
    storage.commit(batch).unwrap();
    Database::with_storage(storage.clone(), false).unwrap()
}

#[test]
fn an_item_whose_record_is_lost_is_damage_and_not_waited_for() {
    let (storage, database) = make();
    let items = database.collection("items").unwrap();
    let mut batch = Batch::new();
    batch.delete_record(C, 22);
    storage.commit(batch).unwrap();
    assert!(matches!(items.get("22"), Err(Error::Damaged { .. })));
    assert!(matches!(items.patch("22", &row! { "n" => 1 }), Err(Error::Damaged { .. })));
}

/// Takes the vector or the record of a row away, as damage would.
fn without(vector: bool, row: u64) -> (Storage, Database) {
    let (storage, database) = make();
    let mut batch = Batch::new();
    if vector {
        batch.delete_vectors(C, FIRST_SPACE, row..row + 1)
    } else {
        batch.delete_record(C, row)
    }
    storage.commit(batch).unwrap();
    (storage, database)
}

#[test]
fn a_sealed_row_without_its_vector_is_damage_wherever_the_vector_is_read() {
    let (_, database) = without(true, 3);
    let items = database.collection("items").unwrap();
    let about = |error: Error| matches!(&error, Error::Damaged { part, what } if part.contains("row 3 ") && what.contains("vector"));
    assert!(about(items.get("3").unwrap_err()) && about(items.get_many(["2", "3"]).unwrap_err()));
    assert!(about(items.search(&[3.0, 1.0]).exact().run().unwrap_err()));
    assert!(about(items.similar("3").run().unwrap_err()));
    assert!(about(items.build(&BuildOptions::default(), &NoProgress).unwrap_err()));
    // Its code and its record are there; a patch of what no tower reads needs no more.
    items.patch("3", &row! { "n" => 1 }).unwrap();
    assert_eq!(items.search(&[3.0, 1.0]).k(1).fields(["n"]).run().unwrap().hits[0].id.as_str(), "3");
    let damage = database.verify(&NoProgress).unwrap().damage;
    assert!(damage.len() == 1 && damage[0].part.contains("row 3 ") && damage[0].what.contains("no readable vector"), "{damage:?}");
}

#[test]
fn a_sealed_row_without_its_record_is_damage_and_its_vector_is_still_compared() {
    let (_, database) = without(false, 3);
    let items = database.collection("items").unwrap();
    assert!(matches!(items.get("3"), Err(Error::Damaged { .. })));
    assert_eq!(items.search(&[3.0, 1.0]).k(1).exact().run().unwrap().hits[0].id.as_str(), "3");
    let damage = database.verify(&NoProgress).unwrap().damage;
    assert!(damage.len() == 1 && damage[0].part.contains("row 3 ") && damage[0].what.contains("no readable record"), "{damage:?}");
}

#[test]
fn a_row_of_the_tail_with_half_of_what_it_needs_does_not_open() {
    for (vector, what) in [(true, "vector is missing"), (false, "no record")] {
        let (storage, open) = without(vector, 22);
        let damage = open.verify(&NoProgress).unwrap().damage;
        assert!(damage.iter().all(|damage| damage.part.contains("row 22 ")) && damage.len() == 1, "{damage:?}");
        let error = Database::with_storage(storage, false).unwrap().collection("items").unwrap_err();
        assert!(matches!(&error, Error::Damaged { part, what: found } if part.contains("row 22 ") && found.contains(what)), "{error}");
    }
}

#[test]
fn half_of_a_dead_row_is_no_damage_and_is_removed() {
    for vector in [true, false] {
        let (storage, _open) = without(vector, 25);
        let database = Database::with_storage(storage.clone(), false).unwrap();
        assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
        database.collection("items").unwrap().compact(&NoProgress).unwrap();
        assert_eq!((storage.record(C, 25).unwrap(), storage.vector(C, FIRST_SPACE, 25).unwrap()), (None, None));
        assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    }
}

#[test]
fn a_vector_of_a_row_that_is_nowhere_is_damage() {
    let (storage, database) = make();
    let vector = storage.vector(C, FIRST_SPACE, 3).unwrap().unwrap();
    let mut batch = Batch::new();
    batch.put_vector(C, FIRST_SPACE, 3000, vector);
    let mut manifest = storage.manifest(C).unwrap().unwrap();
    manifest.next_row = 4000;
    manifest.sealed_row = 3500;
    batch.put_manifest(C, &manifest);
    storage.commit(batch).unwrap();
    drop(database);
    let database = Database::with_storage(storage, false).unwrap();
    let damage = database.verify(&NoProgress).unwrap().damage;
    assert!(damage.iter().any(|damage| damage.part.contains("row 3000 ") && damage.what.contains("no segment or tail")), "{damage:?}");
}

#[test]
fn a_record_of_another_item_is_damage() {
    let (storage, database) = make();
    let items = database.collection("items").unwrap();
    for id in [3, 22] {
        let other = storage.record(C, if id == 3 { 4 } else { 23 }).unwrap().unwrap();
        let mut batch = Batch::new();
        batch.put_record(C, id, other);
        storage.commit(batch).unwrap();
        let id = id.to_string();
        assert!(matches!(items.get(&id), Err(Error::Damaged { .. })), "{id}");
        assert!(matches!(items.patch(&id, &row! { "n" => 1 }), Err(Error::Damaged { .. })), "{id}");
    }
}

#[test]
fn verify_names_a_blob_that_no_manifest_names() {
    let (storage, database) = make();
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    let meta = storage.write_blob(C, 900, 0, &[7; 100]).unwrap();
    // Somebody is about to name it.
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    // Named, and no longer: whoever does that deletes it.
    let mut batch = Batch::new();
    let mut manifest = storage.manifest(C).unwrap().unwrap();
    manifest.trainings[0].parts.push(meta);
    batch.put_manifest(C, &manifest);
    manifest.trainings[0].parts.pop();
    batch.put_manifest(C, &manifest);
    storage.commit(batch).unwrap();
    let damage = database.verify(&NoProgress).unwrap().damage;
    assert!(damage.len() == 1 && damage[0].part.contains("blob 900"), "{damage:?}");
}

#[test]
fn a_seal_does_not_count_through_row_numbers_that_a_wrong_manifest_skips() {
    let (storage, _open) = make();
    let database = changed(&storage, |manifest| manifest.next_row = 1 << 60);
    let items = database.collection("items").unwrap();
    items.maintain(&NoProgress).unwrap();
    assert_eq!((items.len(), storage.record(C, 25).unwrap()), (29, None));
    assert_eq!(items.search(&[24.0, 1.0]).k(2).exact().run().unwrap().hits.len(), 2);
}

#[test]
fn impossible_numbers_are_damage() {
    let changes: [fn(&mut Manifest); 4] = [
        |manifest| manifest.next_row = u64::MAX - 5,
        |manifest| manifest.sealed_row = manifest.next_row + 1,
        |manifest| manifest.next_blob = u64::MAX,
        |manifest| {
            manifest.training = u32::MAX;
            manifest.trainings[0].number = u32::MAX;
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let (storage, _open) = make();
        let found = changed(&storage, change).collection("items");
        assert!(matches!(found, Err(Error::Damaged { .. })), "{at}");
    }
    let (storage, _open) = make();
    let mut batch = Batch::new();
    batch.put_tombstones(C, &[u64::MAX - 1]);
    storage.commit(batch).unwrap();
    assert!(matches!(Database::with_storage(storage, false).unwrap().collection("items"), Err(Error::Damaged { .. })));
}

#[test]
fn a_segment_whose_best_coded_rows_were_deleted_is_no_damage() {
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        let database = Database::in_memory().unwrap();
        let items = database.create_collection("items", CollectionOptions::vectors(2, metric).lenient(true).m(1).lists(1)).unwrap();
        let at = |n: u64, x: f32, y: f32| Item::new(n).unwrap().with_vector([x, y]);
        items.upsert_many((0..20).map(|n| at(n, 100.0, n as f32))).unwrap();
        items.build(&BuildOptions::default(), &NoProgress).unwrap();
        // Sealed by a quantizer that never saw the like of two of them.
        items.upsert_many((20..40).map(|n| at(n, 100.0, n as f32 - 20.0)).chain((40..42).map(|n| at(n, -1.0, -1.0)))).unwrap();
        items.maintain(&NoProgress).unwrap();
        assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
        items.delete((20..40).map(|n: u64| n.to_string())).unwrap();
        assert_eq!(database.verify(&NoProgress).unwrap().damage, [], "{metric}");
    }
}

#[test]
fn rows_with_one_id_are_never_sealed_together() {
    let (storage, _open) = make();
    let features = row! { "id" => "22", "n" => 21 }.to_bytes();
    let mut batch = Batch::new();
    batch.put_record(C, 21, Record::encode("22", &features));
    storage.commit(batch).unwrap();
    let database = Database::with_storage(storage, false).unwrap();
    let items = database.collection("items").unwrap();
    let error = items.maintain(&NoProgress).unwrap_err();
    assert!(matches!(&error, Error::NotStored { what, .. } if what == "two of its rows have the id \"22\""), "{error}");
    assert_eq!(items.len(), 29);
    let damage = database.verify(&NoProgress).unwrap().damage;
    assert!(damage.iter().any(|damage| damage.what == "another live row has the same id"), "{damage:?}");
}
