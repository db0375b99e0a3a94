//! Specs of version 2: texts and crosses.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde_json::json;

use super::spec::RankerSpec;
use crate::features::{FieldHash, row};

fn second(features: &serde_json::Value) -> String {
    json!({"torre": 2, "features": features, "input": "x", "output": "y"}).to_string()
}

#[test]
fn texts_and_crosses_are_numbers_or_missing() {
    let features = json!([
        {"name": "brand", "from": "item.brand", "vocab": ["N", "F", "7"]},
        {"name": "bucket", "from": "user.brand", "buckets": 97},
        {"name": "same", "cross": "equal", "of": ["user.brand", "item.brand"]},
        {"name": "apart", "cross": "difference", "of": ["user.now", "item.added"]},
        {"name": "by", "cross": "ratio", "of": ["item.price", "user.budget"]},
        {"name": "in", "cross": "in_list", "of": ["item.genres", "user.genres"]},
        {"name": "km", "cross": "distance", "of": ["user.lat", "user.lon", "item.lat", "item.lon"]},
    ]);
    let spec = RankerSpec::parse(&second(&features)).unwrap();
    let encode = |item: crate::Row, user: crate::Row| {
        let mut found = Vec::new();
        spec.encode(0.5, &item, &user, &mut found);
        found
    };
    let bucket = FieldHash::new("brand").bucket("N", 97) as f32;
    let item = row! { "brand" => "N", "added" => "2026-03-01T00:00:00Z", "price" => 30, "genres" => vec!["a", "b", "c"], "lat" => 52.3728, "lon" => 4.8936 };
    let user = row! { "brand" => "N", "now" => "2026-03-01T01:00:00Z", "budget" => 40.0, "genres" => vec!["c", "x"], "lat" => 60.3913, "lon" => 5.3221 };
    let found = encode(item.clone(), user.clone());
    assert_eq!(found[..5], [0.0, bucket, 1.0, 3600.0, 0.75]);
    assert_eq!(found[5], (1.0f64 / 3.0) as f32);
    assert!((found[6] - 892.0).abs() < 1.0, "{}", found[6]);
    assert!(encode(row! {}, row! {}).iter().all(|x| x.is_nan()), "all missing");
    let one_side = encode(item.clone(), row! {});
    assert!(one_side[0] == 0.0 && one_side[1..].iter().all(|x| x.is_nan()), "{one_side:?}");
    // Whole numbers are their decimal text, in fields of floats too.
    for brand in [crate::Value::from("7"), crate::Value::from(7), crate::Value::from(7.0)] {
        let found = encode(
            row! { "brand" => brand.clone(), "genres" => "c", "price" => 1 },
            row! { "brand" => 7, "genres" => vec!["c"], "budget" => 0 },
        );
        assert_eq!((found[0], found[2], found[5]), (2.0, 1.0, 1.0), "{brand:?}");
        assert!(found[4].is_nan(), "by 0");
    }
    // A list is no single value; a bool is no number; what is not known is missing.
    let found = encode(row! { "brand" => vec!["N"], "genres" => Vec::<String>::new() }, row! { "brand" => "N", "genres" => vec!["c"] });
    assert!(found[0].is_nan() && found[2].is_nan() && found[5].is_nan(), "{found:?}");
    let found = encode(row! { "brand" => true, "price" => true }, row! { "brand" => 1, "budget" => 2 });
    assert!(found[0].is_nan() && found[2] == 0.0 && found[4] == 0.5, "{found:?}");
    assert!(encode(row! { "brand" => "unknown" }, row! {})[0].is_nan());
    assert!(encode(row! { "lat" => 91, "lon" => 0 }, user)[6].is_nan());
    let said: Vec<String> = spec.features().iter().map(|feature| feature.from.to_string()).collect();
    assert_eq!(said[..3], ["item.brand as one of 3", "user.brand in 97 buckets", "equal(user.brand, item.brand)"]);
    let read: Vec<&str> = spec.features().iter().flat_map(|feature| feature.from.item_fields()).collect();
    assert_eq!(read, ["brand", "brand", "added", "price", "genres", "lat", "lon"]);
    let read: Vec<&str> = spec.features().iter().flat_map(|feature| feature.from.user_fields()).collect();
    assert_eq!(read, ["brand", "brand", "now", "budget", "genres", "lat", "lon"]);
}

#[test]
fn features_that_are_not_numbers_are_refused() {
    let refused = |feature: serde_json::Value| match RankerSpec::parse(&second(&json!([feature]))) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    for (expected, feature) in [
        ("", json!({"name": "f", "from": "score"})),
        ("features[0].from", json!({"name": "f", "from": "shop.f"})),
        ("features[0].from", json!({"name": "f"})),
        ("features[0].from", json!({"name": "f", "from": "score", "vocab": ["a"]})),
        ("features[0].vocab", json!({"name": "f", "from": "item.f", "vocab": "a"})),
        ("each value once", json!({"name": "f", "from": "item.f", "vocab": ["a", "a"]})),
        ("a list of texts", json!({"name": "f", "from": "item.f", "vocab": ["a", 1]})),
        ("from 1 to 16777216", json!({"name": "f", "from": "item.f", "buckets": 0})),
        ("from 1 to 16777216", json!({"name": "f", "from": "item.f", "buckets": 1u64 << 40})),
        ("nothing beside \"vocab\"", json!({"name": "f", "from": "item.f", "vocab": ["a"], "buckets": 5})),
        ("nothing beside \"cross\"", json!({"name": "f", "from": "item.f", "cross": "equal", "of": ["item.a", "user.a"]})),
        ("nothing beside \"from\"", json!({"name": "f", "from": "item.f", "of": ["item.a", "user.a"]})),
        ("equal, difference, ratio, in_list or distance", json!({"name": "f", "cross": "product", "of": ["item.a", "user.a"]})),
        ("expected 2 fields, got 3", json!({"name": "f", "cross": "equal", "of": ["item.a", "user.a", "item.b"]})),
        ("expected 4 fields, got 2", json!({"name": "f", "cross": "distance", "of": ["item.a", "user.a"]})),
        ("features[0].of", json!({"name": "f", "cross": "equal", "of": ["score", "user.a"]})),
        ("features[0].of", json!({"name": "f", "cross": "equal"})),
        ("an unknown key", json!({"name": "f", "from": "item.f", "scale": 2})),
    ] {
        let error = refused(feature.clone());
        assert!(error.contains(expected) && error.is_empty() == expected.is_empty(), "{error:?}, expected {expected:?} of {feature}");
    }
    let with_space = |space: serde_json::Value| {
        let spec = json!({"torre": 2, "space": space, "features": [{"name": "f", "from": "score"}], "input": "x", "output": "y"});
        RankerSpec::parse(&spec.to_string()).map(|spec| spec.space())
    };
    assert_eq!(with_space(json!("00000000000000ff")).ok(), Some(Some(255)));
    assert_eq!(with_space(json!(null)).ok(), Some(None));
    for wrong in [json!("ff"), json!(255), json!("+0000000000000ff"), json!("00000000000000fg")] {
        assert!(with_space(wrong.clone()).is_err(), "{wrong}");
    }
    // Version 1 knows none of it.
    let first = json!({"torre": 1, "features": [{"name": "f", "cross": "equal", "of": ["item.a", "user.a"]}], "input": "x", "output": "y"});
    assert!(RankerSpec::parse(&first.to_string()).is_err());
}

/// Fuzzing begins inside, and not with a file that is refused.
#[test]
fn the_seed_of_the_second_version_is_a_ranker() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/ranker/second_version");
    let ranker = crate::Ranker::load(&crate::RankerSource::from_file(path).unwrap()).unwrap();
    assert_eq!((ranker.spec().features().len(), ranker.spec().golden().len()), (9, 1));
}
