//! Group commit: the leader waits for threads that may come, and for no more than there are; one that panics stops the writer.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use torre_storage::Storage;

use crate::error::Responsible;
use crate::segment::MOST_BYTES_HERE;
use crate::{BuildOptions, Changes, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, Result};

#[test]
fn the_leader_expects_no_more_threads_than_there_are() {
    const THREADS: usize = 4;
    let items = Database::in_memory().unwrap().create_collection("items", CollectionOptions::vectors(2, Metric::InnerProduct)).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let items = &items;
            scope.spawn(move || {
                for n in 0..2000 {
                    items.upsert(Item::new(format!("{thread}-{n}")).unwrap().with_vector(vec![1.0, 2.0])).unwrap();
                    let expected = items.core.writer.expected();
                    assert!(expected <= THREADS, "{expected} threads expected of {THREADS}");
                }
            });
        }
    });
    assert_eq!(items.len(), 2000 * THREADS as u64);
}

fn put(items: &Collection, id: &str) -> Result<Changes> {
    items.upsert(Item::new(id).unwrap().with_vector(vec![1.0, 2.0]))
}

fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::sleep(Duration::from_millis(1));
    }
}

fn assert_poisoned<T: std::fmt::Debug>(result: Result<T>) {
    let error = result.unwrap_err();
    assert!(matches!(&error, Error::Poisoned { name, reason } if name == "items" && reason == "between commit and snapshot"), "{error}");
    assert_eq!(error.responsible(), Responsible::Operator);
    assert!(error.to_string().contains("open the database again"), "{error}");
}

#[test]
fn a_leader_that_panics_between_commit_and_snapshot_stops_the_writer() {
    let storage = Storage::in_memory();
    let database = Database::with_storage(storage.clone(), false).unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2).m(1).lists(2)).unwrap();
    for n in 0..20 {
        put(&items, &format!("old-{n}")).unwrap();
    }
    // The first commit lasts until two more threads wait; one of these leads the second, which panics.
    let (commits, writer) = (Arc::new(AtomicUsize::new(0)), Arc::downgrade(&items.core));
    let begun = Arc::clone(&commits);
    let hook = move || match commits.fetch_add(1, Ordering::SeqCst) {
        0 => wait_until(|| writer.upgrade().is_none_or(|core| core.writer.waiting() == 2)),
        _ => panic!("between commit and snapshot"),
    };
    assert!(items.core.writer.before_publish.set(Box::new(hook)).is_ok());
    thread::scope(|scope| {
        let first = scope.spawn(|| put(&items, "a"));
        wait_until(|| begun.load(Ordering::SeqCst) == 1);
        let others = ["b", "c"].map(|id| scope.spawn(|| put(&items, id)));
        first.join().unwrap().unwrap();
        let (told, panicked): (Vec<_>, Vec<_>) =
            others.map(thread::ScopedJoinHandle::join).into_iter().partition(std::result::Result::is_ok);
        assert_eq!((told.len(), panicked.len()), (1, 1));
        told.into_iter().for_each(|told| assert_poisoned(told.unwrap()));
    });

    // Nothing more is written, not even by maintenance, and what could be seen can still be read.
    assert_poisoned(put(&items, "d"));
    assert_poisoned(items.delete(["old-1"]));
    assert_poisoned(items.build(&BuildOptions::default(), &NoProgress).map(drop));
    assert_poisoned(items.maintain(&NoProgress));
    assert_eq!(items.len(), 21);
    assert!(items.get("a").unwrap().is_some() && items.get("old-1").unwrap().is_some());

    let again = Database::with_storage(storage, false).unwrap();
    let items = again.collection("items").unwrap();
    put(&items, "d").unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    assert!(["a", "b", "c", "d", "old-0", "old-19"].iter().all(|id| items.get(id).unwrap().is_some()));
    assert_eq!(items.len(), 24);
    assert_eq!(again.verify(&NoProgress).unwrap().damage, []);
}

#[test]
fn rows_that_cannot_be_together_are_refused_before_anything_is_written() {
    let storage = Storage::in_memory();
    let database = Database::with_storage(storage.clone(), false).unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2)).unwrap();
    put(&items, "aaaa").unwrap();
    // Ten bytes of ids stand for 4 GiB.
    MOST_BYTES_HERE.set(10);
    let three = ["bbbb", "cccc", "dddd"].map(|id| Item::new(id).unwrap().with_vector(vec![1.0, 2.0]));
    let error = items.upsert_many(three).unwrap_err();
    assert!(matches!(error, Error::TooManyRows { rows: 3, id_bytes: 12 }), "{error}");
    assert_eq!(error.responsible(), Responsible::Caller);
    let records = || storage.records(items.core.shared.id, 0..u64::MAX).count();
    assert_eq!((items.len(), records()), (1, 1));
    // Runs that cannot be merged stay apart.
    for id in ["bbbb", "cccc", "dddd"] {
        put(&items, id).unwrap();
    }
    assert_eq!((items.len(), records()), (4, 4));
    assert!(["aaaa", "bbbb", "cccc", "dddd"].into_iter().all(|id| items.get(id).unwrap().is_some()));
}
