//! Raw rows that a tower cannot take: the error names the field and the row, and nothing of the batch is stored or answered.

use torre::{Collection, CollectionOptions, Database, Error, FeatureError, Item, Responsible, Row, TowerPair, TowerSource, row};

use serde_json::json;

use crate::onnx::linear;

/// A shop whose items have a price, stars (0 where they are missing) and two sizes; users have an age.
fn shop(lenient: bool) -> Collection {
    let number = |field: &str, missing: serde_json::Value| json!({"from": field, "op": {"number": ["log1p"]}, "missing": missing});
    let sizes = json!({"from": "sizes", "op": {"vector": {"width": 2}}});
    let spec = |role: &str, pieces: serde_json::Value, width: usize| {
        json!({
            "torre": 1, "tower": role, "model": "shop", "dim": 3, "metric": "cosine", "output": "vector",
            "inputs": [{"tensor": "x", "dtype": "f32", "shape": ["N", width], "concat": pieces}],
        })
        .to_string()
    };
    let item = json!([number("price", json!("error")), number("stars", json!({"value": 0})), sizes]);
    let user = json!([number("age", json!("error"))]);
    let item = TowerSource::new(linear(4, 3)).with_spec(spec("item", item, 4));
    let user = TowerSource::new(linear(1, 3)).with_spec(spec("user", user, 1));
    let options = CollectionOptions::towers(&TowerPair::new(item, user).unwrap()).field("title:text".parse().unwrap()).unwrap();
    Database::in_memory().unwrap().create_collection("items", options.lenient(lenient)).unwrap()
}

fn good(id: &str) -> Row {
    row! { "id" => id, "price" => 3.5, "stars" => 4, "sizes" => vec![1.0, 2.0], "title" => "Mug" }
}

const KEPT: &str = "kept";

fn state(items: &Collection) -> (u64, Option<Item>) {
    (items.len(), items.get(KEPT).unwrap())
}

/// The error must be about this field of this row, and be the caller's.
fn assert_about(error: &Error, field: &str, row: usize, expected: &str, what: &str) {
    assert_eq!(error.responsible(), Responsible::Caller, "{what}: {error}");
    let Error::Feature(feature) = error else { panic!("{what}: {error:?}") };
    assert_eq!((feature.field(), feature.row()), (Some(field), row), "{what}: {error}");
    assert!(error.to_string().contains(expected), "{what}: {error}");
}

#[test]
fn rows_of_items() {
    let items = shop(false);
    items.upsert_row(good(KEPT)).unwrap();
    let before = state(&items);
    let list = |values: Vec<f64>| good("bad").with("sizes", values);
    let cases: [(&str, Row, &str, &str); 11] = [
        (
            "a missing field",
            {
                let mut row = good("bad");
                row.remove("price");
                row
            },
            "price",
            "nothing",
        ),
        ("a null", good("bad").with("price", None::<f64>), "price", "nothing"),
        ("an extra field", good("bad").with("colour", "red"), "colour", "unknown field"),
        ("a text for a number", good("bad").with("price", "3.5"), "price", "expected a number, got the string \"3.5\""),
        ("a list for a number", good("bad").with("price", vec![3.5]), "price", "expected a number"),
        ("NaN", good("bad").with("price", f64::NAN), "price", "NaN"),
        ("an infinity", good("bad").with("stars", f64::INFINITY), "stars", "inf"),
        ("a number for a list", good("bad").with("sizes", 1.0), "sizes", "expected"),
        ("a short list", list(vec![1.0]), "sizes", "2"),
        ("a long list", list(vec![1.0, 2.0, 3.0]), "sizes", "2"),
        ("NaN in a list", list(vec![1.0, f64::NAN]), "sizes", "NaN"),
    ];
    for (what, bad, field, expected) in cases {
        let batch = [good(KEPT).with("price", 9.0), good("new"), bad.clone()];
        let error = items.upsert_many(batch.into_iter().map(|row| Item::from_row(row).unwrap())).unwrap_err();
        assert_about(&error, field, 2, expected, what);
        let error = items.patch(KEPT, &row! { field => bad.get(field).cloned() }).unwrap_err();
        assert_about(&error, field, 0, "", what);
        assert_eq!(state(&items), before, "{what} changed something");
    }
    // What the spec has a value for may be missing; a lenient collection takes what nothing names.
    let mut bare = good("bare");
    bare.remove("stars");
    items.upsert_row(bare).unwrap();
    shop(true).upsert_row(good("more").with("colour", "red")).unwrap();
    // The row is right, and the vector it gives has no direction: that is the tower's fault.
    let error = items.upsert_row(row! { "id" => "none", "price" => 0, "stars" => 0, "sizes" => vec![0.0, 0.0] }).unwrap_err();
    assert_eq!(error.responsible(), Responsible::ModelAuthor, "{error}");
    let error = items.upsert(Item::new("own").unwrap().with_vector([1.0, 0.0, 0.0])).unwrap_err();
    assert!(matches!(&error, Error::InvalidRow { problem, .. } if problem.contains("item tower")), "{error}");
    assert_eq!(items.len(), 2);
}

#[test]
fn rows_of_users() {
    let items = shop(false);
    assert_eq!(items.recommend(&row! { "age" => 30 }).run().unwrap().hits, [], "before anything is inserted");
    items.upsert_row(good(KEPT)).unwrap();
    let fine = row! { "age" => 30 };
    for (what, bad, expected) in [
        ("a missing field", row! {}, "nothing"),
        ("a text", row! { "age" => "30" }, "got the string \"30\""),
        ("NaN", row! { "age" => f64::NAN }, "NaN"),
        ("an infinity", row! { "age" => f64::NEG_INFINITY }, "inf"),
    ] {
        assert_about(&items.recommend(&bad).run().unwrap_err(), "age", 0, expected, what);
        assert_about(&items.recommend_many([&fine, &fine, &bad]).run().unwrap_err(), "age", 2, expected, what);
    }
    let error = items.recommend(&row! { "age" => 30, "colour" => "red" }).run().unwrap_err();
    assert!(matches!(&error, Error::Feature(FeatureError::UnknownField { field, .. }) if field == "colour"), "{error}");
    shop(true).recommend(&row! { "age" => 30, "colour" => "red" }).run().unwrap();
    assert_eq!(items.recommend(&fine).k(0).run().unwrap().hits, []);
    assert_eq!(items.recommend(&fine).k(1000).run().unwrap().hits.len(), 1);
}
