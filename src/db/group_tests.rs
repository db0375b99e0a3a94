//! Group commit: the leader waits for threads that may come, and for no more than there are.
#![allow(clippy::unwrap_used)]

use crate::{CollectionOptions, Database, Item, Metric};

#[test]
fn the_leader_expects_no_more_threads_than_there_are() {
    const THREADS: usize = 4;
    let items = Database::in_memory().unwrap().create_collection("items", CollectionOptions::vectors(2, Metric::Ip)).unwrap();
    std::thread::scope(|scope| {
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
