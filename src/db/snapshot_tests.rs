//! What a snapshot names stays in storage as long as somebody holds it.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::{BuildOptions, CollectionOptions, Database, Item, Metric, NoProgress};

/// Also when other pieces of maintenance, which had nothing to remove, came and went meanwhile.
#[test]
fn records_stay_as_long_as_a_snapshot_names_them() {
    let database = Database::in_memory().unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2).m(1).lists(2)).unwrap();
    let item = |n: u32| Item::new(n).unwrap().with_vector([n as f32, 1.0]);
    items.upsert_many((0..40).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    let shared = &database.core("items").unwrap().shared;
    let held = shared.snapshot.load_full();
    let row = held.row(held.locate("3").unwrap());
    items.upsert(item(50)).unwrap();
    items.maintain(&NoProgress).unwrap();
    items.delete(["3"]).unwrap();
    let compacted = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(items.compact(&NoProgress).unwrap(), 1);
            compacted.store(true, Ordering::SeqCst);
        });
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(5));
            shared.record(row).unwrap();
        }
        assert!(!compacted.load(Ordering::SeqCst));
        drop(held);
    });
    assert!(compacted.load(Ordering::SeqCst) && shared.record(row).is_err());
}
