//! Rankers in a collection: attached, replaced and detached by name, stored, copied.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::ranker::testing::Table;
use crate::{Collection, CollectionOptions, Database, Error, Item, Matrix, Metric, ModelError, NoProgress, RankerSource, Responsible, row};

fn source(score: f32) -> RankerSource {
    RankerSource::new(Table::stump(score, -score).to_onnx())
}

fn options() -> CollectionOptions {
    CollectionOptions::vectors(2, Metric::L2).field("f0:float".parse().unwrap()).unwrap()
}

/// The scores of two rows by each of the rankers.
fn scores(items: &Collection) -> Vec<(String, Vec<f32>)> {
    let rows = Matrix::from_vec(1, vec![0.0, 1.0]).unwrap();
    items.rankers().into_iter().map(|name| (name.clone(), items.ranker(&name).unwrap().score(&rows).unwrap())).collect()
}

fn filled(database: &Database) -> Collection {
    let items = database.create_collection("items", options()).unwrap();
    items.upsert(Item::new("a").unwrap().with_row(row! { "f0" => 0.25 }).with_vector([0.5, 1.0])).unwrap();
    let spec = source(2.0).onnx;
    items.attach_ranker("main", &source(1.0)).unwrap();
    items.attach_ranker("other", &RankerSource::new(spec).with_spec(crate::ranker::fuzzing::spec(1, "x", "y"))).unwrap();
    items
}

fn expected() -> Vec<(String, Vec<f32>)> {
    vec![("main".to_owned(), vec![1.0, -1.0]), ("other".to_owned(), vec![2.0, -2.0])]
}

#[test]
fn rankers_are_attached_replaced_and_detached() {
    let database = Database::in_memory().unwrap();
    let items = filled(&database);
    assert_eq!(scores(&items), expected());
    // Whoever holds the old one goes on with it.
    let held = items.ranker("main").unwrap();
    items.attach_ranker("main", &source(7.0)).unwrap();
    assert_eq!(scores(&items)[0].1, [7.0, -7.0]);
    assert_eq!(held.score(&Matrix::from_vec(1, vec![0.0]).unwrap()).unwrap(), [1.0]);
    items.detach_ranker("other").unwrap();
    assert_eq!(items.rankers(), ["main"]);
    let error = items.ranker("other").unwrap_err();
    assert!(matches!(&error, Error::UnknownRanker { known, .. } if known == &["main"]), "{error}");
    assert_eq!(items.detach_ranker("other").unwrap_err().responsible(), Responsible::Caller);
    assert!(database.verify(&NoProgress).unwrap().is_sound());
}

#[test]
fn what_is_refused_changes_nothing() {
    let database = Database::in_memory().unwrap();
    let items = filled(&database);
    let mut broken = Table::stump(1.0, 2.0);
    broken.rows[0].yes = 0;
    let error = items.attach_ranker("main", &RankerSource::new(broken.to_onnx())).unwrap_err();
    assert!(matches!(error, Error::Model(ModelError::Graph { .. })), "{error}");
    let other = crate::ranker::fuzzing::spec(1, "x", "y").replace("item.f0", "item.price");
    let error = items.attach_ranker("main", &source(3.0).with_spec(&other)).unwrap_err();
    assert!(matches!(&error, Error::UnknownFeature { field, .. } if field == "price"), "{error}");
    assert!(matches!(items.attach_ranker("", &source(3.0)), Err(Error::InvalidOption { .. })));
    assert_eq!(scores(&items), expected());
    // A user may have any field, and a lenient collection's items too.
    items.attach_ranker("user", &source(3.0).with_spec(other.replace("item.", "user."))).unwrap();
    let lenient = database.create_collection("lenient", options().lenient(true)).unwrap();
    lenient.attach_ranker("main", &source(3.0).with_spec(other)).unwrap();
    for at in 3..64 {
        items.attach_ranker(&format!("{at}"), &source(1.0)).unwrap();
    }
    assert!(matches!(items.attach_ranker("one more", &source(1.0)), Err(Error::InvalidOption { option: "rankers", .. })));
    items.attach_ranker("main", &source(9.0)).unwrap();
}

#[test]
fn rankers_are_there_again_when_the_database_is_opened_and_in_copies_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let quiet = |name: &str| Database::builder(at(name)).background(false).open().unwrap();
    drop(filled(&Database::create(at("db")).unwrap()));
    let database = quiet("db");
    assert_eq!(scores(&database.collection("items").unwrap()), expected());
    database.backup(at("backup"), &NoProgress).unwrap();
    database.dump(at("dump"), &NoProgress).unwrap();
    let header = std::fs::read_to_string(at("dump").join("dump.json")).unwrap();
    assert!(header.contains("\"torre_dump\": 2"), "{header}");
    Database::load(at("loaded"), at("dump"), &NoProgress).unwrap();
    drop(database);
    let report = Database::salvage(at("db"), at("salvaged"), &NoProgress).unwrap();
    assert_eq!(report.lost, []);
    for copy in ["backup", "loaded", "salvaged"] {
        let database = quiet(copy);
        let items = database.collection("items").unwrap();
        assert_eq!(scores(&items), expected(), "{copy}");
        assert!(database.verify(&NoProgress).unwrap().is_sound(), "{copy}");
        // A dump without rankers is one that an older Torre loads.
        items.rankers().iter().for_each(|name| items.detach_ranker(name).unwrap());
        assert!(database.verify(&NoProgress).unwrap().is_sound(), "{copy}");
    }
    quiet("loaded").dump(at("without"), &NoProgress).unwrap();
    let header = std::fs::read_to_string(at("without").join("dump.json")).unwrap();
    assert!(header.contains("\"torre_dump\": 1") && !header.contains("rankers"), "{header}");
    let reading = Database::open_read_only(at("db")).unwrap();
    let items = reading.collection("items").unwrap();
    assert_eq!(scores(&items), expected());
    assert!(items.attach_ranker("main", &source(5.0)).is_err() && items.detach_ranker("main").is_err());
}

#[test]
fn a_ranker_of_another_space_is_refused_and_one_of_this_space_goes_into_copies() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let database = Database::create(at("db")).unwrap();
    let items = filled(&database);
    let spec = |space: u64| {
        let features = serde_json::json!([{"name": "f", "from": "item.f0"}]);
        serde_json::json!({"torre": 2, "space": format!("{space:016x}"), "features": features, "input": "x", "output": "y"}).to_string()
    };
    let error = items.attach_ranker("main", &source(5.0).with_spec(spec(items.space() ^ 1))).unwrap_err();
    assert!(matches!(&error, Error::Model(ModelError::RankerSpace { got, .. }) if *got == items.space()), "{error}");
    assert_eq!((error.responsible(), scores(&items)), (Responsible::ModelAuthor, expected()));
    items.attach_ranker("main", &source(5.0).with_spec(spec(items.space()))).unwrap();
    assert_eq!(items.stats().unwrap().space, format!("{:016x}", items.space()));
    let other =
        database.create_collection("other", CollectionOptions::vectors(2, Metric::Cosine).field("f0:float".parse().unwrap()).unwrap());
    assert_ne!(other.unwrap().space(), items.space());
    database.dump(at("dump"), &NoProgress).unwrap();
    Database::load(at("loaded"), at("dump"), &NoProgress).unwrap();
    let loaded = Database::open(at("loaded")).unwrap();
    assert_eq!(scores(&loaded.collection("items").unwrap())[0].1, [5.0, -5.0]);
}
