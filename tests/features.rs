//! Rows and feature specs as a user of the crate meets them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value as Json, json};
use torre::{Dtype, Error, FeatureError, FeatureSpec, Field, FieldType, Responsible, Row, Schema, TowerRole, Value, row};

#[test]
fn one_row_three_ways() {
    #[derive(Serialize)]
    struct Product {
        title: String,
        price: f64,
        genres: Vec<&'static str>,
        brand: Option<String>,
        stock: u32,
    }
    let genres = vec!["a", "b"];
    let built = row! { "title" => "Red shoe", "price" => 9.5, "genres" => genres.clone(), "brand" => null, "stock" => 3u32 };
    let product = Product { title: "Red shoe".to_owned(), price: 9.5, genres, brand: None, stock: 3 };
    assert_eq!(Row::from_serialize(&product).unwrap(), built);
    let text = r#"{"title":"Red shoe","price":9.5,"genres":["a","b"],"brand":null,"stock":3}"#;
    assert_eq!(Row::from_json(text).unwrap(), built);
    assert_eq!(serde_json::from_str::<Row>(text).unwrap(), built);
    assert_eq!(serde_json::to_string(&built).unwrap(), text);
    let parts = [("title", Value::from("Red shoe")), ("price", 9.5.into())];
    assert_eq!(parts.into_iter().collect::<Row>(), row! { "title" => "Red shoe", "price" => 9.5 });
}

#[test]
fn values_come_from_what_applications_have() {
    let name = "computed".to_owned() + "_name";
    let id: Option<i32> = None;
    let row = row! {
        name => 1u8, "none" => id, "some" => Some("x"), "nested" => vec![vec![1.5f32], vec![]],
        "big" => u64::MAX, "slice" => &[1i64, 2][..], "inner" => row! { "k" => true }, "owned" => String::from("y"),
    };
    let text = r#"{"computed_name":1,"none":null,"some":"x","nested":[[1.5],[]],"big":18446744073709551615,"slice":[1,2],"inner":{"k":true},"owned":"y"}"#;
    assert_eq!(row.to_json().to_string(), text);
    assert_eq!(Row::from_json(text).unwrap(), row);
}

#[test]
fn errors_say_who_must_act() {
    let error = Error::from(Row::from_json(r#"{"a":1,"a":2}"#).unwrap_err());
    assert_eq!(error.responsible(), Responsible::Caller);
    assert!(error.to_string().contains("the field \"a\" comes twice"), "{error}");
    let error = Error::from(FeatureSpec::parse("{}").unwrap_err());
    assert_eq!(error.responsible(), Responsible::ModelAuthor);
    let error = Row::from_json("[]").unwrap_err().at_row(17);
    assert!(error.to_string().starts_with("row 17: "), "{error}");
}

#[test]
fn a_schema_refuses_what_it_does_not_know() {
    let schema = Schema { fields: vec!["stock:int".parse().unwrap(), "tags:list<text>".parse().unwrap()], lenient: false };
    assert_eq!(schema.fields[1], Field::new("tags", FieldType::TextList));
    assert_eq!(schema.check(&row! { "id" => 7, "stock" => 3, "tags" => ["a"] }, None, 0), Ok(()));
    let error = schema.check(&row! { "stock" => 3, "colour" => "red" }, None, 2).unwrap_err();
    assert_eq!(error.to_string(), "feature \"colour\" (row 2): unknown field");
    assert!(matches!(error, FeatureError::UnknownField { row: 2, .. }));
    let error = schema.check(&row! { "stock" => 3.5 }, None, 0).unwrap_err();
    assert_eq!(error.to_string(), "feature \"stock\" (row 0): expected a whole number, got the number 3.5");
    // A name from outside cannot break an error's line.
    let error = schema.check(&row! { "a\nb\u{1b}[31m" => 1 }, None, 0).unwrap_err();
    assert_eq!(error.to_string(), "feature \"a\\nb\\u{1b}[31m\" (row 0): unknown field");
    let read: Schema = serde_json::from_value(serde_json::to_value(&schema).unwrap()).unwrap();
    assert_eq!(read, schema);
}

#[test]
#[ignore = "shared data"]
fn shared_inputs_describe_the_tensors_of_the_contract() {
    let root = std::env::var_os("TORRE_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let path = root.join("contracts/spec_vectors.json");
    assert!(path.exists(), "{} is missing; TORRE_SHARED says where the reference data is", path.display());
    let vectors: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let document = json!({
            "torre": 1, "tower": "user", "model": "m", "dim": case["dim"], "metric": "l2", "output": "vector",
            "vocabs": vectors["vocabs"], "inputs": [case["input"]],
        });
        let spec = FeatureSpec::parse(&document.to_string()).unwrap();
        assert_eq!(spec.tower(), TowerRole::User);
        let input = &spec.inputs()[0];
        assert_eq!(json!(input.dtype.name()), case["input"]["dtype"]);
        let Some(shape) = case.get("shape").and_then(Json::as_array) else { continue };
        assert_eq!(json!(input.row_shape), json!(shape[1..]), "{case}");
        assert_eq!(input.index_size.is_some(), input.dtype == Dtype::I64);
        if let Some(size) = input.index_size {
            assert!(case["data"].as_array().unwrap().iter().all(|index| index.as_u64().unwrap() < size), "{case}");
        }
    }
}
