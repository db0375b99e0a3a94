//! Behaviour of the whole handle: on memory and on sled.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::backend::fault::{Call, Failure};
use crate::fault_tests::faulty;
use crate::*;

pub(crate) const C: CollectionId = CollectionId(1);
const SPACE: SpaceId = SpaceId(1);

fn create() -> OpenOptions {
    OpenOptions { create: Create::IfMissing, timeout: Duration::from_secs(120), ..OpenOptions::default() }
}

fn never() -> OpenOptions {
    OpenOptions { create: Create::Never, ..create() }
}

pub(crate) fn with_collection(storage: &Storage) {
    let mut batch = Batch::new();
    batch.put_collection(C, b"settings");
    storage.commit(batch).unwrap();
}

pub(crate) fn record(row: u64, length: usize) -> Vec<u8> {
    (0..length).map(|i| (row as usize).wrapping_mul(31).wrapping_add(i * 7) as u8).collect()
}

pub(crate) fn everything(storage: &Storage) -> Vec<(u64, Vec<u8>)> {
    storage.records(C, 0..u64::MAX).map(Result::unwrap).collect()
}

/// Vectors of two spaces, which leave records alone and are left alone by them.
fn vectors(storage: &Storage) {
    let before = everything(storage);
    let mut batch = Batch::new();
    for (row, length) in [(0, 16), (7, 61_441), (8, 100), (9, 4), (LAST_ROW, 3)] {
        batch.put_vector(C, SPACE, row, record(row, length));
        batch.put_vector(C, SpaceId(2), row, record(row + 1, 8));
    }
    storage.commit(batch).unwrap();
    let mut batch = Batch::new();
    batch.delete_vectors(C, SPACE, 8..9);
    storage.commit(batch).unwrap();
    assert!(storage.remove_vectors(C, SPACE, &[9, 1 << 40], || false).unwrap());
    assert!(!storage.remove_vectors(C, SPACE, &[0], || true).unwrap());
    let rows: Vec<u64> = storage.vectors(C, SPACE, 0..u64::MAX).map(|vector| vector.unwrap().0).collect();
    assert_eq!(rows, [0, 7, LAST_ROW]);
    assert_eq!(storage.vectors(C, SpaceId(2), 0..u64::MAX).count(), 5);
    assert_eq!(storage.vector(C, SPACE, 7).unwrap().unwrap(), record(7, 61_441));
    assert_eq!(storage.vectors_of(C, SPACE, &[8, 7]).unwrap(), [None, Some(record(7, 61_441))]);
    assert_eq!(everything(storage), before);
    let mut batch = Batch::new();
    batch.put_vector(C, SPACE, u64::MAX, b"reserved");
    assert!(matches!(storage.commit(batch), Err(Error::Reserved { .. })));
}

fn surface(storage: &Storage) {
    assert!(storage.collections().unwrap().is_empty());
    assert_eq!(storage.next_collection().unwrap(), C);
    with_collection(storage);
    assert_eq!(storage.collections().unwrap(), [(C, b"settings".to_vec())]);
    assert_eq!(storage.last_record(C).unwrap(), None);
    let mut batch = Batch::new();
    for (row, length) in [(0, 0), (1, 600), (2, 61_440), (3, 61_441), (4, 200_000), (LAST_ROW, 3)] {
        batch.put_record(C, row, record(row, length));
    }
    batch.put_tombstones(C, &[5, 6]);
    batch.put_tombstones(C, &[7]);
    let manifest = Manifest { next_row: 9, training: 3, ..Manifest::default() };
    batch.put_manifest(C, &manifest);
    let sequence = storage.commit(batch).unwrap();
    assert_eq!(storage.durable(), sequence);
    assert_eq!(storage.record(C, 4).unwrap().unwrap(), record(4, 200_000));
    assert_eq!(storage.record(C, 5).unwrap(), None);
    assert_eq!(storage.vectors(C, SPACE, 0..u64::MAX).count(), 0);
    assert_eq!(storage.last_record(C).unwrap(), Some(LAST_ROW));
    let rows: Vec<u64> = everything(storage).into_iter().map(|(row, _)| row).collect();
    assert_eq!(rows, [0, 1, 2, 3, 4, LAST_ROW]);
    assert_eq!(storage.records(C, 1..4).count(), 3);
    assert_eq!(storage.manifest(C).unwrap().unwrap(), manifest);
    assert_eq!(storage.tombstones(C).unwrap(), Tombstones { rows: vec![5, 6, 7], last: 2 });

    let mut batch = Batch::new();
    batch.delete_records(C, 2..4);
    batch.delete_record(C, 4);
    batch.put_record(C, 1, b"short now");
    batch.put_tombstones(C, &[5, 8]);
    storage.commit(batch).unwrap();
    assert_eq!(storage.last_tombstone(C), 3);
    storage.remove_tombstones(C, 1).unwrap();
    let rows: Vec<u64> = everything(storage).into_iter().map(|(row, _)| row).collect();
    assert_eq!(rows, [0, 1, LAST_ROW]);
    assert_eq!(storage.tombstones(C).unwrap(), Tombstones { rows: vec![7, 5, 8], last: 3 });

    for row in [1 << 40, 1 << 41, 1 << 42] {
        let mut batch = Batch::new();
        batch.put_record(C, row, record(row, 100_000));
        storage.commit(batch).unwrap();
    }
    assert!(!storage.remove_records(C, &[1 << 40], || true).unwrap());
    assert!(storage.remove_records(C, &[3, 1 << 40, 1 << 42], || false).unwrap());
    let rows: Vec<u64> = everything(storage).into_iter().map(|(row, _)| row).collect();
    assert_eq!(rows, [0, 1, 1 << 41, LAST_ROW]);
    assert!(storage.remove_records(C, &[1 << 41], || false).unwrap());

    vectors(storage);
    let bytes = record(1, 300_000);
    let meta = storage.write_blob(C, 4, 2, &bytes).unwrap();
    let empty = storage.write_blob(C, 4, 3, &[]).unwrap();
    storage.flush_blobs().unwrap();
    assert_eq!(storage.read_blob(C, &meta).unwrap(), bytes);
    assert!(storage.read_blob(C, &empty).unwrap().is_empty());
    let wrong = BlobMeta { crc: meta.crc ^ 1, ..meta };
    assert!(matches!(storage.read_blob(C, &wrong), Err(Error::Corrupt { .. })));
    let longer = BlobMeta { bytes: meta.bytes + 100_000, ..meta };
    assert!(storage.read_blob(C, &longer).unwrap_err().is_damage());
    storage.delete_blob(C, 4).unwrap();
    assert!(matches!(storage.read_blob(C, &meta), Err(Error::Absent { .. })));
    assert!(matches!(storage.read_blob(C, &empty), Err(Error::Absent { .. })));
}

#[test]
fn the_surface_in_memory() {
    surface(&Storage::in_memory());
}

#[test]
fn the_surface_on_disk_and_after_opening_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/er/db");
    let storage = Storage::open(&path, &create()).unwrap();
    surface(&storage);
    let (records, tombstones) = (everything(&storage), storage.tombstones(C).unwrap());
    let sequence = storage.durable();
    storage.close().unwrap();
    let storage = Storage::open(&path, &never()).unwrap();
    assert_eq!(everything(&storage), records);
    assert_eq!(storage.tombstones(C).unwrap(), tombstones);
    assert_eq!(storage.durable(), sequence);
    assert!(storage.disk_bytes().unwrap() > 0);
}

#[test]
fn changes_that_cannot_be_are_refused_and_change_nothing() {
    let storage = Storage::in_memory();
    let mut batch = Batch::new();
    batch.put_record(C, 0, b"no collection yet");
    assert!(matches!(storage.commit(batch), Err(Error::UnknownCollection { id: 1 })));
    with_collection(&storage);
    let mut batch = Batch::new();
    batch.put_record(C, 0, b"fine");
    batch.put_record(C, u64::MAX, b"reserved");
    assert!(matches!(storage.commit(batch), Err(Error::Reserved { .. })));
    assert_eq!(storage.record(C, 0).unwrap(), None);
    let mut batch = Batch::new();
    batch.put_collection(CollectionId(2), &vec![0; 70_000]);
    assert!(matches!(storage.commit(batch), Err(Error::TooLarge { .. })));
    assert_eq!(storage.poisoned(), None);
}

#[test]
fn dropped_collections_are_gone_and_their_numbers_stay_used() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), &create()).unwrap();
    with_collection(&storage);
    let mut batch = Batch::new();
    for row in 0..5000 {
        batch.put_record(C, row, record(row, 40));
        batch.put_vector(C, SpaceId(row as u32 % 2), row, record(row, 40));
    }
    batch.put_tombstones(C, &[1]);
    storage.commit(batch).unwrap();
    storage.write_blob(C, 1, 0, &record(1, 200_000)).unwrap();
    storage.flush_blobs().unwrap();
    let mut batch = Batch::new();
    batch.drop_collection(C);
    storage.commit(batch).unwrap();
    assert!(storage.collections().unwrap().is_empty());
    assert_eq!(storage.next_collection().unwrap(), CollectionId(2));
    storage.close().unwrap();
    let storage = Storage::open(directory.path(), &never()).unwrap();
    assert_eq!(storage.swept(), Swept { blobs: 1, chunks: 4, records: 10_001 });
    assert!(everything(&storage).is_empty());
    assert_eq!(storage.vectors(C, SPACE, 0..u64::MAX).count(), 0);
    assert_eq!(storage.next_collection().unwrap(), CollectionId(2));
}

#[test]
fn blobs_written_for_a_dropped_collection_go_with_it() {
    let storage = Storage::in_memory();
    with_collection(&storage);
    storage.write_blob(C, 1, 0, &record(1, 100_000)).unwrap();
    assert_eq!(storage.sweep(C, &[]).unwrap(), 0, "a manifest may still name it");
    let mut batch = Batch::new();
    batch.drop_collection(C);
    storage.commit(batch).unwrap();
    assert_eq!(storage.sweep(C, &[]).unwrap(), 1);
    assert!(everything(&storage).is_empty());
}

#[test]
fn orphans_are_swept_on_open_and_what_is_named_stays() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), &create()).unwrap();
    with_collection(&storage);
    let live = storage.write_blob(C, 1, 0, &record(1, 100_000)).unwrap();
    storage.write_blob(C, 2, 0, &record(2, 100_000)).unwrap();
    storage.write_blob(CollectionId(9), 2, 7, &record(2, 10)).unwrap();
    // Young blobs are left alone by a sweep while they may still be named.
    assert_eq!(storage.sweep(C, &[1]).unwrap(), 0);
    storage.flush_blobs().unwrap();
    let mut batch = Batch::new();
    let segment = SegmentMeta { blob: 1, parts: vec![live], ..SegmentMeta::default() };
    batch.put_manifest(C, &Manifest { segments: vec![segment], ..Manifest::default() });
    storage.commit(batch).unwrap();
    storage.close().unwrap();
    let storage = Storage::open(directory.path(), &never()).unwrap();
    assert_eq!(storage.swept(), Swept { blobs: 2, chunks: 3, records: 0 });
    assert_eq!(storage.read_blob(C, &live).unwrap(), record(1, 100_000));
    drop(storage);
    assert_eq!(Storage::open(directory.path(), &never()).unwrap().swept(), Swept::default());
}

#[test]
fn opening_says_what_is_wrong_with_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    assert!(matches!(Storage::open(&at("nothing"), &never()), Err(Error::Missing { .. })));
    std::fs::write(at("file"), "x").unwrap();
    assert!(matches!(Storage::open(&at("file"), &create()), Err(Error::NotADatabase { .. })));
    std::fs::create_dir(at("other")).unwrap();
    assert!(matches!(Storage::open(&at("other"), &never()), Err(Error::NotADatabase { .. })));
    std::fs::write(at("other/letter.txt"), "x").unwrap();
    assert!(matches!(Storage::open(&at("other"), &create()), Err(Error::NotADatabase { .. })));
    assert!(at("other/letter.txt").exists());
    let storage = Storage::open(&at("db"), &create()).unwrap();
    let error = Storage::open(&at("db"), &create()).err().unwrap();
    assert!(matches!(&error, Error::InUse { holder, .. } if *holder == Some(std::process::id())), "{error}");
    assert!(error.to_string().contains("db: in use by process"), "{error}");
    with_collection(&storage);
    storage.close().unwrap();
    let new = OpenOptions { create: Create::New, ..create() };
    assert!(matches!(Storage::open(&at("db"), &new), Err(Error::Exists { .. })));
    // A creation that was cut short is taken up again.
    std::fs::create_dir(at("cut")).unwrap();
    marker::Marker { ready: false, identity: [1; 16], sequence: 0 }.write(&at("cut")).unwrap();
    assert!(matches!(Storage::open(&at("cut"), &never()), Err(Error::Unfinished { .. })));
    with_collection(&Storage::open(&at("cut"), &new).unwrap());
    assert_eq!(Storage::open(&at("cut"), &never()).unwrap().collections().unwrap().len(), 1);
}

#[test]
fn a_store_that_comes_up_empty_or_behind_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let storage = Storage::open(&at("db"), &create()).unwrap();
    with_collection(&storage);
    storage.close().unwrap();
    // Without a child process: it would hold the locks of databases that other tests have open, until it is `cp`.
    fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let (from, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
            if from.is_dir() {
                copy_tree(&from, &to);
            } else {
                std::fs::copy(from, to).unwrap();
            }
        }
    }
    let copy = |from: &str, to: &str| copy_tree(&at(from), &at(to));
    copy("db", "old");
    let storage = Storage::open(&at("db"), &never()).unwrap();
    let mut batch = Batch::new();
    batch.put_record(C, 0, b"later");
    storage.commit(batch).unwrap();
    storage.close().unwrap();
    // The store of before under the marker of now.
    copy("db", "behind");
    std::fs::remove_dir_all(at("behind/records")).unwrap();
    copy("old/records", "behind/records");
    let error = Storage::open(&at("behind"), &never()).err().unwrap();
    assert!(matches!(error, Error::Behind { expected: 2, found: 1, .. }), "{error}");
    // The same found by the progress file alone, as after a crash.
    std::fs::copy(at("old/TORRE"), at("behind/TORRE")).unwrap();
    let error = Storage::open(&at("behind"), &never()).err().unwrap();
    assert!(matches!(error, Error::Behind { expected: 2, found: 1, .. }), "{error}");
    for store in ["records", "blobs"] {
        copy("db", "empty");
        std::fs::remove_dir_all(at("empty").join(store).join("metadata")).unwrap();
        let error = Storage::open(&at("empty"), &never()).err().unwrap();
        assert!(error.is_damage() && error.to_string().contains(store), "{error}");
        std::fs::remove_dir_all(at("empty").join(store)).unwrap();
        assert!(matches!(Storage::open(&at("empty"), &create()), Err(Error::Absent { .. })));
        std::fs::remove_dir_all(at("empty")).unwrap();
    }
    copy("db", "headless");
    std::fs::remove_file(at("headless/TORRE")).unwrap();
    assert!(matches!(Storage::open(&at("headless"), &create()), Err(Error::Corrupt { .. })));
}

#[test]
fn many_threads_commit_together() {
    let (storage, faults, _) = faulty();
    with_collection(&storage);
    let flushes = faults.calls(Call::Flush);
    // Slow flushes, so that commits queue up behind the first.
    faults.fail_from(Call::Flush, 1, Failure::Slow(Duration::from_millis(5)));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let storage = storage.clone();
            scope.spawn(move || {
                for i in 0..20 {
                    let row = thread * 100 + i;
                    let mut batch = Batch::new();
                    batch.put_record(C, row, record(row, 30));
                    let sequence = storage.commit(batch).unwrap();
                    assert!(storage.durable() >= sequence);
                }
            });
        }
    });
    assert_eq!(everything(&storage).len(), 160);
    assert_eq!(storage.durable(), 161);
    let flushes = faults.calls(Call::Flush) - flushes;
    assert!(flushes < 120, "{flushes} flushes for 160 commits are no groups");
}

#[test]
fn batched_durability_flushes_by_itself() {
    let (storage, _, durable) = faulty();
    with_collection(&storage);
    storage.set_durability(Durability::Batched(Duration::from_millis(10)));
    let mut batch = Batch::new();
    batch.put_record(C, 0, b"soon");
    let sequence = storage.commit(batch).unwrap();
    for _ in 0..1000 {
        if storage.durable() >= sequence {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((storage.durable(), durable.0.unflushed()), (sequence, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Put(u64, usize),
    PutVector(u64, usize),
    Delete(u64),
    DeleteRange(u64, u64),
    Bury(Vec<u64>),
    Compact(Vec<u64>),
    Remove(Vec<u64>),
    Blob(u64, u16, usize),
    DeleteBlob(u64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![4 => 0usize..700, 1 => 61_435usize..61_450, 1 => 120_000usize..130_000];
    prop_oneof![
        8 => (0u64..200, length).prop_map(|(row, length)| Step::Put(row, length)),
        6 => (0u64..200, 0usize..2000).prop_map(|(row, length)| Step::PutVector(row, length)),
        3 => (0u64..200).prop_map(Step::Delete),
        1 => (0u64..200, 0u64..60).prop_map(|(a, n)| Step::DeleteRange(a, a + n)),
        2 => proptest::collection::vec(0u64..200, 1..5).prop_map(Step::Bury),
        1 => proptest::collection::vec(0u64..200, 0..5).prop_map(Step::Compact),
        1 => proptest::collection::vec(0u64..200, 0..90).prop_map(Step::Remove),
        1 => (0u64..4, 0u16..300, 0usize..200_000).prop_map(|(b, p, n)| Step::Blob(b, p, n)),
        1 => (0u64..4).prop_map(Step::DeleteBlob),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn sled_and_memory_agree(batches in proptest::collection::vec(proptest::collection::vec(step(), 1..12), 1..25)) {
        let directory = tempfile::tempdir().unwrap();
        let memory = Storage::in_memory();
        let mut disk = Storage::open(directory.path(), &create()).unwrap();
        with_collection(&memory);
        with_collection(&disk);
        let mut blobs: BTreeMap<(u64, u16), BlobMeta> = BTreeMap::new();
        let mut written: BTreeMap<u64, u32> = BTreeMap::new();
        for steps in batches {
            let mut batch = Batch::new();
            for step in &steps {
                match step {
                    Step::Put(row, length) => {
                        *written.entry(*row).or_insert(0) += 1;
                        batch.put_record(C, *row, record(*row + *length as u64, *length));
                    }
                    Step::PutVector(row, length) => batch.put_vector(C, SPACE, *row, record(*row + *length as u64, *length)),
                    Step::Delete(row) => batch.delete_record(C, *row),
                    Step::DeleteRange(from, to) => batch.delete_records(C, *from..*to),
                    Step::Bury(rows) => batch.put_tombstones(C, rows),
                    Step::Compact(rows) => batch.put_tombstones(C, rows),
                    Step::Blob(blob, part, length) => {
                        // A number is used once; here the old one goes first.
                        for storage in [&memory, &disk] {
                            storage.delete_blob(C, *blob).unwrap();
                        }
                        blobs.retain(|(b, _), _| b != blob);
                        let bytes = record(*blob, *length);
                        let meta = memory.write_blob(C, *blob, *part, &bytes).unwrap();
                        prop_assert_eq!(disk.write_blob(C, *blob, *part, &bytes).unwrap(), meta);
                        blobs.insert((*blob, *part), meta);
                    }
                    Step::DeleteBlob(blob) => {
                        for storage in [&memory, &disk] {
                            storage.delete_blob(C, *blob).unwrap();
                        }
                        blobs.retain(|(b, _), _| b != blob);
                    }
                    Step::Remove(_) | Step::Reopen => {}
                }
            }
            let segments = blobs.iter().map(|(key, meta)| SegmentMeta { blob: key.0, parts: vec![*meta], ..SegmentMeta::default() });
            batch.put_manifest(C, &Manifest { segments: segments.collect(), ..Manifest::default() });
            disk.flush_blobs().unwrap();
            prop_assert_eq!(memory.commit(batch.clone()).unwrap(), disk.commit(batch).unwrap());
            for step in &steps {
                for storage in [&memory, &disk] {
                    match step {
                        Step::Compact(_) => storage.remove_tombstones(C, storage.last_tombstone(C).saturating_sub(1)).unwrap(),
                        // Only rows that were written once: a shorter record leaves pieces of a longer one before.
                        Step::Remove(rows) => {
                            let once: Vec<u64> = rows.iter().copied().filter(|row| written.get(row).is_none_or(|times| *times == 1)).collect();
                            assert!(storage.remove_records(C, &once, || false).unwrap());
                            assert!(storage.remove_vectors(C, SPACE, rows, || false).unwrap());
                        }
                        _ => {}
                    }
                }
            }
            if steps.iter().any(|step| matches!(step, Step::Reopen)) {
                disk.close().unwrap();
                disk = Storage::open(directory.path(), &never()).unwrap();
                prop_assert_eq!(disk.swept(), Swept::default());
            }
            prop_assert_eq!(everything(&memory), everything(&disk));
            let vectors = |storage: &Storage| storage.vectors(C, SPACE, 0..u64::MAX).map(Result::unwrap).collect::<Vec<_>>();
            prop_assert_eq!(vectors(&memory), vectors(&disk));
            prop_assert_eq!(memory.tombstones(C).unwrap(), disk.tombstones(C).unwrap());
            prop_assert_eq!(memory.last_record(C).unwrap(), disk.last_record(C).unwrap());
            prop_assert_eq!(memory.manifest(C).unwrap(), disk.manifest(C).unwrap());
            for row in [0, 7, 199] {
                prop_assert_eq!(memory.record(C, row).unwrap(), disk.record(C, row).unwrap());
            }
            for meta in blobs.values() {
                prop_assert_eq!(memory.read_blob(C, meta).unwrap(), disk.read_blob(C, meta).unwrap());
            }
        }
    }
}
