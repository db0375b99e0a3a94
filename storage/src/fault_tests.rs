//! The whole handle under injected faults and damage.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::backend::fault::{Call, Durable, Failure, FaultBackend, Faults};
use crate::tests::{C, everything, record, with_collection};
use crate::*;

pub(crate) type Images = (Arc<Durable>, Arc<Durable>);

pub(crate) fn faulty() -> (Storage, Arc<Faults>, Images) {
    let faults = Faults::new();
    let images = (Durable::new(), Durable::new());
    (on(&faults, &images), faults, images)
}

fn on(faults: &Arc<Faults>, images: &Images) -> Storage {
    let wrap = |image: &Arc<Durable>| Box::new(FaultBackend::new(image.clone(), faults.clone()));
    Storage::with_backend(wrap(&images.0), wrap(&images.1)).unwrap()
}

/// A fixed workload; returns the model after each commit that was acknowledged, and the last one tried.
fn workload(storage: &Storage) -> (Vec<BTreeMap<u64, Vec<u8>>>, Option<Error>) {
    let mut states = vec![BTreeMap::new()];
    let mut model = BTreeMap::new();
    let mut batch = Batch::new();
    batch.put_collection(C, b"settings");
    if let Err(error) = storage.commit(batch) {
        return (states, Some(error));
    }
    for step in 0..12u64 {
        let mut batch = Batch::new();
        for row in step * 3..step * 3 + 3 {
            batch.put_record(C, row, record(row, if row % 5 == 0 { 130_000 } else { 50 }));
            model.insert(row, record(row, if row % 5 == 0 { 130_000 } else { 50 }));
        }
        if step % 3 == 2 {
            batch.delete_records(C, step..step + 2);
            model.retain(|row, _| !(step..step + 2).contains(row));
            batch.put_tombstones(C, &[step, step + 1]);
        }
        let result = (|| {
            let meta = storage.write_blob(C, step, 0, &record(step, 70_000))?;
            storage.flush_blobs()?;
            let segment = SegmentMeta { blob: step, parts: vec![meta], ..SegmentMeta::default() };
            batch.put_manifest(C, &Manifest { next_blob: step + 1, segments: vec![segment], ..Manifest::default() });
            storage.commit(batch)
        })();
        if let Err(error) = result {
            states.push(model);
            return (states, Some(error));
        }
        states.push(model.clone());
        if step > 0
            && let Err(error) = storage.delete_blob(C, step - 1)
        {
            states.push(model);
            return (states, Some(error));
        }
    }
    states.push(model);
    (states, None)
}

#[test]
fn the_nth_fault_of_every_kind_loses_nothing_acknowledged() {
    for call in [Call::Read, Call::Write, Call::Flush] {
        for failure in [Failure::Io, Failure::IoAfter, Failure::DiskFull] {
            for n in 1.. {
                let (storage, faults, images) = faulty();
                faults.fail(call, n, failure);
                let (states, error) = workload(&storage);
                if faults.hits() == 0 {
                    break;
                }
                let error = error.expect("a fault is an error");
                if let Some(reason) = storage.poisoned() {
                    assert!(error.to_string().contains("open the database again"), "{error}");
                    assert!(error.to_string().contains(&reason));
                    let mut batch = Batch::new();
                    batch.put_record(C, 1, b"no");
                    assert!(matches!(storage.commit(batch), Err(Error::Poisoned { .. })));
                    // Reads go on.
                    assert!(storage.records(C, 0..u64::MAX).all(|record| record.is_ok()));
                    assert!(storage.clone().close().is_err());
                } else {
                    // Nothing of it was done, and writing goes on.
                    storage.flush().unwrap();
                }
                faults.heal();
                for kept in [0, 1] {
                    let left = (images.0.reopen(kept), images.1.reopen(kept));
                    let storage = on(&Faults::new(), &left);
                    let found: BTreeMap<u64, Vec<u8>> = everything(&storage).into_iter().collect();
                    let [.., before, tried] = &states[..] else {
                        assert!(found.is_empty());
                        continue;
                    };
                    assert!(&found == before || &found == tried, "{call:?} {n} {failure:?}: neither before nor after");
                    if let Some(manifest) = storage.collections().unwrap().first().and_then(|_| storage.manifest(C).unwrap()) {
                        let named = &manifest.segments[0];
                        assert_eq!(storage.read_blob(C, &named.parts[0]).unwrap(), record(named.blob, 70_000));
                        assert_eq!(storage.sweep(C, &[named.blob]).unwrap(), 0, "the sweep at opening left something");
                    }
                }
            }
        }
    }
}

#[test]
fn damage_of_a_read_value_is_an_error_that_names_it() {
    let (storage, faults, _) = faulty();
    with_collection(&storage);
    let mut batch = Batch::new();
    batch.put_record(C, 41, b"forty-one");
    batch.put_record(C, 42, b"forty-two");
    storage.commit(batch).unwrap();
    faults.fail(Call::Read, 1, Failure::Damage);
    let error = storage.record(C, 42).unwrap_err();
    assert!(error.to_string().starts_with("record 42 of collection 1"), "{error}");
    assert_eq!(storage.record(C, 42).unwrap().unwrap(), b"forty-two");
    faults.fail(Call::Read, 1, Failure::Damage);
    let all: Vec<_> = storage.records(C, 0..100).collect();
    assert!(matches!(all[..], [Ok((41, _)), Err(Error::Corrupt { .. })]), "{all:?}");
}

#[test]
fn a_leader_that_panics_leaves_nobody_waiting_and_stops_writing() {
    let (storage, faults, images) = faulty();
    with_collection(&storage);
    // The first commit takes so long that the others wait together; one of them leads, and panics.
    faults.fail(Call::Write, 1, Failure::Slow(Duration::from_millis(300)));
    faults.fail(Call::Flush, 2, Failure::Panic);
    let put = |row: u64| {
        let mut batch = Batch::new();
        batch.put_record(C, row, b"x");
        storage.commit(batch)
    };
    let poisoned = |result: Result<Sequence>| matches!(result, Err(Error::Poisoned { reason }) if reason.contains("an injected panic"));
    thread::scope(|scope| {
        let before = faults.calls(Call::Write);
        let first = scope.spawn(|| put(1));
        while faults.calls(Call::Write) == before {
            thread::sleep(Duration::from_millis(1));
        }
        let others = [2, 3, 4].map(|row| scope.spawn(move || put(row)));
        first.join().unwrap().unwrap();
        let (told, panicked): (Vec<_>, Vec<_>) =
            others.map(thread::ScopedJoinHandle::join).into_iter().partition(std::result::Result::is_ok);
        assert_eq!((told.len(), panicked.len()), (2, 1));
        assert!(told.into_iter().all(|told| poisoned(told.unwrap())));
    });
    assert!(poisoned(put(5)));
    assert_eq!(storage.record(C, 1).unwrap().as_deref(), Some(&b"x"[..]));
    drop(storage);
    let again = on(&Faults::new(), &(images.0.reopen(0), images.1.reopen(0)));
    assert_eq!(again.record(C, 1).unwrap().as_deref(), Some(&b"x"[..]));
    assert!((2..=5).all(|row| again.record(C, row).unwrap().is_none()));
}
