//! Sealing, compaction and verification of collections that do not stand still, or do not stay what they were.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use torre::{BuildOptions, Collection, CollectionOptions, Database, Durability, Item, Metric, NoProgress, Progress, Stage};

use crate::random::Random;

const DIM: usize = 8;

fn item(number: u64, scale: f32) -> Item {
    let vector: Vec<f32> = Random::new(number).vector(DIM).iter().map(|x| x * scale).collect();
    Item::new(number).unwrap().with_vector(vector)
}

fn built(rows: u64) -> (Database, Collection) {
    let database = Database::in_memory().unwrap();
    let options = CollectionOptions::vectors(DIM, Metric::L2).m(4).lists(4);
    let items = database.create_collection("items", options).unwrap();
    items.upsert_many((0..rows).map(|number| item(number, 1.0))).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    (database, items)
}

/// Writes a row whenever something is sealed, and stops what never ends.
struct Writing<'a> {
    items: &'a Collection,
    next: AtomicU64,
}

impl Progress for Writing<'_> {
    fn update(&self, stage: Stage, _done: u64, _total: Option<u64>) {
        if stage == Stage::Seal {
            self.items.upsert(item(self.next.fetch_add(1, Ordering::Relaxed), 1.0)).unwrap();
        }
    }

    fn cancelled(&self) -> bool {
        self.next.load(Ordering::Relaxed) > 2000
    }
}

#[test]
fn maintenance_ends_while_writers_go_on() {
    let (_database, items) = built(500);
    items.upsert(item(900, 1.0)).unwrap();
    items.maintain(&Writing { items: &items, next: AtomicU64::new(1000) }).unwrap();
    assert!(items.len() > 501 && items.len() < 600, "{}", items.len());
}

#[test]
fn a_database_that_was_dropped_opens_again_at_once() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..30u64 {
        let builder = Database::builder(directory.path().join("db")).create(true);
        let database = builder.durability(Durability::Batched(Duration::from_millis(1))).open().unwrap();
        let items = database
            .collection("items")
            .or_else(|_| database.create_collection("items", CollectionOptions::vectors(DIM, Metric::L2)))
            .unwrap();
        assert_eq!(items.len(), round);
        items.upsert(item(round, 1.0)).unwrap();
    }
}

/// Codes of rows unlike those that the quantizer was trained on are far off, and that is no damage, whatever they are merged with.
#[test]
fn unusual_rows_are_no_damage() {
    let (database, items) = built(1000);
    items.upsert_many((1000..1010).map(|number| item(number, 1000.0))).unwrap();
    items.maintain(&NoProgress).unwrap();
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    items.compact(&NoProgress).unwrap();
    assert_eq!(items.stats().unwrap().segments, 1);
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    items.delete((0..990u64).map(|number| number.to_string())).unwrap();
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
}

/// Score-aware codes err more in all, to err less along the vector; what one build was told holds for the next ones.
#[test]
fn the_weight_of_an_error_stays_as_it_was_built() {
    let database = Database::in_memory().unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(DIM, Metric::Cosine).m(4).lists(4)).unwrap();
    items.upsert_many((0..2000).map(|number| item(number, 1.0))).unwrap();
    let error = |options: &BuildOptions| items.build(options, &NoProgress).unwrap().quantization_error;
    let usual = error(&BuildOptions::default());
    let plain = error(&BuildOptions::default().eta(1.0));
    assert!(plain < usual, "{plain} {usual}");
    assert_eq!(error(&BuildOptions::default()), plain);
    assert_eq!(error(&BuildOptions::default().eta(4.0)), usual);
    for eta in [0.99, f32::NAN, f32::INFINITY] {
        let refused = items.build(&BuildOptions::default().eta(eta), &NoProgress);
        assert!(matches!(refused, Err(torre::Error::InvalidOption { option: "eta", .. })), "{refused:?}");
    }
}

/// Rows replaced again and again leave nothing behind, trained or not, also while a reader holds an old state of the collection.
#[test]
fn replaced_rows_leave_nothing_behind() {
    for rows in [300u64, 12_000] {
        let directory = tempfile::tempdir().unwrap();
        let builder = Database::builder(directory.path().join("db")).create(true);
        let database = builder.durability(Durability::Batched(Duration::from_millis(20))).open().unwrap();
        let items = database.create_collection("items", CollectionOptions::vectors(DIM, Metric::L2)).unwrap();
        let put = |round: u64| {
            for first in (0..rows).step_by(100) {
                let batch = (first..rows.min(first + 100)).map(|n| {
                    let vector = Random::new(n + (round << 32)).vector(DIM);
                    Item::new(n).unwrap().with_vector(vector)
                });
                items.upsert_many(batch).unwrap();
            }
        };
        put(0);
        items.maintain(&NoProgress).unwrap();
        let held: Vec<_> = items.items().take(3).collect();
        let fresh = database.disk_bytes().unwrap();
        for round in 1..=60_000 / rows {
            put(round);
        }
        drop(held);
        items.maintain(&NoProgress).unwrap();
        items.compact(&NoProgress).unwrap();
        assert_eq!(items.len(), rows);
        let stats = items.stats().unwrap();
        assert!(stats.tombstones == 0 && stats.segments <= 1, "{stats:?}");
        let report = database.verify(&NoProgress).unwrap();
        assert_eq!((report.damage.len(), report.tombstones), (0, 0), "{report:?}");
        assert!(database.disk_bytes().unwrap() < 6 * fresh.max(1 << 20), "{fresh} bytes became {}", database.disk_bytes().unwrap());
        drop((items, database));
        let database = Database::open(directory.path().join("db")).unwrap();
        assert_eq!(database.collection("items").unwrap().len(), rows);
        assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    }
}
