//! Opening for reading only: sees what a writing handle would, writes nothing, and takes no damage for nothing.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use crate::*;

const C: CollectionId = CollectionId(1);
const SPACE: SpaceId = SpaceId(1);
const D: CollectionId = CollectionId(2);

fn open(path: &Path) -> Result<Storage> {
    Storage::open(path, &OpenOptions { create: Create::IfMissing, timeout: Duration::from_secs(120), ..OpenOptions::default() })
}

fn read(path: &Path) -> Result<Storage> {
    // A cache that some leaves do not fit into.
    Storage::open_read_only(path, &OpenOptions { cache_bytes: 64 << 10, ..OpenOptions::default() })
}

fn bytes(seed: u64, length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| ((seed + 3).wrapping_mul(i * i + 77) >> 5) as u8).collect()
}

/// All files below, with what tells whether they were touched.
fn files(path: &Path) -> Files {
    let mut all = BTreeMap::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let about = fs::metadata(&folder).unwrap();
        all.insert(folder.clone(), (0, about.modified().unwrap(), None));
        for entry in fs::read_dir(&folder).unwrap() {
            let (path, about) = entry.map(|entry| (entry.path(), entry.metadata().unwrap())).unwrap();
            if about.is_dir() {
                folders.push(path);
            } else {
                all.insert(path.clone(), (about.len(), about.modified().unwrap(), Some(fs::read(&path).unwrap())));
            }
        }
    }
    all
}

type Files = BTreeMap<PathBuf, (u64, SystemTime, Option<Vec<u8>>)>;

fn assert_same(path: &Path, before: &Files) {
    let after = files(path);
    let changed: Vec<_> = before.iter().filter(|(path, file)| after.get(*path) != Some(file)).map(|(path, _)| path).collect();
    let new: Vec<_> = after.keys().filter(|path| !before.contains_key(*path)).collect();
    assert!(changed.is_empty() && new.is_empty(), "written: {changed:?}, new: {new:?}");
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Copies the files as a kill leaves them: all as they are at one moment. The flushing thread, and iterators that end, write at any other.
fn killed(storage: &Storage, from: &Path, to: &Path) {
    let _flusher = storage.inner.writer.lock();
    // What was handed to the stores' threads before is done before this comes back.
    storage.inner.records.apply(Vec::new()).unwrap();
    storage.inner.blobs.apply(Vec::new()).unwrap();
    copy(from, to);
}

/// Everything that can be read, in words; errors end it.
fn contents(storage: &Storage) -> Result<Vec<String>> {
    let mut all = vec![format!("{:?} {}", storage.collections_ever()?, storage.durable())];
    for (c, _) in storage.collections()? {
        let (manifest, tombstones) = (storage.manifest(c)?, storage.tombstones(c)?);
        all.push(format!("{c:?} {manifest:?} {tombstones:?} {} {:?}", storage.last_tombstone(c), storage.last_record(c)?));
        for record in storage.records(c, 0..u64::MAX) {
            let (row, bytes) = record?;
            assert_eq!(storage.record(c, row)?.as_ref(), Some(&bytes));
            all.push(format!("{c:?} {row} {} {:08x}", bytes.len(), crc32c::crc32c(&bytes)));
        }
        for vector in storage.vectors(c, SPACE, 0..u64::MAX) {
            let (row, bytes) = vector?;
            assert_eq!(storage.vector(c, SPACE, row)?.as_ref(), Some(&bytes));
            all.push(format!("{c:?} {row} vector {:08x}", crc32c::crc32c(&bytes)));
        }
        for meta in manifest.iter().flat_map(|manifest| &manifest.segments).flat_map(|segment| &segment.parts) {
            all.push(format!("{c:?} {meta:?} {}", storage.read_blob(c, meta)?.len()));
        }
    }
    Ok(all)
}

#[derive(Clone, Debug)]
enum Step {
    Put(u64, usize),
    Delete(u64, u64),
    Bury(Vec<u64>),
    Remove(Vec<u64>),
    Blob(u64, usize),
    DropBlob(u64),
    DropOther,
    Stray(usize),
    Reopen,
    Batched,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u64..400, 0usize..3000).prop_map(|(row, length)| Step::Put(row, length)),
        1 => (0u64..400).prop_map(|row| Step::Put(row, 130_000)),
        2 => (0u64..400, 0u64..200).prop_map(|(a, n)| Step::Delete(a, a + n)),
        1 => proptest::collection::vec(0u64..400, 1..5).prop_map(Step::Bury),
        1 => proptest::collection::vec(0u64..400, 0..90).prop_map(Step::Remove),
        2 => (0u64..4, 0usize..400_000).prop_map(|(blob, length)| Step::Blob(blob, length)),
        1 => (0u64..4).prop_map(Step::DropBlob),
        1 => Just(Step::DropOther),
        1 => (0usize..300_000).prop_map(Step::Stray),
        2 => Just(Step::Reopen),
        1 => Just(Step::Batched),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// At any moment of any history, a copy of the files is what a kill would leave.
    #[test]
    fn after_a_kill_it_is_what_a_writing_handle_sees(
        batches in proptest::collection::vec(proptest::collection::vec(step(), 1..25), 1..12)
    ) {
        let directory = tempfile::tempdir().unwrap();
        let (path, seen, written) = (directory.path().join("db"), directory.path().join("seen"), directory.path().join("written"));
        let mut storage = open(&path).unwrap();
        let mut blobs: BTreeMap<u64, BlobMeta> = BTreeMap::new();
        let mut times: BTreeMap<u64, u32> = BTreeMap::new();
        let (mut next, mut other, mut ever) = (10, false, false);
        for steps in batches {
            let mut batch = Batch::new();
            batch.put_collection(C, b"settings");
            for step in &steps {
                match step {
                    Step::Put(row, length) => {
                        *times.entry(*row).or_insert(0) += 1;
                        batch.put_record(C, *row, bytes(*row + *length as u64, *length));
                        batch.put_vector(C, SPACE, *row, bytes(*row, 64));
                    }
                    Step::Delete(from, to) => batch.delete_records(C, *from..*to),
                    Step::Bury(rows) => batch.put_tombstones(C, rows),
                    Step::Blob(blob, length) => {
                        next += 1;
                        blobs.insert(*blob, storage.write_blob(C, next, 0, &bytes(next, *length)).unwrap());
                    }
                    Step::DropBlob(blob) => drop(blobs.remove(blob)),
                    Step::DropOther if other => {
                        batch.drop_collection(D);
                        other = false;
                    }
                    // A number is used once; only the first time is there another collection.
                    Step::DropOther if !ever => {
                        ever = true;
                        batch.put_collection(D, b"other");
                        batch.put_record(D, 1, b"a record");
                        batch.put_vector(D, SPACE, 1, b"a vector");
                        other = true;
                    }
                    Step::Stray(length) => {
                        next += 1;
                        storage.write_blob(C, next, 1, &bytes(next, *length)).unwrap();
                    }
                    _ => {}
                }
            }
            let segments = blobs.values().map(|meta| SegmentMeta { blob: meta.blob, parts: vec![*meta], ..SegmentMeta::default() });
            batch.put_manifest(C, &Manifest { segments: segments.collect(), ..Manifest::default() });
            let batched = steps.iter().any(|step| matches!(step, Step::Batched));
            storage.set_durability(if batched { Durability::Batched(Duration::from_secs(3600)) } else { Durability::Commit });
            storage.commit(batch).unwrap();
            for step in &steps {
                if let Step::Remove(rows) = step {
                    // Only rows that were written once: a shorter record leaves pieces of a longer one before.
                    let once: Vec<u64> = rows.iter().copied().filter(|row| times.get(row).is_none_or(|times| *times == 1)).collect();
                    storage.remove_records(C, &once, || false).unwrap();
                    storage.remove_vectors(C, SPACE, rows, || false).unwrap();
                }
            }
            if steps.iter().any(|step| matches!(step, Step::Reopen)) {
                storage.close().unwrap();
                storage = open(&path).unwrap();
            }
            killed(&storage, &path, &seen);
            copy(&seen, &written);
            let before = files(&seen);
            let reader = read(&seen).unwrap();
            let found = contents(&reader).unwrap();
            prop_assert!(reader.check(|_| true).damage.is_empty());
            reader.close().unwrap();
            assert_same(&seen, &before);
            let writer = open(&written).unwrap();
            prop_assert_eq!(&contents(&writer).unwrap(), &found);
            writer.close().unwrap();
            // And once more, after that one was closed.
            prop_assert_eq!(&contents(&read(&written).unwrap()).unwrap(), &found);
        }
    }
}

/// Three commits with records and blobs, killed.
fn make(path: &Path) -> Vec<String> {
    let storage = open(path).unwrap();
    for third in 0..3u64 {
        let mut batch = Batch::new();
        batch.put_collection(C, b"settings");
        (0..300).for_each(|row| batch.put_record(C, third * 300 + row, bytes(third * 300 + row, 200)));
        let meta = storage.write_blob(C, third, 0, &bytes(third, 300_000)).unwrap();
        let segment = SegmentMeta { blob: third, parts: vec![meta], ..SegmentMeta::default() };
        batch.put_manifest(C, &Manifest { segments: vec![segment], ..Manifest::default() });
        storage.commit(batch).unwrap();
    }
    let all = contents(&storage).unwrap();
    let copied = path.with_extension("killed");
    killed(&storage, path, &copied);
    storage.close().unwrap();
    fs::remove_dir_all(path).unwrap();
    fs::rename(copied, path).unwrap();
    all
}

#[test]
fn damage_is_an_error_or_makes_no_difference() {
    let directory = tempfile::tempdir().unwrap();
    let (path, hit) = (directory.path().join("db"), directory.path().join("hit"));
    let all = make(&path);
    assert_eq!(contents(&read(&path).unwrap()).unwrap(), all);
    let before: Vec<_> = files(&path).into_iter().filter_map(|(file, (length, _, whole))| Some((file, length, whole?))).collect();
    let (mut errors, mut same, mut state) = (0, 0, 7u64);
    let mut dice = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below.max(1)
    };
    copy(&path, &hit);
    for (file, length, whole) in before.iter().filter(|(_, length, _)| *length > 0) {
        let target = hit.join(file.strip_prefix(&path).unwrap());
        for kind in 0..12 {
            let mut bytes = whole.clone();
            let at = dice(*length) as usize;
            match kind {
                0 => bytes.truncate(at),
                1 => bytes.clear(),
                2 => bytes[at..].fill(0),
                // Not with records of its own: nothing tells a log that repeats them from one that was written so, for a writing handle neither.
                3 if file.components().any(|part| part.as_os_str() == "metadata") => bytes.extend((0..at).map(|_| dice(256) as u8)),
                3 => bytes.extend_from_slice(&whole[..at]),
                4 => {
                    let other = dice(*length) as usize;
                    let some = whole[other..(other + 512).min(whole.len())].to_vec();
                    let end = (at + some.len()).min(bytes.len());
                    bytes[at..end].copy_from_slice(&some[..end - at]);
                }
                5 => fs::remove_file(&target).unwrap(),
                _ => bytes[at] ^= 1 << dice(8),
            }
            if kind != 5 {
                fs::write(&target, &bytes).unwrap();
            }
            match read(&hit).and_then(|storage| contents(&storage)) {
                Ok(found) => {
                    assert_eq!(found, all, "{} {kind} at {at}", file.display());
                    same += 1;
                }
                Err(error) => {
                    assert!(error.is_damage() || matches!(error, Error::Newer { .. } | Error::Unfinished { .. }), "{error:?}");
                    errors += 1;
                }
            }
            fs::write(&target, whole).unwrap();
        }
    }
    assert!(errors > 50 && same > 10, "{errors} errors, {same} without a difference");
}

#[test]
fn a_leaf_that_is_damaged_is_named_and_everything_behind_it_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    make(&path);
    let slabs = fs::read_dir(path.join("records/slabs")).unwrap().map(|entry| entry.unwrap().path());
    for slab in slabs.filter(|slab| fs::metadata(slab).unwrap().len() > 0) {
        let mut whole = fs::read(&slab).unwrap();
        let middle = whole.len() / 2;
        whole[middle] ^= 1;
        fs::write(&slab, whole).unwrap();
    }
    if let Ok(storage) = read(&path) {
        let checked = storage.check(|_| true);
        assert!(!checked.complete && checked.damage.iter().all(Error::is_damage) && !checked.damage.is_empty(), "{checked:?}");
    }
}

#[test]
fn readers_stand_beside_each_other_and_not_beside_a_writer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let all = make(&path);
    let writer = open(&path).unwrap();
    let error = read(&path).err().unwrap();
    assert!(matches!(&error, Error::InUse { holder, .. } if *holder == Some(std::process::id())), "{error}");
    // A copy is another database.
    copy(&path, &directory.path().join("copy"));
    assert_eq!(contents(&read(&directory.path().join("copy")).unwrap()).unwrap(), all);
    writer.close().unwrap();

    let (first, second) = (read(&path).unwrap(), read(&path).unwrap());
    let error = open(&path).err().unwrap();
    assert!(matches!(&error, Error::BeingRead { .. }) && error.can_be_read(), "{error}");
    assert_eq!(verify(&path).unwrap().damages.len(), 0);
    std::thread::scope(|scope| {
        for n in 0..16 {
            let (shared, path, all) = (&first, &path, &all);
            scope.spawn(move || {
                let own = (n % 2 == 0).then(|| read(path).unwrap());
                (0..3).for_each(|_| assert_eq!(contents(own.as_ref().unwrap_or(shared)).unwrap(), *all));
            });
        }
    });
    first.close().unwrap();
    assert!(matches!(open(&path), Err(Error::BeingRead { .. })));
    drop(second);
    open(&path).unwrap().close().unwrap();
    // Also where there is no file to lock, as in a copy that left it out.
    fs::remove_file(path.join("LOCK")).unwrap();
    let reader = read(&path).unwrap();
    assert!(!path.join("LOCK").exists());
    assert!(matches!(open(&path), Err(Error::BeingRead { .. })));
    drop(reader);
    open(&path).unwrap();
}

#[test]
fn whatever_would_write_says_why_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    assert!(matches!(read(&path), Err(Error::Missing { .. })));
    assert!(!path.exists());
    make(&path);
    let before = files(&path);
    let storage = read(&path).unwrap();
    let refused = |error: Error| {
        assert!(matches!(&error, Error::ReadOnly { path: named, .. } if *named == path), "{error}");
        assert!(error.to_string().contains("opened for reading only"), "{error}");
    };
    let mut batch = Batch::new();
    batch.put_record(C, 1, b"x");
    refused(storage.commit(batch).unwrap_err());
    refused(storage.write_blob(C, 9, 0, b"x").unwrap_err());
    refused(storage.delete_blob(C, 0).unwrap_err());
    refused(storage.flush_blobs().unwrap_err());
    refused(storage.trim().unwrap_err());
    refused(storage.remove_records(C, &[1], || false).unwrap_err());
    refused(storage.remove_tombstones(C, 9).and_then(|()| storage.check_writable()).unwrap_err());
    assert!(storage.is_read_only() && storage.poisoned().is_none());
    storage.set_durability(Durability::Batched(Duration::from_millis(1)));
    std::thread::sleep(Duration::from_millis(20));
    storage.flush().unwrap();
    storage.close().unwrap();
    assert_same(&path, &before);
    // What was promised and is not there, is missed by a reader too.
    crate::marker::Marker { ready: true, sequence: 9, ..crate::marker::Marker::read(&path).unwrap().unwrap() }.write(&path).unwrap();
    assert!(matches!(read(&path), Err(Error::Behind { expected: 9, found: 3, .. })));
    fs::remove_file(path.join("TORRE")).unwrap();
    assert!(read(&path).err().unwrap().is_damage());
}
