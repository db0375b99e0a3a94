//! Policies in a collection: kept, replaced and dropped by name, stored, copied.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::rules::Policy;
use crate::{Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, row};

fn options() -> CollectionOptions {
    CollectionOptions::vectors(1, Metric::InnerProduct).field("promo:float index".parse().unwrap()).unwrap()
}

fn filled(database: &Database) -> Collection {
    let items = database.create_collection("items", options()).unwrap();
    let item = |id: &str, promo: f64| Item::new(id).unwrap().with_row(row! { "promo" => promo }).with_vector([1.0]);
    items.upsert_many([item("a", 0.0), item("b", 1.0), item("c", 2.0)]).unwrap();
    assert_eq!(items.set_policy("homepage", &Policy::new().boost("-promo").unwrap()).unwrap(), 1);
    assert_eq!(items.set_policy("homepage", &boost()).unwrap(), 2);
    assert_eq!(items.set_policy("other", &Policy::new().pin("b", 1)).unwrap(), 1);
    items
}

fn boost() -> Policy {
    Policy::new().boost("promo").unwrap()
}

fn first(items: &Collection, policy: &str) -> String {
    items.search(&[1.0]).policy(policy).run().unwrap().ids().next().unwrap().to_owned()
}

fn listed() -> Vec<(String, u64)> {
    vec![("homepage".to_owned(), 2), ("other".to_owned(), 1)]
}

#[test]
fn policies_are_set_replaced_and_dropped() {
    let database = Database::in_memory().unwrap();
    let items = filled(&database);
    assert_eq!((items.policies(), items.policy("homepage").unwrap()), (listed(), (boost(), 2)));
    assert_eq!((first(&items, "homepage"), first(&items, "other")), ("c".to_owned(), "b".to_owned()));
    // The query's own rules come after those of the policy, and its pins before.
    let answer = items.search(&[1.0]).policy("other").pin("a", 1).boost("promo").unwrap().explain().run().unwrap();
    assert_eq!(answer.ids().collect::<Vec<_>>(), ["a", "c", "b"]);
    let report = answer.explain.unwrap().rules.unwrap();
    assert_eq!((report.policy.as_deref(), report.version), (Some("other"), Some(1)));
    assert!(database.verify(&NoProgress).unwrap().is_sound());
    items.drop_policy("other").unwrap();
    let error = items.drop_policy("other").unwrap_err();
    assert!(matches!(&error, Error::UnknownPolicy { known, .. } if known == &["homepage"]), "{error}");
    assert!(matches!(items.search(&[1.0]).policy("other").run(), Err(Error::UnknownPolicy { .. })));
    assert!(matches!(items.policy("other"), Err(Error::UnknownPolicy { .. })));
    assert!(database.verify(&NoProgress).unwrap().is_sound());
}

#[test]
fn what_is_refused_changes_nothing() {
    let database = Database::in_memory().unwrap();
    let items = filled(&database);
    for (name, policy) in [
        ("homepage", Policy::new().boost("prize").unwrap()),
        ("homepage", Policy::new().bury("prize > 1 OR promo").unwrap()),
        ("homepage", Policy::new().max_per("brand", 1)),
        ("homepage", Policy::new().max_per("promo", 0)),
        ("homepage", Policy::new().require("prize = 1".parse().unwrap())),
    ] {
        assert!(matches!(items.set_policy(name, &policy), Err(Error::Rule(_))), "{policy:?}");
    }
    assert!(matches!(items.set_policy("", &boost()), Err(Error::InvalidOption { .. })));
    assert_eq!(items.policies(), listed());
    for at in 2..64 {
        items.set_policy(&format!("p{at}"), &boost()).unwrap();
    }
    assert!(matches!(items.set_policy("one more", &boost()), Err(Error::InvalidOption { option: "policies", .. })));
    assert_eq!(items.set_policy("homepage", &boost()).unwrap(), 3);
}

#[test]
fn a_policy_of_a_field_that_is_indexed_no_more_says_so() {
    let database = Database::in_memory().unwrap();
    let items = filled(&database);
    items.drop_index("promo").unwrap();
    let error = items.search(&[1.0]).policy("homepage").run().unwrap_err();
    let said = "policy \"homepage\", boost 1: column 1: the field \"promo\" is not indexed, and rules read indexed fields (indexed: none); add an index to it";
    assert_eq!(error.to_string(), said);
    // The others go on, and so does this one when the index is there again.
    assert_eq!(first(&items, "other"), "b");
    items.add_index("promo", &NoProgress).unwrap();
    assert_eq!(first(&items, "homepage"), "c");
}

#[test]
fn policies_are_there_again_when_the_database_is_opened_and_in_copies_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let quiet = |name: &str| Database::builder(at(name)).background(false).open().unwrap();
    let items = filled(&Database::create(at("db")).unwrap());
    // A policy whose field is not indexed any more is copied all the same.
    items.drop_index("promo").unwrap();
    drop(items);
    let database = quiet("db");
    assert_eq!(database.collection("items").unwrap().policies(), listed());
    database.backup(at("backup"), &NoProgress).unwrap();
    database.dump(at("dump"), &NoProgress).unwrap();
    let header = std::fs::read_to_string(at("dump").join("dump.json")).unwrap();
    assert!(header.contains("\"torre_dump\": 3"), "{header}");
    Database::load(at("loaded"), at("dump"), &NoProgress).unwrap();
    drop(database);
    let report = Database::salvage(at("db"), at("salvaged"), &NoProgress).unwrap();
    assert_eq!(report.lost, []);
    for copy in ["backup", "loaded", "salvaged"] {
        let database = quiet(copy);
        let items = database.collection("items").unwrap();
        assert_eq!((items.policies(), items.policy("homepage").unwrap()), (listed(), (boost(), 2)), "{copy}");
        assert_eq!(first(&items, "other"), "b", "{copy}");
        assert!(database.verify(&NoProgress).unwrap().is_sound(), "{copy}");
        items.policies().iter().for_each(|(name, _)| items.drop_policy(name).unwrap());
        assert!(database.verify(&NoProgress).unwrap().is_sound(), "{copy}");
    }
    quiet("loaded").dump(at("without"), &NoProgress).unwrap();
    let header = std::fs::read_to_string(at("without").join("dump.json")).unwrap();
    assert!(header.contains("\"torre_dump\": 1") && !header.contains("policies"), "{header}");
    let reading = Database::open_read_only(at("db")).unwrap();
    let items = reading.collection("items").unwrap();
    assert_eq!(first(&items, "other"), "b");
    assert!(items.set_policy("homepage", &Policy::new()).is_err() && items.drop_policy("other").is_err());
}
