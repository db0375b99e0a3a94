//! Towers that compute something else than their graph says, or mix their rows, do not pass the trial.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as TypeValue};

use super::guard::Interface;
use super::plan::Plan;
use super::trial::{self, Trial};
use crate::features::{Dtype, InputSpec};
use crate::model_error::ModelError;

/// Width of the input and of the output.
const WIDTH: usize = 4;

fn node(operator: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        op_type: operator.to_owned(),
        name: format!("the {operator}"),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

fn with_float(mut node: pb::NodeProto, name: &str, value: f32) -> pb::NodeProto {
    node.attribute.push(pb::AttributeProto { name: name.to_owned(), r#type: AttributeType::Float as i32, f: value, ..Default::default() });
    node
}

fn integers(name: &str, values: &[i64]) -> pb::TensorProto {
    pb::TensorProto {
        name: name.to_owned(),
        dims: vec![values.len() as i64],
        data_type: 7,
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

/// A model from `x`, f32 `[N, 4]`, to `y`.
fn model(nodes: Vec<pb::NodeProto>, weights: Vec<pb::TensorProto>) -> pb::ModelProto {
    let dims =
        [Dim::DimParam("N".to_owned()), Dim::DimValue(WIDTH as i64)].map(|value| Dimension { value: Some(value), ..Default::default() });
    let shape = pb::TensorShapeProto { dim: dims.to_vec() };
    let r#type =
        pb::TypeProto { value: Some(TypeValue::TensorType(TensorType { elem_type: 1, shape: Some(shape) })), ..Default::default() };
    let value = |name: &str| pb::ValueInfoProto { name: name.to_owned(), r#type: Some(r#type.clone()), ..Default::default() };
    let graph =
        pb::GraphProto { node: nodes, initializer: weights, input: vec![value("x")], output: vec![value("y")], ..Default::default() };
    let set = pb::OperatorSetIdProto { domain: String::new(), version: 18 };
    pb::ModelProto { graph: Some(graph), opset_import: vec![set], ..Default::default() }
}

fn with_interface<T>(f: impl FnOnce(&Interface<'_>) -> T) -> T {
    let inputs = [InputSpec::values("x", Dtype::F32, vec![WIDTH], None)];
    f(&Interface { inputs: &inputs, output: "y", width: WIDTH })
}

/// Prepares one model, and tries it as if it were another.
fn trial(runs: pb::ModelProto, says: pb::ModelProto) -> Result<Trial, ModelError> {
    with_interface(|interface| {
        let plan = Plan::new(&mut { runs }, interface)?;
        trial::run(&says, interface, &plan)
    })
}

#[test]
fn a_sound_tower_passes() {
    let nodes = vec![node("Tanh", &["x"], "t"), node("Mul", &["t", "x"], "m"), node("LogSoftmax", &["m"], "y")];
    let found = trial(model(nodes.clone(), vec![]), model(nodes, vec![])).unwrap();
    assert_eq!((found.batches.as_slice(), found.compared, found.cut), (&[1, 8, 64][..], super::rows::ROWS, None));
    assert!(found.difference < found.tolerance, "{}", found.difference);
}

#[test]
fn a_wrong_operator_is_named() {
    let nodes = |wrong: &str| vec![node("Tanh", &["x"], "t"), node(wrong, &["t"], "s"), node("Add", &["s", "x"], "y")];
    match trial(model(nodes("Sin"), vec![]), model(nodes("Cos"), vec![])) {
        Err(ModelError::Differs { node, operator, .. }) => assert_eq!((&*node, &*operator), ("the Cos", "Cos")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_constant_that_is_a_little_off_is_seen() {
    let nodes = |alpha: f32| vec![with_float(node("Elu", &["x"], "y"), "alpha", alpha)];
    assert!(matches!(trial(model(nodes(1.0001), vec![]), model(nodes(1.0), vec![])), Err(ModelError::Differs { .. })));
}

#[test]
fn a_graph_that_mixes_rows_is_named() {
    let nodes = vec![node("Tanh", &["x"], "t"), node("ReduceMean", &["t", "axes"], "mean"), node("Sub", &["t", "mean"], "y")];
    let weights = vec![integers("axes", &[0])];
    match trial(model(nodes.clone(), weights.clone()), model(nodes, weights)) {
        Err(ModelError::MixesRows { node, batch, .. }) => assert_eq!((&*node, batch), ("the ReduceMean", 8)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn places_that_are_always_the_same_are_found_before_running() {
    // The columns 0 and 2 of each row, as a mask picks them: `x[:, mask]`, twice.
    let picked = |operator: &str| {
        vec![
            node(operator, &["mask"], "places"),
            node("Squeeze", &["places", "first"], "columns"),
            with_int(node("Gather", &["x", "columns"], "some"), "axis", 1),
            with_int(node("Concat", &["some", "some"], "y"), "axis", 1),
        ]
    };
    let weights = vec![integers("mask", &[1, 0, 1, 0]), integers("first", &[0])];
    let found = trial(model(picked("NonZero"), weights.clone()), model(picked("NonZero"), weights)).unwrap();
    assert_eq!((found.batches.as_slice(), found.difference), (&[1, 8, 64][..], 0.0));

    // Every row, by ones as long as the batch: an old way to count.
    let counted = vec![
        node("Shape", &["x"], "shape"),
        node("Gather", &["shape", "first"], "batch"),
        node("ConstantOfShape", &["batch"], "ones"),
        node("NonZero", &["ones"], "places"),
        node("Squeeze", &["places", "first"], "rows"),
        node("Gather", &["x", "rows"], "y"),
    ];
    let one = pb::TensorProto { dims: vec![1], data_type: 1, float_data: vec![1.0], ..Default::default() };
    let value = pb::AttributeProto { name: "value".to_owned(), r#type: 4, t: Some(one), ..Default::default() };
    let with_ones = |mut nodes: Vec<pb::NodeProto>| {
        nodes[2].attribute.push(value.clone());
        model(nodes, vec![integers("first", &[0])])
    };
    assert_eq!(trial(with_ones(counted.clone()), with_ones(counted)).unwrap().batches, [1, 8, 64]);

    // Where it depends on the row, there is no telling.
    let own = vec![node("Relu", &["x"], "positive"), node("NonZero", &["positive"], "places"), node("Identity", &["x"], "y")];
    match trial(model(own.clone(), vec![]), model(own, vec![])) {
        Err(ModelError::Operator { operator, way_out, .. }) => assert!(operator == "NonZero" && way_out.contains("multiply by a mask")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nan_is_not_dropped() {
    // The logarithm of a negative number is NaN, and stays it.
    let nodes = vec![node("Log", &["x"], "log"), node("Relu", &["log"], "y")];
    let found = trial(model(nodes.clone(), vec![]), model(nodes, vec![])).unwrap();
    assert!(found.compared > 0);
}

#[test]
fn runtime_and_reference_agree_on_every_function() {
    let functions = [
        "Relu",
        "Neg",
        "Abs",
        "Sign",
        "Exp",
        "Sqrt",
        "Reciprocal",
        "Sigmoid",
        "Tanh",
        "LeakyRelu",
        "Elu",
        "Selu",
        "Celu",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "Softplus",
        "Softsign",
        "Mish",
        "Erf",
        "Sin",
        "Cos",
        "Floor",
        "Ceil",
        "Round",
        "Softmax",
        "LogSoftmax",
        "LpNormalization",
        "Log",
        "Identity",
    ];
    for function in functions {
        // Numbers of moderate size: what is far beyond the float's precision (the sine of thousands) has no digits to compare.
        let mut tried = node(function, &["bounded"], "y");
        tried.name = "tried".to_owned();
        let nodes = vec![node("Softsign", &["x"], "bounded"), tried];
        let found = trial(model(nodes.clone(), vec![]), model(nodes, vec![])).unwrap_or_else(|error| panic!("{function}: {error}"));
        assert_eq!(found.compared, super::rows::ROWS, "{function}");
    }
    for (function, weights) in
        [("Add", "w"), ("Sub", "w"), ("Mul", "w"), ("Div", "w"), ("Min", "w"), ("Max", "w"), ("Pow", "w"), ("PRelu", "w")]
    {
        let numbers = vec![0.5, 2.0, -1.5, 3.0];
        let w = pb::TensorProto { name: "w".to_owned(), dims: vec![WIDTH as i64], data_type: 1, float_data: numbers, ..Default::default() };
        let nodes = vec![node("Abs", &["x"], "abs"), node(function, &["abs", weights], "y")];
        trial(model(nodes.clone(), vec![w.clone()]), model(nodes, vec![w])).unwrap_or_else(|error| panic!("{function}: {error}"));
    }
}

/// Numbers of the types that towers compute with, by ONNX's number.
const TYPES: [(&str, i64); 5] = [("f32", 1), ("i32", 6), ("i64", 7), ("bool", 9), ("f64", 11)];

fn with_int(mut node: pb::NodeProto, name: &str, value: i64) -> pb::NodeProto {
    node.attribute.push(pb::AttributeProto { name: name.to_owned(), r#type: AttributeType::Int as i32, i: value, ..Default::default() });
    node
}

/// The operator on numbers of a type: `x` is cast to it, and the result back; `w` is a constant of that type, `axes` is `[1]`.
fn typed(operator: pb::NodeProto, kind: i64) -> (Vec<pb::NodeProto>, Vec<pb::TensorProto>) {
    let w =
        pb::TensorProto { name: "w0".to_owned(), dims: vec![4], data_type: 1, float_data: vec![1.0, 2.0, 3.0, 4.0], ..Default::default() };
    let cast = |from: &str, to: &str, kind: i64| {
        let mut cast = with_int(node("Cast", &[from], to), "to", kind);
        cast.name = format!("cast of {from}");
        cast
    };
    let nodes = vec![
        node("Sin", &["x"], "sine"),
        node("Mul", &["sine", "w0"], "small"),
        cast("small", "a", kind),
        cast("w0", "w", kind),
        operator,
        cast("r", "float", 1),
        // A result of one column becomes four.
        node("Add", &["float", "small"], "y"),
    ];
    (nodes, vec![w, integers("axes", &[1]), integers("k", &[4])])
}

#[test]
fn every_type_is_computed_right_or_refused_by_the_guard() {
    let one =
        ["Identity", "Not", "IsNaN", "IsInf", "Relu", "Neg", "Abs", "Sign", "Exp", "Floor", "Softplus", "Erf", "Softmax", "Tanh", "Gelu"];
    let two = [
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Mod",
        "Pow",
        "Min",
        "Max",
        "Sum",
        "Mean",
        "PRelu",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "And",
        "Or",
        "Xor",
    ];
    let reductions =
        ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"];
    let mut operators: Vec<pb::NodeProto> = one.iter().map(|operator| node(operator, &["a"], "r")).collect();
    operators.extend(two.iter().map(|operator| node(operator, &["a", "w"], "r")));
    operators.push(with_int(node("Mod", &["a", "w"], "r"), "fmod", 1));
    operators.extend(reductions.iter().map(|operator| node(operator, &["a", "axes"], "r")));
    operators.push(with_int(node("ArgMax", &["a"], "r"), "axis", 1));
    operators.push(with_int(with_int(node("ArgMin", &["a"], "r"), "axis", 1), "select_last_index", 1));
    operators.push(node("CumSum", &["a", "k1"], "r"));
    operators.push(node("TopK", &["a", "k"], "r"));
    operators.push(node("Clip", &["a", "", "k2"], "r"));
    operators.push(with_int(node("Concat", &["a"], "r"), "axis", 1));
    operators.push(with_int(node("Gather", &["a", "order"], "r"), "axis", 1));
    operators.push(with_int(node("ScatterElements", &["a", "zeros", "a1"], "r"), "axis", 1));
    let mut faults = Vec::new();
    let mut right = 0;
    for operator in operators {
        for (name, kind) in TYPES {
            let what = operator.op_type.clone();
            let mut operator = operator.clone();
            let (mut nodes, mut weights) = typed(operator.clone(), kind);
            weights.push(integers("order", &[3, 0, 2, 1]));
            match operator.op_type.as_str() {
                "CumSum" => {
                    weights.push(pb::TensorProto { name: "k1".to_owned(), data_type: 7, int64_data: vec![1], ..Default::default() })
                }
                "Clip" => {
                    let mut bound = with_int(node("ReduceMax", &["w"], "k2"), "keepdims", 0);
                    bound.name = "bound".to_owned();
                    nodes.insert(4, bound);
                }
                "ScatterElements" => {
                    operator.input[2] = "a".to_owned();
                    operator.input[1] = "place".to_owned();
                    nodes[4] = operator;
                    let places = node("ArgMax", &["small"], "best");
                    nodes.insert(4, with_int(with_int(places, "axis", 1), "keepdims", 1));
                    nodes.insert(5, node("Expand", &["best", "like"], "place"));
                    weights.push(integers("like", &[1, 4]));
                }
                _ => {}
            }
            match trial(model(nodes.clone(), weights.clone()), model(nodes, weights)) {
                Ok(_) => right += 1,
                Err(ModelError::Graph { .. } | ModelError::Type { .. } | ModelError::Index { .. }) => {}
                Err(error) => faults.push(format!("{what} of {name}: {error}")),
            }
        }
    }
    assert!(faults.is_empty() && right > 100, "{right} right\n{}", faults.join("\n"));
}
