//! What keeps a database whole: verify, backup, dump and load, on real files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use torre::{BuildOptions, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, Progress, Refine, Stage, row};

const DIM: usize = 8;

fn vector(number: u64) -> Vec<f32> {
    let mix = |x: u64| (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_mul(x | 1);
    (0..DIM as u64).map(|at| (mix(number * 64 + at + 1) >> 40) as f32 / 8_388_608.0 - 1.0).collect()
}

fn item(number: u64) -> torre::Result<Item> {
    let row = row! { "title" => format!("number {number} é"), "weight" => number as f64 / 3.0, "stock" => -(number as i64) };
    Ok(Item::new(number)?.with_row(row).with_vector(vector(number)))
}

/// Segments, a tail, deleted rows in both, replaced rows; a second collection that is empty.
fn fill(database: &Database, metric: Metric, refine: Refine) {
    let options = CollectionOptions::vectors(DIM, metric).lenient(true).m(4).lists(8).refine(refine).field("weight:float".parse().unwrap());
    let items = database.create_collection("items", options.unwrap()).unwrap();
    items.upsert_many((0..700).map(|n| item(n).unwrap())).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((650..900).map(|n| item(n).unwrap())).unwrap();
    items.maintain(&NoProgress).unwrap();
    items.upsert_many((890..1000).map(|n| item(n).unwrap())).unwrap();
    items.delete((0..1000).step_by(13).map(|n| n.to_string())).unwrap();
    items.patch("5", &row! { "weight" => 0.1 }).unwrap();
    database.create_collection("empty", CollectionOptions::vectors(3, Metric::InnerProduct)).unwrap();
}

/// Everything a caller can read of a collection.
fn contents(items: &Collection) -> Vec<(String, String, Vec<u32>)> {
    let mut all: Vec<_> = items
        .ids("", usize::MAX)
        .into_iter()
        .map(|id| {
            let item = items.get(&id).unwrap().unwrap();
            (id, item.row().to_json().to_string(), item.vector().unwrap().iter().map(|x| x.to_bits()).collect())
        })
        .collect();
    all.sort();
    all
}

fn quiet(path: &Path) -> Database {
    Database::builder(path).background(false).open().unwrap()
}

#[test]
fn a_sound_database_verifies_whatever_it_keeps_beside_its_codes() {
    for metric in [Metric::InnerProduct, Metric::Cosine, Metric::L2] {
        for refine in [Refine::None, Refine::Int8, Refine::F16, Refine::F32] {
            let database = Database::in_memory().unwrap();
            fill(&database, metric, refine);
            let report = database.verify(&NoProgress).unwrap();
            assert_eq!(report.damage, [], "{metric} {refine:?}");
            let live = database.collection("items").unwrap().len();
            assert_eq!((report.rows, report.collections), (live, 2));
            assert!(report.segments >= 1 && report.tombstones > 0 && report.values > live);
        }
    }
}

#[test]
fn a_backup_is_the_same_database() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("db"), directory.path().join("copy"));
    let database = Database::builder(&path).create(true).background(false).open().unwrap();
    fill(&database, Metric::Cosine, Refine::Int8);
    let items = database.collection("items").unwrap();
    let before = contents(&items);
    let report = database.backup(&copy, &NoProgress).unwrap();
    assert_eq!((report.rows, report.collections), (before.len() as u64, 2));
    assert!(matches!(database.backup(&copy, &NoProgress), Err(Error::Io { .. })), "it must not overwrite");

    let copied = quiet(&copy);
    assert_eq!(copied.verify(&NoProgress).unwrap().damage, []);
    let theirs = copied.collection("items").unwrap();
    assert_eq!(contents(&theirs), before);
    for n in 0..20 {
        let answer = |items: &Collection| items.search(&vector(n * 31)).k(10).run().unwrap().ids().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(answer(&items), answer(&theirs), "the index is the same too");
    }
    // Both live on, apart.
    theirs.upsert(item(5000).unwrap()).unwrap();
    assert!(!items.contains("5000"));
    drop((theirs, copied));
    let again = quiet(&copy);
    assert!(again.collection("items").unwrap().contains("5000"));
    assert_eq!(again.verify(&NoProgress).unwrap().damage, []);
}

#[test]
fn a_backup_under_writing_is_one_moment() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::builder(directory.path().join("db")).create(true).open().unwrap();
    fill(&database, Metric::L2, Refine::Int8);
    let items = database.collection("items").unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // A pair is always written together.
        let writer = scope.spawn(|| {
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                round += 1;
                let pair = ["left", "right"]
                    .map(|id| Item::new(id).unwrap().with_row(row! { "round" => round }).with_vector(vector(round as u64)));
                items.upsert_many(pair).unwrap();
            }
            round
        });
        for number in 0..4 {
            let copy = directory.path().join(format!("copy{number}"));
            database.backup(&copy, &NoProgress).unwrap();
            let copied = quiet(&copy);
            assert_eq!(copied.verify(&NoProgress).unwrap().damage, []);
            let round = |id: &str| copied.collection("items").unwrap().get(id).unwrap().map(|item| item.row().get("round").cloned());
            assert_eq!(round("left"), round("right"));
        }
        stop.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 0);
    });
}

#[test]
fn a_dump_makes_the_same_collections_again() {
    let directory = tempfile::tempdir().unwrap();
    let (dump, path) = (directory.path().join("dump"), directory.path().join("db"));
    let database = Database::in_memory().unwrap();
    fill(&database, Metric::Cosine, Refine::F16);
    let report = database.dump(&dump, &NoProgress).unwrap();
    let loaded = Database::load(&path, &dump, &NoProgress).unwrap();
    assert_eq!((loaded.rows, loaded.collections), (report.rows, 2));
    let again = quiet(&path);
    let (ours, theirs) = (database.collection("items").unwrap(), again.collection("items").unwrap());
    assert_eq!(contents(&ours), contents(&theirs));
    assert_eq!((ours.dim(), ours.metric(), ours.schema()), (theirs.dim(), theirs.metric(), theirs.schema()));
    assert!(theirs.stats().unwrap().segments > 0, "what was trained is trained again");
    assert_eq!(again.collections(), ["empty", "items"]);
    assert_eq!(again.verify(&NoProgress).unwrap().damage, []);
}

#[test]
fn a_bad_dump_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (dump, path) = (directory.path().join("dump"), directory.path().join("db"));
    let database = Database::in_memory().unwrap();
    fill(&database, Metric::Cosine, Refine::Int8);
    database.dump(&dump, &NoProgress).unwrap();
    let (header, rows) = (dump.join("dump.json"), dump.join("2/rows.jsonl"));
    let (good_header, good_rows) = (fs::read_to_string(&header).unwrap(), fs::read_to_string(&rows).unwrap());
    let cut = &good_rows[..good_rows.len() / 2];
    let cases: [(&str, String, String); 6] = [
        ("newer", good_header.replace("\"torre_dump\": 1", "\"torre_dump\": 9"), good_rows.clone()),
        ("no JSON", "{".to_owned(), good_rows.clone()),
        ("no header", "{}".to_owned(), good_rows.clone()),
        ("cut", good_header.clone(), cut.to_owned()),
        ("a line less", good_header.clone(), good_rows.split_once('\n').unwrap().1.to_owned()),
        ("changed", good_header.clone(), good_rows.replacen("number 1", "number 2", 1)),
    ];
    for (case, header_text, rows_text) in cases {
        fs::write(&header, header_text).unwrap();
        fs::write(&rows, rows_text).unwrap();
        let error = Database::load(&path, &dump, &NoProgress).unwrap_err();
        assert!(matches!(error, Error::InvalidDump { .. }), "{case}: {error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{case}: only the dump is there");
    }
    fs::write(&header, good_header).unwrap();
    fs::write(&rows, good_rows).unwrap();
    Database::load(&path, &dump, &NoProgress).unwrap();
}

struct Impatient;

impl Progress for Impatient {
    fn update(&self, _stage: Stage, _done: u64, _total: Option<u64>) {}

    fn cancelled(&self) -> bool {
        true
    }
}

#[test]
fn an_interrupted_copy_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::in_memory().unwrap();
    fill(&database, Metric::InnerProduct, Refine::Int8);
    let out = directory.path().join("out");
    assert!(matches!(database.backup(&out, &Impatient), Err(Error::Interrupted)));
    assert!(matches!(database.dump(&out, &Impatient), Err(Error::Interrupted)));
    assert!(matches!(database.verify(&Impatient), Err(Error::Interrupted)));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_sound_database_is_salvaged_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (path, out) = (directory.path().join("db"), directory.path().join("out"));
    let database = Database::builder(&path).create(true).background(false).open().unwrap();
    fill(&database, Metric::Cosine, Refine::Int8);
    let before = contents(&database.collection("items").unwrap());
    assert!(matches!(Database::salvage(&path, &out, &NoProgress), Err(Error::Storage(_))), "it is in use");
    drop(database);
    let report = Database::salvage(&path, &out, &NoProgress).unwrap();
    assert_eq!(report.lost, []);
    assert_eq!((report.rows, report.collections), (before.len() as u64, 2));
    let saved = quiet(&out);
    assert_eq!(contents(&saved.collection("items").unwrap()), before);
    assert_eq!(saved.verify(&NoProgress).unwrap().damage, []);
}

#[test]
#[ignore = "needs root, to mount a file system"]
fn root_a_database_on_a_medium_that_cannot_be_written_is_salvaged() {
    let (medium, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mount = |arguments: &[&str]| {
        let mounted = Command::new("mount").args(arguments).arg(medium.path()).output();
        mounted.is_ok_and(|output| output.status.success())
    };
    assert!(mount(&["-t", "tmpfs", "-o", "size=100m", "tmpfs"]), "no file system can be mounted here");
    let path = medium.path().join("db");
    let database = Database::builder(&path).create(true).background(false).open().unwrap();
    fill(&database, Metric::L2, Refine::Int8);
    let before = contents(&database.collection("items").unwrap());
    drop(database);
    assert!(mount(&["-o", "remount,ro"]));
    let first = Database::salvage(&path, directory.path().join("first"), &NoProgress);
    // Once more without the file that locks it.
    assert!(mount(&["-o", "remount,rw"]) && fs::remove_file(path.join("LOCK")).is_ok() && mount(&["-o", "remount,ro"]));
    let second = Database::salvage(&path, directory.path().join("second"), &NoProgress);
    assert!(Command::new("umount").arg("--lazy").arg(medium.path()).status().unwrap().success());
    for (report, out) in [(first, "first"), (second, "second")] {
        assert_eq!(report.unwrap().lost, []);
        assert_eq!(contents(&quiet(&directory.path().join(out)).collection("items").unwrap()), before);
    }
}
