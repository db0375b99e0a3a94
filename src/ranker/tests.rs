//! Trees against the plainest of loops; what stands around trees; files that are no rankers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use serde_json::json;

use super::fuzzing::{spec, trees, values};
use super::model::Ranker;
use super::source::RankerSource;
use super::testing::{Form, Message, Row, Table, attribute, model, node, weight};
use crate::error::Error;
use crate::model_error::ModelError;
use crate::vector::Matrix;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn trees_score_as_the_tables_say(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        trees(&bytes);
    }

    #[test]
    fn broken_files_are_refused_or_score(bytes in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut onnx = super::testing::Bytes(&bytes).table().to_onnx();
        let at = at.index(onnx.len());
        onnx[at] = to;
        drop(super::fuzzing::ranker(&onnx));
        drop(super::fuzzing::ranker(&onnx[..at]));
    }
}

/// A row of the nodes' table.
fn row(tree: i64, node: i64, mode: u8, yes: i64, no: i64) -> Row {
    Row { tree, node, mode, feature: 0, threshold: 0.5, members: Vec::new(), missing: false, yes, no, weights: Vec::new() }
}

fn leaf(tree: i64, node: i64, value: f32) -> Row {
    Row { weights: vec![(0, value)], ..row(tree, node, 7, 0, 0) }
}

/// One tree over one feature: 1 up to 0.5, 2 above and where it is missing.
fn stump() -> Table {
    let mut table = Table::stump(1.0, 2.0);
    table.rows[0].missing = false;
    table
}

fn load(onnx: Vec<u8>) -> Result<Ranker, ModelError> {
    match Ranker::load(&RankerSource::new(onnx)) {
        Ok(ranker) => Ok(ranker),
        Err(Error::Model(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

/// Breaks a table.
type Change = fn(&mut Table);

fn refused(table: &Table) -> String {
    load(table.to_onnx()).expect_err("a broken table").to_string()
}

/// The scores of a graph with the output `y`.
fn scores(width: usize, nodes: &[Message], weights: &[Message], output: (&str, usize), rows: Vec<f32>) -> Result<Vec<f32>, ModelError> {
    let ranker = load(model(width, nodes, weights, &[output], Some(&spec(width, "x", output.0))))?;
    Ok(ranker.score(&Matrix::from_vec(width, rows).unwrap()).unwrap())
}

#[test]
fn a_stump_scores() {
    let ranker = load(stump().to_onnx()).unwrap();
    let rows = Matrix::from_vec(1, vec![0.5, 0.6, f32::NAN, -0.0, f32::NEG_INFINITY]).unwrap();
    assert_eq!(ranker.score(&rows).unwrap(), [1.0, 2.0, 2.0, 1.0, 1.0]);
    assert_eq!(ranker.score(&Matrix::default()).unwrap(), [0.0; 0]);
    let error = ranker.score(&Matrix::from_vec(2, vec![0.0; 4]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "rows: expected 1 columns, one a feature, got 2 columns");
}

#[test]
fn broken_trees_are_refused_with_their_place() {
    let change = |f: Change| {
        let mut table = stump();
        f(&mut table);
        refused(&table)
    };
    let cases: [(&str, Change); 12] = [
        ("comes back", |table| table.rows[0].yes = 0),
        ("leads to the node 9", |table| table.rows[0].no = 9),
        ("feature 1; there are 1", |table| table.rows[0].feature = 1),
        ("the feature -1", |table| table.rows[0].feature = -1),
        ("threshold is NaN", |table| table.rows[0].threshold = f32::NAN),
        ("target 1; there are 1", |table| table.rows[1].weights = vec![(1, 1.0)]),
        ("two weights", |table| table.rows[1].weights = vec![(0, 1.0), (0, 1.0)]),
        ("must be finite", |table| table.rows[1].weights = vec![(0, f32::INFINITY)]),
        ("node 1 of tree 0 twice", |table| table.rows[2].node = 1),
        ("no tree leads to it", |table| table.rows.push(row(0, 3, 0, 1, 2))),
        ("stand together", |table| table.rows.splice(1..1, [leaf(7, 0, 1.0)]).for_each(drop)),
        ("has 2 elements; there are 1 targets", |table| table.base = vec![0.0, 1.0]),
    ];
    for (expected, change_it) in cases {
        let error = change(change_it);
        assert!(error.contains(expected), "{error:?}, expected {expected:?}");
    }
    let mut empty = stump();
    empty.rows.clear();
    assert!(refused(&empty).contains("there are none"));
}

#[test]
fn a_long_cycle_and_a_long_path_end() {
    let mut table = stump();
    table.rows = (0..50_000).map(|at| row(0, at, 0, at + 1, at + 1)).collect();
    table.rows.push(leaf(0, 50_000, 1.0));
    assert_eq!(values(&table, &[0.25, 0.75]).unwrap(), [1.0, 1.0]);
    table.rows[49_999].no = 0;
    assert!(refused(&table).contains("comes back"));
    // Two paths at each of 40 branches: 2^40 paths, none of them long.
    table.rows = (0..40).map(|at| row(0, at, 4, at + 1, at + 1)).chain([leaf(0, 40, 3.0)]).collect();
    assert_eq!(values(&table, &[0.5]).unwrap(), [3.0]);
}

#[test]
fn what_a_file_claims_is_not_allocated() {
    // A billion nodes by the dimensions of a tensor, and none of them there.
    let modes = Message::default().int(1, 1_000_000_000).int(2, 2).bytes(9, [0; 4]);
    let nodes =
        [node("ai.onnx.ml", "TreeEnsemble", &["x"], &["y"], &[attribute::int("n_targets", 1), attribute::tensor("nodes_modes", &modes)])];
    assert!(matches!(scores(1, &nodes, &[], ("y", 0), vec![0.0]), Err(ModelError::TensorData { got: 4, .. })));
    // A billion targets.
    let nodes = [node("ai.onnx.ml", "TreeEnsembleRegressor", &["x"], &["y"], &[attribute::int("n_targets", 1_000_000_000)])];
    assert!(matches!(scores(1, &nodes, &[], ("y", 0), vec![0.0]), Err(ModelError::TooLarge { what: "targets", .. })));
    // More nodes than an ensemble may have, all of them there.
    let modes = attribute::texts("nodes_modes", std::iter::repeat_n("LEAF", (1 << 21) + 1));
    let nodes = [node("ai.onnx.ml", "TreeEnsembleRegressor", &["x"], &["y"], &[modes])];
    assert!(matches!(scores(1, &nodes, &[], ("y", 0), vec![0.0]), Err(ModelError::TooLarge { what: "tree nodes", .. })));
    // Empty messages take two bytes each, and far more when decoded.
    let empty = node("", "Identity", &["x"], &["y"], &vec![Message::default(); 600_000]);
    assert!(matches!(scores(1, &[empty], &[], ("y", 0), vec![0.0]), Err(ModelError::TooLarge { what: "bytes when decoded", .. })));
    // 40 times twice as wide.
    let names: Vec<String> = (0..41).map(|at| format!("v{at}")).collect();
    let scaler = node("ai.onnx.ml", "Scaler", &["x"], &["v0"], &[attribute::floats("offset", [0.0]), attribute::floats("scale", [1.0])]);
    let twice = |at: usize| node("", "Concat", &[&names[at], &names[at]], &[&names[at + 1]], &[attribute::int("axis", 1)]);
    let nodes: Vec<Message> = std::iter::once(scaler).chain((0..40).map(twice)).collect();
    assert!(matches!(scores(1, &nodes, &[], ("v40", 0), vec![0.0]), Err(ModelError::TooLarge { what: "columns", .. })));
}

#[test]
fn operators_around_a_model() {
    let nan = f32::NAN;
    let nodes = [
        node(
            "ai.onnx.ml",
            "Imputer",
            &["x"],
            &["a"],
            &[attribute::floats("imputed_value_floats", [5.0, 7.0]), attribute::float("replaced_value_float", nan)],
        ),
        node("ai.onnx.ml", "Scaler", &["a"], &["b"], &[attribute::floats("offset", [1.0, 2.0]), attribute::floats("scale", [2.0, 0.5])]),
        node("", "Concat", &["b", "x"], &["c"], &[attribute::int("axis", -1)]),
        node("ai.onnx.ml", "ArrayFeatureExtractor", &["c", "columns"], &["d"], &[]),
        node(
            "ai.onnx.ml",
            "LinearRegressor",
            &["d"],
            &["e"],
            &[attribute::floats("coefficients", [1.0, 10.0]), attribute::floats("intercepts", [0.5])],
        ),
        node("", "Squeeze", &["e"], &["f"], &[attribute::ints("axes", [1])]),
        node("", "Mul", &["half", "f"], &["g"], &[]),
        node("", "Neg", &["g"], &["h"], &[]),
        node("", "Reshape", &["h", "shape"], &["y"], &[]),
    ];
    let ints = |name: &str, values: &[i64]| {
        let tensor = Message::default().int(1, values.len() as i64).int(2, 7).bytes(8, name);
        values.iter().fold(tensor, |tensor, &value| tensor.int(7, value))
    };
    let weights = [ints("columns", &[1, 0]), ints("shape", &[-1, 1]), weight("half", &[], &[0.5])];
    // b = ((x0 or 5) - 1) * 2, ((x1 or 7) - 2) / 2; score = -(b1 + 10 b0 + 0.5) / 2
    let found = scores(2, &nodes, &weights, ("y", 0), vec![2.0, 4.0, nan, nan]).unwrap();
    assert_eq!(found, [-(1.0 + 20.0 + 0.5) / 2.0, -(2.5 + 80.0 + 0.5) / 2.0]);

    let classes =
        [attribute::floats("coefficients", [1.0]), attribute::floats("intercepts", [0.0]), attribute::ints("classlabels_ints", [0, 1])];
    let logistic = [&classes[..], &[attribute::text("post_transform", "LOGISTIC")]].concat();
    let nodes = [
        node("ai.onnx.ml", "LinearClassifier", &["x"], &["label", "p"], &logistic),
        node("ai.onnx.ml", "ZipMap", &["p"], &["y"], &[attribute::ints("classlabels_int64s", [0, 1])]),
    ];
    let found = scores(1, &nodes, &[], ("y", 0), vec![0.0, 3.0]).unwrap();
    assert_eq!(found[0], 0.5);
    assert!((found[1] - 0.952_574_1).abs() < 1e-6);

    for (norm, expected) in [("MAX", [3.0 / 4.0, 1.0]), ("L1", [3.0 / 7.0, 4.0 / 7.0]), ("L2", [0.6, 0.8])] {
        let nodes = [
            node("ai.onnx.ml", "Normalizer", &["x"], &["a"], &[attribute::text("norm", norm)]),
            node("", "Gather", &["a", "column"], &["y"], &[attribute::int("axis", 1)]),
        ];
        for (column, expected) in expected.into_iter().enumerate() {
            let found = scores(2, &nodes, &[ints("column", &[column as i64])], ("y", 0), vec![3.0, 4.0]).unwrap();
            assert!((found[0] - expected).abs() < 1e-6, "{norm}: {found:?}, expected {expected}");
        }
    }
}

#[test]
fn graphs_that_do_not_rank_are_refused() {
    let stump = stump().to_node();
    let refused = |nodes: &[Message], output: &str| scores(1, nodes, &[], (output, 0), vec![0.0]).unwrap_err();
    let operator = refused(&[stump.clone(), node("", "TopK", &["y"], &["z"], &[])], "z");
    assert!(matches!(&operator, ModelError::RankerOperator { operator, .. } if operator == "TopK"), "{operator}");
    let encoder = refused(&[node("ai.onnx.ml", "OneHotEncoder", &["x"], &["a"], &[])], "a");
    assert!(matches!(&encoder, ModelError::RankerOperator { operator, .. } if operator == "ai.onnx.ml.OneHotEncoder"), "{encoder}");
    assert!(matches!(refused(std::slice::from_ref(&stump), "z"), ModelError::Output { .. }));
    let odd = node("ai.onnx.ml", "Normalizer", &["x"], &["y"], &[attribute::text("norm", "L1"), attribute::int("odd", 1)]);
    assert!(refused(&[odd], "y").to_string().contains("\"odd\" is not known"));
    let double =
        node("ai.onnx.ml", "TreeEnsembleRegressor", &["x"], &["y"], &[attribute::tensor("nodes_values_as_tensor", &weight("", &[0], &[]))]);
    assert!(refused(&[double], "y").to_string().contains("double precision"));
    // Nodes that read each other.
    let circle = [node("ai.onnx.ml", "Normalizer", &["b"], &["a"], &[]), node("", "Identity", &["a"], &["b"], &[])];
    assert!(refused(&circle, "b").to_string().contains("which no node before it makes"));
    let classifier = Table { form: Form::Classifier, targets: 2, ..self::stump() };
    let label = scores(1, &[classifier.to_node()], &[], ("l", 0), vec![0.0]).unwrap_err();
    assert!(label.to_string().contains("label of a class"), "{label}");
    let none =
        [node("ai.onnx.ml", "Normalizer", &["x"], &["a"], &[]), node("", "Gather", &["a", "none"], &["y"], &[attribute::int("axis", 1)])];
    let empty = Message::default().int(1, 0).int(2, 7).bytes(8, "none");
    assert!(scores(1, &none, &[empty], ("y", 0), vec![0.0]).unwrap_err().to_string().contains("no columns"));
    let many = Table { targets: 3, ..self::stump() };
    assert!(refused(&[many.to_node()], "y").to_string().contains("makes 3 columns"));
}

#[test]
fn a_network_goes_the_way_of_the_towers() {
    let layers = |output: &str| {
        vec![
            node("", "MatMul", &["x", "w"], &["a"], &[]),
            node("", "Relu", &["a"], &["b"], &[]),
            node("", "MatMul", &["b", "v"], &[output], &[]),
        ]
    };
    let weights = [weight("w", &[2, 2], &[1.0, 0.0, 0.0, -1.0]), weight("v", &[2, 1], &[1.0, 10.0])];
    let rows: Vec<f32> = (0..150).map(|at| at as f32 - 75.0).collect();
    let expected: Vec<f32> = rows.chunks(2).map(|row| row[0].max(0.0) + 10.0 * (-row[1]).max(0.0)).collect();
    assert_eq!(scores(2, &layers("y"), &weights, ("y", 2), rows.clone()).unwrap(), expected);

    let mut flat = layers("c");
    flat.push(node("", "Flatten", &["c"], &["d"], &[attribute::int("axis", 0)]));
    flat.push(node("", "Squeeze", &["d", "axis"], &["y"], &[]));
    let axis = Message::default().int(1, 1).int(2, 7).bytes(8, "axis").int(7, 0);
    let weights = [&weights[..], &[axis]].concat();
    assert_eq!(scores(2, &flat, &weights, ("y", 1), rows).unwrap(), expected);
}

#[test]
fn specs_that_do_not_hold_together_are_refused() {
    let good = json!({"torre": 1, "features": [{"name": "f", "from": "item.f"}], "input": "x", "output": "y"});
    let golden = json!({"score": 0.1, "item": {"f": 0.25}, "user": {}, "features": [0.25], "output": 1.0});
    let with = |key: &str, value: serde_json::Value| {
        let mut spec = good.clone();
        spec[key] = value;
        spec.to_string()
    };
    let load = |spec: String| match Ranker::load(&RankerSource::new(stump().to_onnx()).with_spec(spec)) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let golden_with = |key: &str, value: serde_json::Value| {
        let mut row = golden.clone();
        row[key] = value;
        with("golden", json!([golden, row]))
    };
    let cases = [
        ("JSON", "{".to_owned()),
        ("the version", with("torre", json!(3))),
        ("one feature at least", with("features", json!([]))),
        ("features[0].from", with("features", json!([{"name": "f", "from": "shop.f"}]))),
        ("a name of its own", with("features", json!([{"name": "f", "from": "score"}, {"name": "f", "from": "item.f"}]))),
        ("names 2 features", with("features", json!([{"name": "f", "from": "score"}, {"name": "g", "from": "item.f"}]))),
        ("no such input", with("input", json!("z"))),
        ("no such output", with("output", json!("z"))),
        ("golden[1].output", golden_with("output", json!(null))),
        ("golden[1].features", golden_with("features", json!([1, 2]))),
        ("golden row 1: the score is 1", golden_with("output", json!(1.001))),
        ("golden row 1: the feature \"f\" is 0.5", golden_with("item", json!({"f": 0.5}))),
        ("golden row 1: the feature \"f\" is NaN", golden_with("item", json!({"f": "text"}))),
        ("", golden_with("output", json!(1.000_001))),
    ];
    for (expected, spec) in cases {
        let error = load(spec.clone());
        assert!(error.contains(expected) && error.is_empty() == expected.is_empty(), "{error:?}, expected {expected:?} of {spec}");
    }
    let bare = model(1, &[stump().to_node()], &[], &[("y", 0)], None);
    assert!(matches!(self::load(bare), Err(ModelError::NoSpec { entry: "torre.ranker", .. })));
}

#[test]
fn features_are_numbers_or_missing() {
    use super::spec::RankerSpec;
    use crate::features::row;
    let features = ["score", "item.a", "item.b", "item.c", "user.a", "user.none"];
    let features: Vec<_> = features.iter().map(|from| json!({"name": from, "from": from})).collect();
    let spec = RankerSpec::parse(&json!({"torre": 1, "features": features, "input": "x", "output": "y"}).to_string()).unwrap();
    let mut found = Vec::new();
    spec.encode(0.5, &row! { "a" => 3, "b" => true, "c" => "text" }, &row! { "a" => 2.5 }, &mut found);
    assert_eq!(found[..3], [0.5, 3.0, 1.0]);
    assert_eq!(found[4], 2.5);
    assert!(found[3].is_nan() && found[5].is_nan());
}
