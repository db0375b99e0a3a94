//! What this Torre says of databases of other formats.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use torre::{CollectionOptions, Database, Metric, NoProgress};

#[test]
fn a_newer_format_is_refused_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    Database::create(&path).unwrap().create_collection("items", CollectionOptions::vectors(4, Metric::L2)).unwrap();
    let marker = path.join("TORRE");
    let mut bytes = fs::read(&marker).unwrap();
    bytes[8] = 3;
    fs::write(&marker, &bytes).unwrap();
    let refused = Database::open(&path).err().unwrap().to_string();
    assert!(refused.contains("format 3") && refused.contains("use a newer Torre"), "{refused}");
    let refused = Database::salvage(&path, path.with_extension("out"), &NoProgress).err().unwrap().to_string();
    assert!(refused.contains("format 3"), "{refused}");
}
