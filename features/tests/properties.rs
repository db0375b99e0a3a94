//! What holds for every row and every document of version 2.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use torre_features::{EncodeError, EncodeOptions, FeatureSpec, FieldType, Row, Tensor, TensorData, row};

const DOCUMENT: &str = include_str!("every_op_v2.json");
const NOW: f64 = 1_764_244_800.25;

fn every_op() -> FeatureSpec {
    FeatureSpec::parse(DOCUMENT).unwrap()
}

fn good_row() -> Row {
    row! {
        "id" => 7, "history" => ["50", "x"], "tastes" => row! { "rock" => 0.7, "jazz" => 2, "folk" => null, "pop" => -1 }, "price" => 9.5,
        "city" => "Bergen", "device" => "phone", "times" => [0, 1_764_000_000], "now" => "2025-11-27T12:00:00Z", "at" => 1_700_000_000,
        "lat" => 60.4, "lon" => 5.3, "place" => [60.4, 5.3], "clips" => vec![vec![1, 2], vec![3, 4]], "title" => "Red shoe", "embedding" => [1, 2],
    }
}

fn encode(spec: &FeatureSpec, rows: &[&Row]) -> Result<Vec<Tensor>, EncodeError> {
    spec.encode(rows, &EncodeOptions { lenient: true, now: Some(NOW), ..EncodeOptions::default() })
}

/// Shapes as declared, indexes within their range, numbers finite.
fn check(spec: &FeatureSpec, rows: usize, tensors: &[Tensor]) {
    assert_eq!(tensors.len(), spec.inputs().len());
    for (tensor, input) in tensors.iter().zip(spec.inputs()) {
        assert_eq!((&tensor.name, &tensor.shape), (&input.tensor, &[&[rows], &*input.row_shape].concat()));
        let length = rows * input.row_len();
        match (&tensor.data, input.index_size) {
            (TensorData::I64(data), Some(size)) => {
                assert_eq!(data.len(), length);
                assert!(data.iter().all(|index| u64::try_from(*index).is_ok_and(|index| index < size)), "{tensor:?}");
            }
            (TensorData::F32(data), None) => {
                assert_eq!(data.len(), length);
                assert!(data.iter().all(|x| x.is_finite()), "{tensor:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The bits of all tensors, row by row.
fn bits(spec: &FeatureSpec, tensors: &[Tensor], row: usize) -> Vec<u64> {
    let lengths = spec.inputs().iter().map(|input| input.row_len());
    let parts = tensors.iter().zip(lengths).map(|(tensor, length)| match &tensor.data {
        TensorData::I64(data) => data[row * length..][..length].iter().map(|index| index.cast_unsigned()).collect::<Vec<u64>>(),
        TensorData::F32(data) => data[row * length..][..length].iter().map(|x| u64::from(x.to_bits())).collect(),
    });
    parts.flatten().collect()
}

#[test]
fn every_operation_takes_a_good_row_and_an_empty_one() {
    let spec = every_op();
    assert_eq!((spec.version(), spec.uses_now(), spec.inputs().len()), (2, true, 15));
    let tensors = encode(&spec, &[&good_row(), &row! {}]).unwrap();
    check(&spec, 2, &tensors);
    let names: Vec<&str> = tensors.iter().map(|tensor| &*tensor.name).collect();
    assert_eq!(names[2..5], ["tastes", "taste_weights", "price_bucket"]);
    assert_eq!(tensors[3].data, TensorData::F32(vec![2.0, 0.7, -1.0, 0.0, 0.0, 0.0]));
    let fields: Vec<&str> = spec.fields().collect();
    assert_eq!(fields.len(), 15, "{fields:?}");
    assert!(spec.encode(&[&good_row()], &EncodeOptions::default()).is_ok(), "every field of the row is known");
}

#[test]
fn the_example_of_the_documentation_is_a_spec() {
    let page = include_str!("../../docs/feature-spec.md");
    let (_, example) = page.split_once("```json\n").unwrap();
    let spec = FeatureSpec::parse(example.split_once("```").unwrap().0).unwrap();
    let golden = &spec.golden()[0];
    check(&spec, 1, &encode(&spec, &[&golden.row]).unwrap());
    assert_eq!(spec.inputs().len(), 4);
}

#[test]
fn fields_say_what_they_hold() {
    let spec = every_op();
    for (field, kind) in [
        ("id", Some(FieldType::Text)),
        ("tastes", None),
        ("price", Some(FieldType::Float)),
        ("city", Some(FieldType::Text)),
        ("times", Some(FieldType::TimeList)),
        ("now", Some(FieldType::Time)),
        ("at", Some(FieldType::Time)),
        ("lat", Some(FieldType::Float)),
        ("place", Some(FieldType::FloatList)),
        ("clips", None),
        ("title", Some(FieldType::Text)),
        ("embedding", Some(FieldType::FloatList)),
        ("none", None),
    ] {
        assert_eq!(spec.field_type(field), kind, "{field}");
    }
}

#[test]
fn a_report_names_what_is_missing_and_unknown() {
    let mut document: Json = serde_json::from_str(DOCUMENT).unwrap();
    document["inputs"][2]["op"] = json!({"bag": {"vocab": {"values": ["rock", "jazz"]}}});
    let spec = FeatureSpec::parse(&document.to_string()).unwrap();
    let mut row = good_row().with("id", 5000).with("extra", 1);
    for field in ["now", "lat", "title"] {
        row.remove(field);
    }
    let report = spec.inspect(&row, None);
    // Now is what the clock says, so nothing is missing there; an entry whose weight is null is not there.
    assert_eq!(report.missing, ["lat", "title"]);
    assert_eq!(report.unknown_values, ["id=5000", "history=x", "tastes=pop"]);
    assert_eq!(report.unknown_fields, ["extra"]);
}

#[test]
fn now_is_the_rows_own_or_that_of_the_call() {
    let input = json!({"tensor": "x", "dtype": "f32", "shape": ["N"], "from": "t", "op": {"age": {"now": "now", "unit": "seconds"}}});
    let mut document = json!({
        "torre": 2, "tower": "user", "model": "m", "dim": 1, "metric": "ip", "output": "v", "inputs": [input],
        "golden": [{"row": {"t": 0, "now": 5}, "vector": [1]}],
    });
    let spec = FeatureSpec::parse(&document.to_string()).unwrap();
    let age = |row: Row, options: &EncodeOptions<'_>| match &spec.encode(&[&row], options).unwrap()[0].data {
        TensorData::F32(data) => data[0],
        other => panic!("{other:?}"),
    };
    let at_ten = EncodeOptions { now: Some(10.0), ..EncodeOptions::default() };
    assert_eq!(age(row! { "t" => 4, "now" => 5 }, &at_ten), 1.0);
    assert_eq!(age(row! { "t" => 4 }, &at_ten), 6.0);
    assert_eq!(age(row! { "t" => 4, "now" => null }, &at_ten.at_one_time()), 6.0);
    let clock = EncodeOptions::default().at_one_time();
    let now = clock.now.unwrap();
    assert!(now > 1.7e9 && (0.0..60.0).contains(&age(row! { "t" => now }, &EncodeOptions::default())));
    // A number that is none is no time: the clock's.
    assert!(EncodeOptions { now: Some(f64::NAN), ..EncodeOptions::default() }.at_one_time().now.unwrap() >= now);

    document["golden"][0]["row"] = json!({"t": 0});
    let problem = FeatureSpec::parse(&document.to_string()).unwrap_err().to_string();
    assert_eq!(problem, "feature spec, \"golden[0].row\": expected the field \"now\", from which ages count, got nothing");
}

#[test]
fn numbers_built_in_rust_must_be_finite() {
    let spec = every_op();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (field, value) in [
            ("id", bad.into()),
            ("history", [bad].into()),
            ("tastes", row! { "a" => bad }.into()),
            ("price", bad.into()),
            ("times", [bad].into()),
            ("now", bad.into()),
            ("at", bad.into()),
            ("lat", bad.into()),
            ("lon", bad.into()),
            ("place", [1.0, bad].into()),
            ("clips", vec![vec![1.0, bad]].into()),
            ("embedding", [bad, 1.0].into()),
        ] {
            let value: torre_features::Value = value;
            match encode(&spec, &[&good_row().with(field, value)]) {
                Err(EncodeError::Feature(error)) => assert_eq!(error.field(), Some(field)),
                other => panic!("{field}: {other:?}"),
            }
        }
    }
}

/// Anything that a row may hold.
fn any_value() -> impl Strategy<Value = torre_features::Value> {
    use torre_features::Value;
    let one = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3i64..200).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-200.0..200.0f64).prop_map(Value::from),
        "[a-z0-9<> é]{0,6}|\\PC{0,5}|20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:00:00Z".prop_map(Value::from),
    ];
    one.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::vec(("[a-d0-9]{0,2}", inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Rows that are often right, field by field, and sometimes anything.
fn some_row() -> impl Strategy<Value = Row> {
    let fields: Vec<String> = good_row().iter().map(|(name, _)| name.to_owned()).collect();
    prop::collection::vec((prop::sample::select(fields), any_value()), 0..3).prop_map(|changes| {
        let mut row = good_row();
        for (field, value) in changes {
            row.insert(field, value);
        }
        row
    })
}

/// Every place of a document, from the top down.
fn places(json: &Json) -> Vec<String> {
    fn walk(json: &Json, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match json {
            Json::Array(list) => list.iter().enumerate().for_each(|(n, json)| walk(json, &format!("{at}/{n}"), found)),
            Json::Object(object) => object.iter().for_each(|(key, json)| walk(json, &format!("{at}/{key}"), found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(json, "", &mut found);
    found
}

/// JSON as documents have it, in the wrong place.
fn some_json() -> impl Strategy<Value = Json> {
    let numbers = [json!(0), json!(-1), json!(1), json!(2), json!(0.5), json!(1e300), json!(1u64 << 40), json!(u64::MAX)];
    let texts = ["N", "error", "null", "f32", "i64", "log", "sqrt", "largest", "first", "hour", "days", "now", ""];
    let texts = texts.map(Json::from).to_vec();
    let whole: Json = serde_json::from_str(DOCUMENT).unwrap();
    // Parts of the document itself fit where they do not belong.
    let parts: Vec<Json> = places(&whole).iter().skip(1).map(|at| whole.pointer(at).unwrap().clone()).collect();
    prop_oneof![
        prop::sample::select(numbers.to_vec()),
        prop::sample::select(texts),
        prop_oneof![Just(Json::Null), Just(json!(true)), Just(json!([])), Just(json!({})), Just(json!({"value": 3}))],
        prop::sample::select(parts),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_batch_is_its_rows_one_by_one(rows in prop::collection::vec(some_row(), 0..5)) {
        let spec = every_op();
        let refs: Vec<&Row> = rows.iter().collect();
        let alone: Vec<_> = refs.iter().map(|row| encode(&spec, &[row])).collect();
        match encode(&spec, &refs) {
            Ok(tensors) => {
                check(&spec, rows.len(), &tensors);
                for (n, alone) in alone.iter().enumerate() {
                    let alone = alone.as_ref().unwrap();
                    prop_assert_eq!(bits(&spec, &tensors, n), bits(&spec, alone, 0));
                }
            }
            Err(EncodeError::Feature(error)) => prop_assert!(alone[error.row()].is_err()),
            Err(other) => panic!("{other}"),
        }
        for row in &rows {
            spec.inspect(row, None);
        }
    }

    #[test]
    fn a_changed_document_is_refused_or_keeps_its_word(
        changes in prop::collection::vec((any::<prop::sample::Index>(), some_json()), 1..3),
        row in some_row(),
    ) {
        let mut document: Json = serde_json::from_str(DOCUMENT).unwrap();
        for (place, json) in changes {
            let places = places(&document);
            *document.pointer_mut(&places[place.index(places.len())]).unwrap() = json;
        }
        if let Ok(spec) = FeatureSpec::parse(&document.to_string()) {
            for row in [&row, &good_row()] {
                match encode(&spec, &[row]) {
                    Ok(tensors) => check(&spec, 1, &tensors),
                    Err(error) => prop_assert!(matches!(error, EncodeError::Feature(_)), "{error}"),
                }
                spec.inspect(row, None);
            }
            let _ = spec.fields().filter_map(|field| spec.field_type(field)).count();
        }
    }
}
