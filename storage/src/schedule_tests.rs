//! Commits, flushes and the thread that flushes, under thousands of schedules of their threads. With the feature `schedules` only.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::fault::{Call, Durable, Failure, FaultBackend, Faults};
use crate::sync::{thread, try_schedules};
use crate::{Batch, CollectionId, Durability, Error, Sequence, Storage};

const C: CollectionId = CollectionId(7);

/// A storage with a collection, the faults of its stores, and what a power cut would leave of its records.
fn open() -> (Storage, Arc<Faults>, Arc<Durable>) {
    let (faults, records) = (Faults::new(), Durable::new());
    let store = |image: &Arc<Durable>| Box::new(FaultBackend::new(Arc::clone(image), Arc::clone(&faults)));
    let storage = Storage::with_backend(store(&records), store(&Durable::new())).unwrap();
    let mut batch = Batch::new();
    batch.put_collection(C, b"settings");
    storage.commit(batch).unwrap();
    (storage, faults, records)
}

/// Two records at once.
fn put(storage: &Storage, row: u64) -> Result<Sequence, Error> {
    let mut batch = Batch::new();
    batch.put_record(C, row, b"one half");
    batch.put_record(C, row + 1, b"the other");
    storage.commit(batch)
}

/// How many of the two records are there after a power cut.
fn left(records: &Arc<Durable>, row: u64) -> usize {
    let storage = Storage::with_backend(
        Box::new(FaultBackend::new(records.reopen(0), Faults::new())),
        Box::new(crate::backend::memory::Memory::new()),
    );
    let storage = storage.unwrap();
    (row..row + 2).filter(|&row| storage.record(C, row).unwrap().is_some()).count()
}

#[test]
fn every_commit_is_durable_on_return_and_none_waits_for_ever() {
    try_schedules(2000, || {
        let (storage, _, records) = open();
        thread::scope(|scope| {
            let committers: Vec<_> = (0..3)
                .map(|committer| {
                    let (storage, records) = (&storage, &records);
                    scope.spawn(move || {
                        let rows = [committer * 10, committer * 10 + 2];
                        rows.map(|row| {
                            let sequence = put(storage, row).unwrap();
                            assert_eq!(left(records, row), 2);
                            assert!(storage.durable() >= sequence);
                            sequence
                        })
                    })
                })
                .collect();
            let mut sequences: Vec<Sequence> = Vec::new();
            for committer in committers {
                let [first, second] = committer.join().unwrap();
                assert!(first < second);
                sequences.extend([first, second]);
            }
            sequences.sort_unstable();
            assert_eq!(sequences, (2..=7).collect::<Vec<_>>());
        });
    });
}

#[test]
fn a_flush_that_fails_is_everybodys_failure() {
    for failure in [Failure::Io, Failure::IoAfter] {
        for nth in 1..=3 {
            try_schedules(300, move || {
                let (storage, faults, records) = open();
                faults.fail(Call::Flush, nth, failure);
                thread::scope(|scope| {
                    for committer in 0..3 {
                        let (storage, records) = (&storage, &records);
                        scope.spawn(move || {
                            let row = committer * 10;
                            match put(storage, row) {
                                Ok(_) => assert_eq!(left(records, row), 2),
                                Err(error) => {
                                    assert!(matches!(error, Error::Poisoned { .. }), "{error}");
                                    assert!(matches!(put(storage, row + 2), Err(Error::Poisoned { .. })));
                                    assert_ne!(left(records, row), 1);
                                    assert_eq!(left(records, row + 2), 0);
                                }
                            }
                        });
                    }
                });
            });
        }
    }
}

#[test]
fn what_was_committed_under_batched_durability_becomes_durable_whatever_it_is_set_to_then() {
    try_schedules(1000, || {
        let (storage, _, records) = open();
        let batched = Durability::Batched(Duration::from_millis(1));
        storage.set_durability(batched);
        thread::scope(|scope| {
            let (storage, records) = (&storage, &records);
            scope.spawn(move || {
                let last = [0, 2].map(|row| put(storage, row).unwrap())[1];
                // That nobody ever flushes would make this schedule too long.
                while storage.durable() < last {
                    thread::yield_now();
                }
                assert_eq!([0, 2].map(|row| left(records, row)), [2, 2]);
            });
            scope.spawn(move || {
                storage.set_durability(Durability::Commit);
                storage.set_durability(batched);
                storage.set_durability(Durability::Commit);
            });
        });
    });
}

#[test]
fn closing_waits_for_whoever_commits() {
    try_schedules(1000, || {
        let (storage, _, records) = open();
        storage.set_durability(Durability::Batched(Duration::from_millis(1)));
        let committer = {
            let storage = storage.clone();
            thread::spawn(move || put(&storage, 0).is_ok())
        };
        storage.close().unwrap();
        let committed = committer.join().unwrap();
        assert_eq!(left(&records, 0), if committed { 2 } else { 0 });
    });
}
