#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::leaves::{Leaf, parse, unpack};
use super::*;
use crate::{Batch, BlobMeta, CollectionId, Create, Manifest, OpenOptions, SegmentMeta};

const C: CollectionId = CollectionId(1);
const ROWS: u64 = 1500;

fn record(row: u64) -> Vec<u8> {
    let length = if row.is_multiple_of(400) { 130_000 } else { 20 + row as usize % 300 };
    (0..length as u64).map(|i| ((row + 3).wrapping_mul(i * i + 77) >> 5) as u8).collect()
}

fn blob() -> Vec<u8> {
    (0..400_000u64).map(|i| ((i * i * 31) >> 7) as u8).collect()
}

/// Three commits, some deletions, a blob; closed.
fn make(path: &Path) -> BlobMeta {
    let storage = Storage::open(path, &OpenOptions { create: Create::New, ..OpenOptions::default() }).unwrap();
    let meta = storage.write_blob(C, 3, 1, &blob()).unwrap();
    for third in 0..3 {
        let mut batch = Batch::new();
        batch.put_collection(C, b"settings");
        for row in third * ROWS / 3..(third + 1) * ROWS / 3 {
            batch.put_record(C, row, record(row));
        }
        batch.delete_record(C, third * 10);
        batch.put_tombstones(C, &[third * 10]);
        let segment = SegmentMeta { blob: 3, parts: vec![meta], ..SegmentMeta::default() };
        batch.put_manifest(C, &Manifest { next_row: third, segments: vec![segment], ..Manifest::default() });
        storage.commit(batch).unwrap();
    }
    storage.close().unwrap();
    meta
}

#[test]
fn a_store_that_is_being_made_is_not_damaged_however_long_it_takes() {
    let directory = tempfile::tempdir().unwrap();
    assert!(diagnose(&directory.path().join("records")).is_none());
    fs::create_dir_all(directory.path().join("records/metadata")).unwrap();
    assert!(diagnose(&directory.path().join("records")).is_none());
    make(&directory.path().join("db"));
    let store = directory.path().join("db/records");
    assert!(diagnose(&store).is_none());
    let slab = largest(&store);
    fs::write(&slab, vec![0; fs::metadata(&slab).unwrap().len() as usize]).unwrap();
    assert!(diagnose(&store).is_some_and(|error| error.is_damage()));
}

#[test]
fn a_list_of_leaves_without_its_snapshot_or_of_an_older_state_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    make(&path);
    let metadata = || -> Vec<PathBuf> {
        let all = fs::read_dir(path.join("records/metadata")).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| fs::metadata(path).unwrap().len() > 0).collect()
    };
    let older: Vec<(PathBuf, Vec<u8>)> = metadata().into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    // Only the last log is empty: nothing was written behind the snapshot that is there after another opening.
    let storage = Storage::open(&path, &OpenOptions::default()).unwrap();
    let mut batch = Batch::new();
    batch.put_record(C, ROWS, b"one more");
    storage.commit(batch).unwrap();
    storage.close().unwrap();
    let kept: Vec<(PathBuf, Vec<u8>)> = metadata().into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let snapshot = kept.iter().find(|(path, _)| path.to_string_lossy().contains("snapshot_")).unwrap();
    fs::remove_file(&snapshot.0).unwrap();
    let (storage, damages) = Storage::salvage(&path).unwrap();
    assert!(damages.iter().any(|damage| damage.to_string().contains("snapshot")), "{damages:?}");
    assert_eq!(storage.readable_collections().0.len(), 1);
    assert!(storage.record(C, ROWS).unwrap().is_some());
    drop(storage);
    for (path, _) in &kept {
        let _ = fs::remove_file(path);
    }
    for (path, bytes) in &older {
        fs::write(path, bytes).unwrap();
    }
    let (_storage, damages) = Storage::salvage(&path).unwrap();
    assert!(damages.iter().any(|damage| matches!(damage, Error::Behind { .. })), "{damages:?}");
}

/// The largest slab of a store.
fn largest(store: &Path) -> PathBuf {
    let files = fs::read_dir(store.join("slabs")).unwrap().map(|entry| entry.unwrap().path());
    files.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

#[test]
fn a_whole_database_verifies_and_reads_the_same_without_its_store() {
    let directory = tempfile::tempdir().unwrap();
    let meta = make(directory.path());
    let report = verify(directory.path()).unwrap();
    assert!(report.damages.is_empty(), "{:?}", report.damages);
    assert_eq!((report.collections, report.records, report.parts, report.sequence), (1, ROWS - 3, 1, 3));
    let (raw, damages) = Storage::salvage(directory.path()).unwrap();
    assert!(damages.is_empty());
    assert!(matches!(Storage::open(directory.path(), &OpenOptions::default()), Err(Error::BeingRead { .. })));
    let all: Vec<(u64, Vec<u8>)> = raw.records(C, 0..u64::MAX).map(Result::unwrap).collect();
    assert!(matches!(
        raw.commit({
            let mut b = Batch::new();
            b.put_record(C, 1, b"x");
            b
        }),
        Err(Error::Poisoned { .. })
    ));
    let (tombstones, manifest, last) = (raw.tombstones(C).unwrap(), raw.manifest(C).unwrap(), raw.last_record(C).unwrap());
    assert_eq!(raw.read_blob(C, &meta).unwrap(), blob());
    raw.close().unwrap();
    let storage = Storage::open(directory.path(), &OpenOptions::default()).unwrap();
    assert_eq!(storage.records(C, 0..u64::MAX).map(Result::unwrap).collect::<Vec<_>>(), all);
    assert_eq!((storage.tombstones(C).unwrap(), storage.manifest(C).unwrap()), (tombstones, manifest));
    assert_eq!(storage.last_record(C).unwrap(), last);
}

#[test]
fn a_damaged_leaf_costs_its_own_records_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    make(directory.path());
    let slab = largest(&directory.path().join("records"));
    let mut bytes = fs::read(&slab).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&slab, bytes).unwrap();
    let report = verify(directory.path()).unwrap();
    assert!(!report.damages.is_empty() && report.damages.iter().all(|damage| damage.to_string().contains("of collection 1")), "{report:?}");
    let (raw, _) = Storage::salvage(directory.path()).unwrap();
    let (mut found, mut errors) = (0, 0);
    for result in raw.records(C, 0..u64::MAX) {
        match result {
            Ok((row, bytes)) => {
                assert_eq!(bytes, record(row));
                found += 1;
            }
            Err(_) => errors += 1,
        }
    }
    assert!(errors >= 1);
    assert_eq!(found, report.records);
    assert!((ROWS - 3 - 64..ROWS - 3).contains(&found), "{found} of {ROWS}");
}

#[test]
fn records_are_found_without_the_list_of_leaves() {
    let directory = tempfile::tempdir().unwrap();
    let meta = make(directory.path());
    for store in ["records", "blobs"] {
        fs::remove_dir_all(directory.path().join(store).join("metadata")).unwrap();
    }
    let (raw, damages) = Storage::salvage(directory.path()).unwrap();
    assert_eq!(damages.len(), 2);
    let found: Vec<u64> = raw.records(C, 0..u64::MAX).map(|record| record.unwrap().0).collect();
    // Deleted ones may be among them: their tombstones say so.
    let gone = raw.tombstones(C).unwrap().rows;
    assert_eq!(found.iter().filter(|row| !gone.contains(row)).count() as u64, ROWS - 3);
    assert_eq!(raw.collections().unwrap(), [(C, b"settings".to_vec())]);
    assert_eq!(raw.read_blob(C, &meta).unwrap(), blob());
}

/// A leaf's bytes before they are compressed, without a prefix.
fn pack(leaf: &Leaf) -> Vec<u8> {
    let with_length = |bytes: &[u8]| [&(bytes.len() as u64).to_le_bytes(), bytes].concat();
    let hi = leaf.hi.as_ref().map_or(vec![0], |hi| [vec![1], with_length(hi)].concat());
    let counts = [0, leaf.entries.len() as u64].map(u64::to_le_bytes).concat();
    let entries = leaf.entries.iter().flat_map(|(key, value)| [with_length(key), with_length(value)].concat()).collect();
    [with_length(&leaf.lo), hi, counts, entries, vec![0; 16]].concat()
}

proptest! {
    #[test]
    fn arbitrary_slots_are_refused(mut slot in proptest::collection::vec(any::<u8>(), 0..700), sum in any::<bool>()) {
        if sum && slot.len() > 4 {
            let at = slot.len() - 4;
            let crc = (crc32fast::hash(&slot[..at]) ^ 0xAF).to_le_bytes();
            slot[at..].copy_from_slice(&crc);
        }
        prop_assert!(unpack(&slot).is_err());
    }

    #[test]
    fn a_changed_byte_of_a_leaf_is_refused_or_another_leaf_that_comes_back(
        keys in proptest::collection::vec("[a-c]{0,3}", 1..5), at in any::<proptest::sample::Index>(), byte in any::<u8>()
    ) {
        let entries = keys.iter().map(|key| (key.clone().into_bytes(), vec![7; key.len()])).collect();
        let leaf = Leaf { lo: b"a".to_vec(), hi: Some(b"d".to_vec()), entries };
        let mut bytes = pack(&leaf);
        prop_assert_eq!(parse(&bytes), Some(leaf));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(leaf) = parse(&bytes) {
            prop_assert_eq!(parse(&pack(&leaf)), Some(leaf));
        }
        bytes.truncate(at);
        prop_assert_eq!(parse(&bytes), None);
    }

    #[test]
    fn arbitrary_lists_of_leaves_are_an_error_or_a_list(snapshot in proptest::collection::vec(any::<u8>(), 0..200)) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("metadata")).unwrap();
        fs::write(directory.path().join("metadata/snapshot_0000000000000001"), &snapshot).unwrap();
        fs::write(directory.path().join("metadata/log_0000000000000002"), &snapshot).unwrap();
        prop_assert!(index::read(directory.path()).is_err());
    }
}
