//! A disk that fills up during an import: a clear error, and nothing acknowledged is lost. On a small file system in memory, which
//! needs root to be mounted.

#[path = "../../storage/src/full_disk_tests/small_disk.rs"]
mod small_disk;

use std::sync::atomic::{AtomicU64, Ordering};

use torre::{CollectionOptions, Database, Item, Metric, Progress, Responsible, Stage};

use small_disk::SmallDisk;

const DIM: usize = 256;

/// Numbers that do not compress.
fn vector(row: u64) -> Vec<f32> {
    let mut state = row;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 16_777_216.0 - 0.5
    };
    (0..DIM).map(|_| next()).collect()
}

/// Rows that the import has said are stored.
#[derive(Default)]
struct Acknowledged(AtomicU64);

impl Progress for Acknowledged {
    fn update(&self, stage: Stage, done: u64, _total: Option<u64>) {
        if stage == Stage::Import {
            self.0.store(done, Ordering::SeqCst);
        }
    }
}

#[test]
#[ignore = "needs root, to mount a file system"]
fn root_an_import_into_a_full_disk_keeps_what_was_acknowledged() {
    let disk = SmallDisk::mount(100);
    let path = disk.path().join("db");
    let item = |n: u64| Ok(Item::new(n)?.with_vector(vector(n)));
    let acknowledged = Acknowledged::default();
    {
        let database = Database::builder(&path).create(true).background(false).open().unwrap();
        let items = database.create_collection("items", CollectionOptions::vectors(DIM, Metric::InnerProduct)).unwrap();
        let error = items.import().progress(&acknowledged).run((0..1_000_000).map(item)).unwrap_err();
        assert!(error.to_string().contains("disk full"), "{error}");
        assert_eq!(error.responsible(), Responsible::Operator, "{error}");
        // Reads go on, and so do smaller things than the one that was refused once there is room again.
        assert_eq!(items.search(&vector(7)).k(3).run().unwrap().hits.len(), 3);
    }
    let rows = acknowledged.0.load(Ordering::SeqCst);
    assert!(rows > 1000, "only {rows} rows fitted");
    let database = Database::builder(&path).background(false).open().unwrap();
    let items = database.collection("items").unwrap();
    assert_eq!(items.len(), rows);
    for n in [0, 1, rows / 2, rows - 1] {
        assert_eq!(items.get(&n.to_string()).unwrap().unwrap().vector().unwrap(), vector(n));
    }
    assert_eq!(database.verify(&torre::NoProgress).unwrap().damage, []);
}
