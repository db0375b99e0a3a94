//! Bags as exporters write them, beside what ONNX Runtime made of them; and loops that are nearly bags.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use prost::Message;
use serde_json::Value as Json;
use tract_onnx::pb;

use super::expression::Expression;
use super::{OPERATOR, rewrite};
use crate::features::{Dtype, InputSpec, Tensor, TensorData};
use crate::model_error::ModelError;
use crate::tower::decode;
use crate::tower::guard::Interface;
use crate::tower::plan::{Plan, without_panic};
use crate::tower::trial;

const LENGTH: usize = 4;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/embedding_bag")
}

fn expected() -> Json {
    serde_json::from_str(&std::fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap()
}

fn file(tower: &Json) -> Vec<u8> {
    std::fs::read(folder().join(tower["file"].as_str().unwrap())).unwrap()
}

/// The model as its exporter wrote it.
fn raw(tower: &Json) -> pb::ModelProto {
    pb::ModelProto::decode(file(tower).as_slice()).unwrap()
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn specs(tower: &Json, count: u64) -> Vec<InputSpec> {
    let mut specs = vec![InputSpec::values("tags", Dtype::I64, vec![LENGTH], Some(count))];
    if !tower["weights"].is_null() {
        specs.push(InputSpec::values("weights", Dtype::F32, vec![LENGTH], None));
    }
    specs
}

fn prepared(tower: &Json, count: u64, model: Result<pb::ModelProto, ModelError>) -> Result<Plan, ModelError> {
    let specs = specs(tower, count);
    let interface = Interface { inputs: &specs, output: "vector", width: 2 };
    let mut model = model?;
    let plan = Plan::new(&mut model, &interface)?;
    without_panic("trial", || trial::run(&model, &interface, &plan))?;
    Ok(plan)
}

#[test]
fn bags_of_every_kind_are_what_another_runtime_computes() {
    let json = expected();
    let tags = json["tags"].as_array().unwrap();
    for tower in json["towers"].as_array().unwrap() {
        let name = &tower["file"];
        let plan = prepared(tower, json["count"].as_u64().unwrap(), decode::model(&file(tower))).unwrap_or_else(|e| panic!("{name}: {e}"));
        let check = |rows: Vec<usize>| {
            let shape = vec![rows.len(), LENGTH];
            let of = |all: &Json| rows.iter().flat_map(|&row| numbers(&all[row])).collect::<Vec<f64>>();
            let ids = TensorData::I64(of(&json["tags"]).iter().map(|&x| x as i64).collect());
            let mut tensors = vec![Tensor { name: "tags".into(), shape: shape.clone(), data: ids }];
            if !tower["weights"].is_null() {
                let data = TensorData::F32(of(&tower["weights"]).iter().map(|&x| x as f32).collect());
                tensors.push(Tensor { name: "weights".into(), shape, data });
            }
            let found = plan.run(&tensors, rows.len()).unwrap();
            let wanted = of(&tower["vectors"]);
            assert_eq!(found.len(), wanted.len());
            for (x, y) in found.iter().zip(wanted) {
                assert!((f64::from(*x) - y).abs() <= 1e-6, "{name}, rows {rows:?}: {x}, expected {y}");
            }
        };
        (0..tags.len()).for_each(|row| check(vec![row]));
        check((0..9).map(|at| at % tags.len()).collect());
        check((0..64).map(|at| at * 5 % tags.len()).collect());
    }
}

/// The nodes of a graph and of the graphs inside it, in a fixed order.
fn visit(graph: &mut pb::GraphProto, f: &mut dyn FnMut(&mut pb::NodeProto)) {
    for node in &mut graph.node {
        f(node);
        node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()).for_each(|graph| visit(graph, f));
    }
}

/// The nodes inside a model's loops.
fn visit_loops(model: &mut pb::ModelProto, f: &mut dyn FnMut(&mut pb::NodeProto)) {
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let loops = nodes.iter_mut().filter(|node| node.op_type == "Loop").flat_map(|node| &mut node.attribute);
    loops.filter_map(|attribute| attribute.g.as_mut()).for_each(|graph| visit(graph, f));
}

fn has_loop(model: &pb::ModelProto) -> bool {
    model.graph.iter().flat_map(|graph| &graph.node).any(|node| node.op_type == "Loop")
}

type Change<'a> = &'a dyn Fn(&mut pb::NodeProto);

/// Changes the node of this place inside the loops, and gives what it was.
fn changed(tower: &Json, place: usize, change: Change<'_>) -> Option<(pb::ModelProto, String)> {
    let mut model = raw(tower);
    let mut at = 0;
    let mut was = None;
    visit_loops(&mut model, &mut |node| {
        if at == place {
            was = Some(format!("{}, {} {:?}", tower["file"], node.op_type, node.output));
            change(node);
        }
        at += 1;
    });
    was.map(|was| (model, was))
}

#[test]
fn a_loop_that_differs_in_one_node_is_no_bag() {
    let json = expected();
    for tower in json["towers"].as_array().unwrap() {
        let mut whole = raw(tower);
        rewrite(&mut whole).unwrap();
        assert!(!has_loop(&whole), "{}", tower["file"]);
        let changes: [(&str, Change<'_>); 3] = [
            ("another operator", &|node| node.op_type = "Abs".to_owned()),
            ("inputs the other way round", &|node| {
                // What reads one value, or names of no meaning, is the same either way.
                if node.op_type == "CastLike" || node.input.iter().all(|name| *name == node.input[0]) {
                    node.op_type = "Abs".to_owned();
                }
                node.input.reverse();
            }),
            ("another domain", &|node| {
                node.domain = "elsewhere".to_owned();
                node.op_type = format!("{}2", node.op_type);
            }),
        ];
        for (what, change) in changes {
            let mut place = 0;
            while let Some((mut model, was)) = changed(tower, place, change) {
                place += 1;
                // Constants differ by their numbers, below.
                if was.contains(" Constant ") {
                    continue;
                }
                rewrite(&mut model).unwrap();
                assert!(has_loop(&model), "{was}: {what}");
                let refused = prepared(tower, 20, Ok(model)).err();
                assert!(matches!(refused, Some(ModelError::Operator { .. })), "{was}: {what}: {refused:?}");
            }
            assert!(place > 4, "{}: {place} nodes", tower["file"]);
        }
    }
}

#[test]
fn another_number_makes_another_loop() {
    let json = expected();
    for tower in json["towers"].as_array().unwrap() {
        let weights = raw(tower).graph.unwrap().initializer;
        // How many rows a table has matters to negative indices alone.
        let small = |tensor: &pb::TensorProto| {
            tensor.data_type == 7 && tensor.dims.iter().product::<i64>() == 1 && !tensor.name.starts_with("num_embeddings")
        };
        for (at, tensor) in weights.iter().enumerate().filter(|(_, tensor)| small(tensor)) {
            let mut model = raw(tower);
            let changed = &mut model.graph.as_mut().unwrap().initializer[at];
            changed.raw_data = Vec::new();
            changed.int64_data = vec![1234];
            let result = rewrite(&mut model).and_then(|()| prepared(tower, 20, Ok(model)));
            assert!(result.is_err(), "{}: {}", tower["file"], tensor.name);
        }
    }
}

#[test]
fn bags_that_are_not_the_rows_are_refused() {
    let json = expected();
    // Offsets 0, 2, 4, ... over lists of four: the bags are of two, but for the last one.
    let tower = &json["towers"][0];
    let mut model = raw(tower);
    let graph = model.graph.as_mut().unwrap();
    let range = graph.node.iter().find(|node| node.op_type == "Range").unwrap().input[2].clone();
    let step = graph.initializer.iter_mut().find(|tensor| tensor.name == range).unwrap();
    (step.raw_data, step.int64_data) = (Vec::new(), vec![2]);
    rewrite(&mut model).unwrap();
    let text = prepared(tower, 20, Ok(model)).err().unwrap().to_string();
    assert!(text.contains("lists of one length, one for each row"), "{text}");
}

#[test]
fn no_file_may_use_the_operator() {
    let node = pb::NodeProto { op_type: OPERATOR.to_owned(), name: "n".to_owned(), ..Default::default() };
    let mut model = pb::ModelProto { graph: Some(pb::GraphProto { node: vec![node], ..Default::default() }), ..Default::default() };
    assert!(matches!(rewrite(&mut model), Err(ModelError::Operator { .. })));
}

#[test]
fn expressions_are_read_as_they_are_written() {
    for text in ["(Add at0 1)", "a", "()", "(If (Equal a b) (f) [1,2])"] {
        assert_eq!(Expression::parse(text).unwrap().to_string(), text);
    }
    for text in ["", "(", "a b", "(a))", ")"] {
        assert_eq!(Expression::parse(text), None, "{text}");
    }
}

#[test]
fn a_loop_in_itself_is_left_as_it_is() {
    // Each value is made of itself twice: written out, it would have no end.
    let node = |operator: &str, inputs: &[&str], output: &str| pb::NodeProto {
        op_type: operator.to_owned(),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    };
    let named = |name: &str| pb::ValueInfoProto { name: name.to_owned(), ..Default::default() };
    let mut nodes: Vec<_> = (0..200).map(|at| node("Add", &[&format!("v{at}"), &format!("v{at}")], &format!("v{}", at + 1))).collect();
    nodes.push(node("Add", &["x", "x"], "x"));
    for last in ["v40", "v200", "x"] {
        let body = pb::GraphProto {
            node: nodes.clone(),
            input: vec![named("n"), named("go")],
            output: vec![named("go"), named(last)],
            ..Default::default()
        };
        let mut repeat = node("Loop", &["times", ""], "y");
        repeat.attribute = vec![pb::AttributeProto { name: "body".to_owned(), r#type: 5, g: Some(body), ..Default::default() }];
        let graph = pb::GraphProto { node: vec![repeat], ..Default::default() };
        let mut model = pb::ModelProto { graph: Some(graph), ..Default::default() };
        rewrite(&mut model).unwrap();
        assert!(has_loop(&model));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_files_are_refused_or_run(tower in 0usize..9, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let json = expected();
        let tower = &json["towers"][tower];
        let mut bytes = file(tower);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        // Whatever comes out: no panic, and no time without end.
        let _ = prepared(tower, 20, decode::model(&bytes));
    }
}
