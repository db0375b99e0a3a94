//! A database of format 1, as it was written when the format was fixed, opens for ever; a newer one is refused.
//!
//! `tests/fixtures/v1` was made by `cargo test --test format -- --ignored make_the_fixture`, which refuses to overwrite it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use torre::{BuildOptions, CollectionOptions, Database, Item, Metric, NoProgress, row};

const DIM: usize = 4;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1")
}

fn vector(number: u64) -> Vec<f32> {
    (0..DIM as u64).map(|at| ((number * 31 + at * 17) % 64) as f32 / 32.0 - 1.0 + number as f32 / 1024.0).collect()
}

fn item(number: u64) -> Item {
    Item::new(format!("item-{number}"))
        .unwrap()
        .with_row(row! { "number" => number as i64, "name" => format!("é{number}") })
        .with_vector(vector(number))
}

#[test]
#[ignore = "makes the fixture"]
fn make_the_fixture() {
    assert!(!fixture().exists(), "remove it first");
    let database = Database::builder(fixture()).create(true).background(false).open().unwrap();
    let options = CollectionOptions::vectors(DIM, Metric::L2).field("number:int".parse().unwrap()).unwrap();
    let items = database.create_collection("items", options.lenient(true).m(2).lists(4)).unwrap();
    items.upsert_many((0..100).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((100..120).map(item)).unwrap();
    items.delete(["item-3", "item-110"]).unwrap();
    items.patch("item-4", &row! { "name" => "patched" }).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to)
        } else {
            let _bytes = fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_database_of_format_1_opens() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixture(), directory.path());
    let database = Database::builder(directory.path()).background(false).open().unwrap();
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    let items = database.collection("items").unwrap();
    assert_eq!((items.len(), items.dim(), items.metric()), (118, DIM, Metric::L2));
    for number in 0..120 {
        let found = items.get(&format!("item-{number}")).unwrap();
        if [3, 110].contains(&number) {
            assert!(found.is_none());
            continue;
        }
        let (found, expected) = (found.unwrap(), item(number));
        assert_eq!(found.vector(), expected.vector());
        let name = if number == 4 {
            Some("patched".to_owned())
        } else {
            expected.row().get("name").and_then(torre::Value::as_str).map(str::to_owned)
        };
        assert_eq!(found.row().get("name").and_then(torre::Value::as_str).map(str::to_owned), name);
        let answer = items.search(&vector(number)).k(1).exact().run().unwrap();
        assert_eq!(answer.ids().next(), Some(format!("item-{number}").as_str()));
    }
    items.upsert(item(500)).unwrap();
    items.compact(&NoProgress).unwrap();
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
}

#[test]
fn a_newer_format_is_refused_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixture(), directory.path());
    let marker = directory.path().join("TORRE");
    let mut bytes = fs::read(&marker).unwrap();
    bytes[8] = 2;
    fs::write(&marker, &bytes).unwrap();
    let refused = Database::open(directory.path()).err().unwrap().to_string();
    assert!(refused.contains("format 2") && refused.contains("use a newer Torre"), "{refused}");
    let refused = Database::salvage(directory.path(), directory.path().with_extension("out"), &NoProgress).err().unwrap().to_string();
    assert!(refused.contains("format 2"), "{refused}");
}
