//! Bad input gets an error that says what is wrong, and changes nothing.

use torre::{Collection, CollectionOptions, Database, Error, Item, MAX_ID_BYTES, Metric, Responsible, Row, row};

/// Everything there is, in an order that does not depend on how it is stored.
fn state(items: &Collection) -> Vec<Item> {
    let mut ids = items.ids("", usize::MAX);
    ids.sort();
    ids.iter().map(|id| items.get(id).unwrap().unwrap()).collect()
}

/// Runs what must be refused; answers the error's text.
fn refused<T: std::fmt::Debug>(items: &Collection, what: &str, change: impl FnOnce(&Collection) -> torre::Result<T>) -> String {
    let before = state(items);
    let error = change(items).expect_err(what);
    assert_eq!(error.responsible(), Responsible::Caller, "{what}: {error}");
    assert_eq!(state(items), before, "{what} changed something");
    error.to_string()
}

fn vectors(metric: Metric) -> (Database, Collection) {
    let database = Database::in_memory().unwrap();
    let options = CollectionOptions::vectors(2, metric).field("price:float".parse().unwrap()).unwrap();
    let items = database.create_collection("items", options).unwrap();
    items.upsert(Item::new("kept").unwrap().with_vector([1.0, 2.0]).with_row(row! { "price" => 1.5 })).unwrap();
    (database, items)
}

#[test]
fn vectors_that_cannot_be_stored() {
    let (_database, items) = vectors(Metric::Cosine);
    let good = || Item::new("good").unwrap().with_vector([1.0, 0.0]);
    let cases: [(&str, Vec<f32>, &str); 6] = [
        ("too short", vec![1.0], "expected length 2, got 1"),
        ("too long", vec![1.0, 2.0, 3.0], "expected length 2, got 3"),
        ("empty", vec![], "expected length 2, got 0"),
        ("NaN", vec![1.0, f32::NAN], "element 1 is NaN"),
        ("infinite", vec![f32::NEG_INFINITY, 0.0], "element 0 is -inf"),
        ("zero under cosine", vec![0.0, -0.0], "no direction"),
    ];
    for (what, vector, expected) in cases {
        let item = || Item::new("bad").unwrap().with_vector(vector.clone());
        let text = refused(&items, what, |items| items.upsert_many([good(), item()]));
        assert!(text.contains(expected) && text.contains("row 1"), "{what}: {text}");
        let text = refused(&items, what, |items| items.search(&vector).run());
        assert!(text.contains(expected), "{what}: {text}");
    }
    let text = refused(&items, "no vector", |items| items.upsert(Item::new("bad").unwrap()));
    assert!(text.contains("vectors of length 2"), "{text}");
    // Inner product and L2 have a score for the zero vector.
    for metric in [Metric::InnerProduct, Metric::L2] {
        let (_database, items) = vectors(metric);
        items.upsert(Item::new("zero").unwrap().with_vector([0.0, 0.0])).unwrap();
        assert_eq!(items.search(&[0.0, 0.0]).run().unwrap().hits.len(), 2);
    }
}

#[test]
fn rows_that_do_not_fit_the_schema() {
    let (_database, items) = vectors(Metric::InnerProduct);
    let cases = [
        ("an extra field", row! { "colour" => "red" }, "colour"),
        ("a mistyped field", row! { "price" => "cheap" }, "price"),
        ("a NaN", row! { "price" => f64::NAN }, "price"),
        ("an infinity", row! { "price" => f64::INFINITY }, "price"),
        ("another id", row! { "id" => "other" }, "id"),
        ("two vectors", row! { "vector" => vec![1.0, 2.0] }, "vector"),
    ];
    for (what, row, field) in cases {
        let item = Item::new("bad").unwrap().with_row(row.clone()).with_vector([1.0, 2.0]);
        let text = refused(&items, what, |items| items.upsert(item));
        assert!(text.contains(field), "{what}: {text}");
        if what != "two vectors" {
            let text = refused(&items, what, |items| items.patch("kept", &row));
            assert!(text.contains(field), "{what}: {text}");
        }
    }
    let text = refused(&items, "patching what is not there", |items| items.patch("gone", &row! { "price" => 1.0 }));
    assert!(text.contains("gone"), "{text}");
}

#[test]
fn ids_have_1_to_512_bytes() {
    let (_database, items) = vectors(Metric::InnerProduct);
    for (id, right) in [(String::new(), false), ("é".repeat(256), true), ("x".repeat(MAX_ID_BYTES + 1), false)] {
        match Item::new(id.clone()) {
            Ok(item) => {
                assert!(right);
                items.upsert(item.with_vector([0.0, 1.0])).unwrap();
                assert!(items.contains(&id));
            }
            Err(Error::InvalidId { bytes, limit }) => assert!(!right && bytes == id.len() && limit == 512),
            Err(error) => panic!("{error}"),
        }
        assert_eq!(Item::from_row(row! { "id" => id.as_str() }).is_ok(), right);
        // To ask for an id that cannot be is no error: nothing has it.
        assert_eq!(items.delete([id.as_str()]).unwrap(), u64::from(right));
        assert!(items.get(&id).unwrap().is_none());
    }
    for row in [row! { "id" => 1.5 }, row! { "id" => true }, row! { "name" => "x" }] {
        assert!(matches!(Item::from_row(row), Err(Error::InvalidRow { .. })));
    }
    assert_eq!(Item::from_row(row! { "id" => -7 }).unwrap().id().as_str(), "-7");
}

#[test]
fn the_last_of_several_with_one_id_wins() {
    let (_database, items) = vectors(Metric::InnerProduct);
    let item = |id: &str, price: f64| Item::new(id).unwrap().with_vector([price as f32, 0.0]).with_row(row! { "price" => price });
    let changes = items.upsert_many([item("a", 1.0), item("kept", 2.0), item("a", 3.0), item("a", 4.0)]).unwrap();
    assert_eq!((changes.inserted, changes.updated, changes.deleted), (1, 3, 0), "kept was there, and a is replaced twice");
    assert_eq!(items.len(), 2);
    let a = items.get("a").unwrap().unwrap();
    assert_eq!((a.vector().unwrap(), a.row().get("price").and_then(torre::Value::as_f64)), (&[4.0, 0.0][..], Some(4.0)));
}

#[test]
fn queries_of_nothing_and_beyond_everything() {
    let database = Database::in_memory().unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2)).unwrap();
    for exact in [false, true] {
        let query = || if exact { items.search(&[1.0, 2.0]).exact() } else { items.search(&[1.0, 2.0]) };
        assert_eq!(query().run().unwrap().hits, [], "before anything is inserted");
        assert_eq!(query().k(usize::MAX).offset(usize::MAX).run().unwrap().hits, []);
    }
    assert_eq!(items.search_many([]).run().unwrap(), []);
    items.upsert_many((0..5).map(|n| Item::new(n).unwrap().with_vector([n as f32, 0.0]))).unwrap();
    assert_eq!(items.search(&[0.0, 0.0]).k(0).run().unwrap().hits, []);
    assert_eq!(items.search(&[0.0, 0.0]).k(usize::MAX).run().unwrap().ids().collect::<Vec<_>>(), ["0", "1", "2", "3", "4"]);
    assert_eq!(items.search(&[0.0, 0.0]).k(10).offset(3).run().unwrap().ids().collect::<Vec<_>>(), ["3", "4"]);
    assert_eq!(items.search(&[0.0, 0.0]).offset(5).run().unwrap().hits, []);
    let text = refused(&items, "an unknown item", |items| items.similar("none").run());
    assert!(text.contains("none"), "{text}");
    for (what, query) in [
        ("recall 0", items.search(&[0.0, 0.0]).recall(0.0)),
        ("recall NaN", items.search(&[0.0, 0.0]).recall(f32::NAN)),
        ("recall above 1", items.search(&[0.0, 0.0]).recall(1.1)),
        ("no lists", items.search(&[0.0, 0.0]).nprobe(0)),
        ("no candidates", items.search(&[0.0, 0.0]).refine_factor(0)),
    ] {
        assert!(matches!(query.run(), Err(Error::InvalidOption { .. })), "{what}");
    }
    let text = refused(&items, "no towers", |items| items.recommend(&Row::new()).run());
    assert!(text.contains("length 2"), "{text}");
}

#[test]
fn directories_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &std::path::Path| Database::open(path).map(drop).unwrap_err();
    let missing = error(&folder.path().join("none"));
    assert!(missing.to_string().contains("no database here") && missing.responsible() == Responsible::Caller, "{missing}");
    std::fs::write(folder.path().join("letter.txt"), "hello").unwrap();
    for result in [Database::open(folder.path()), Database::create(folder.path())] {
        let other = result.map(drop).unwrap_err();
        assert!(other.to_string().contains("not a Torre database") && other.to_string().contains("letter.txt"), "{other}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something was left beside the letter");
    let path = folder.path().join("db");
    let database = Database::create(&path).unwrap();
    let used = error(&path);
    assert!(used.to_string().contains("in use") && used.responsible() == Responsible::Operator, "{used}");
    let twice = Database::create(&path).map(drop).unwrap_err();
    assert!(twice.to_string().contains("in use") || twice.to_string().contains("already"), "{twice}");
    drop(database);
    drop(Database::open(&path).unwrap());
}
