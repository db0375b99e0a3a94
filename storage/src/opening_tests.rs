//! Crashes and damage around the opening of the stores, on sled's own files.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::*;

const C: CollectionId = CollectionId(1);
const STORES: [&str; 2] = ["records", "blobs"];

fn open(path: &Path) -> Result<Storage> {
    Storage::open(path, &OpenOptions { create: Create::IfMissing, timeout: Duration::from_secs(120), ..OpenOptions::default() })
}

/// A database with some records and a blob, opened and closed a few times.
fn make(path: &Path) -> BlobMeta {
    let blob = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<u8>>();
    let storage = open(path).unwrap();
    let meta = storage.write_blob(C, 1, 0, &blob).unwrap();
    storage.flush_blobs().unwrap();
    let mut batch = Batch::new();
    batch.put_collection(C, b"settings");
    let segment = SegmentMeta { blob: 1, parts: vec![meta], ..SegmentMeta::default() };
    batch.put_manifest(C, &Manifest { segments: vec![segment], ..Manifest::default() });
    storage.commit(batch).unwrap();
    storage.close().unwrap();
    for row in 0..200 {
        let storage = (row % 70 == 0).then(|| open(path).unwrap());
        if let Some(storage) = storage {
            let mut batch = Batch::new();
            (row..row + 70).for_each(|row| batch.put_record(C, row, row.to_le_bytes().repeat(20)));
            storage.commit(batch).unwrap();
            storage.close().unwrap();
        }
    }
    meta
}

fn check(storage: &Storage, meta: &BlobMeta) {
    assert_eq!(storage.records(C, 0..u64::MAX).map(Result::unwrap).count(), 210);
    assert_eq!(storage.read_blob(C, meta).unwrap().len(), 200_000);
    let checked = storage.check(|_| true);
    assert!(checked.complete && checked.damage.is_empty(), "{:?}", checked.damage);
}

/// Snapshots and logs of a store's metadata, in this order, by number.
fn metadata(store: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut all: Vec<PathBuf> = fs::read_dir(store.join("metadata")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    let of = |prefix: &str| all.iter().filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix)).cloned().collect();
    (of("snapshot_"), of("log_"))
}

fn keep(path: &Path) -> (PathBuf, Vec<u8>) {
    (path.to_owned(), fs::read(path).unwrap())
}

#[test]
fn a_crash_while_the_stores_open_loses_nothing_however_often_they_are_opened() {
    // What stays of the old state is a matter of the moment: nothing, the old snapshot, the logs, both.
    for (old_snapshot, old_logs) in [(false, false), (true, false), (false, true), (true, true)] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let meta = make(&path);
        let before: Vec<_> = STORES
            .iter()
            .flat_map(|store| {
                let (snapshots, logs) = metadata(&path.join(store));
                let snapshots = snapshots.iter().filter(|_| old_snapshot).map(|path| keep(path)).collect::<Vec<_>>();
                snapshots.into_iter().chain(logs.iter().filter(|_| old_logs).map(|path| keep(path))).collect::<Vec<_>>()
            })
            .collect();
        open(&path).unwrap().close().unwrap();
        for store in STORES {
            let (snapshots, logs) = metadata(&path.join(store));
            assert_eq!((snapshots.len(), logs.len()), (1, 1));
            assert_eq!(fs::metadata(&logs[0]).unwrap().len(), 0, "nothing was written");
            // The new log is not there yet.
            fs::remove_file(&logs[0]).unwrap();
        }
        for (path, bytes) in before {
            fs::write(path, bytes).unwrap();
        }
        for _ in 0..3 {
            let storage = open(&path).unwrap_or_else(|error| panic!("old snapshot {old_snapshot}, old logs {old_logs}: {error}"));
            check(&storage, &meta);
            storage.close().unwrap();
        }
        let mut batch = Batch::new();
        batch.put_record(C, 500, b"later");
        let storage = open(&path).unwrap();
        storage.commit(batch).unwrap();
        storage.close().unwrap();
        assert_eq!(open(&path).unwrap().record(C, 500).unwrap().as_deref(), Some(&b"later"[..]));
    }
}

#[test]
fn a_slab_that_is_cut_short_is_damaged_where_it_ends() {
    for store in STORES {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let meta = make(&path);
        let slabs = fs::read_dir(path.join(store).join("slabs")).unwrap().map(|entry| entry.unwrap().path());
        let slab = slabs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
        let (whole, slot) = (fs::read(&slab).unwrap(), slab.file_name().unwrap().to_str().unwrap().parse::<usize>().unwrap());
        fs::write(&slab, &whole[..whole.len() - slot]).unwrap();
        match open(&path) {
            Err(error) => assert!(error.is_damage(), "{error}"),
            Ok(storage) => {
                let damaged = storage.records(C, 0..u64::MAX).any(|record| record.is_err()) || storage.read_blob(C, &meta).is_err();
                assert!(damaged, "{}", slab.display());
            }
        }
        // Filled up, so that nothing is read behind its end; what was there is still there.
        let after = fs::read(&slab).unwrap();
        assert!(after.len() >= whole.len() && after[..whole.len() - slot] == whole[..whole.len() - slot]);
    }
}

#[test]
fn a_lock_that_a_child_process_keeps_for_a_moment_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    make(&path);
    let held = crate::lock::Lock::take(&path).unwrap();
    let store = fs::File::open(path.join("records/metadata")).unwrap();
    store.try_lock().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(held);
            std::thread::sleep(Duration::from_millis(100));
            drop(store);
        });
        open(&path).unwrap().close().unwrap();
    });
    let _held = crate::lock::Lock::take(&path).unwrap();
    assert!(matches!(open(&path), Err(Error::InUse { holder: Some(pid), .. }) if pid == std::process::id()));
}
