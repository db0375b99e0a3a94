//! Decides whether a decoded model is one that may be loaded: form, operators, weights, interface, and by [`infer`] its sizes.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value as TypeValue;

use super::infer;
use super::value::{Dtype, Value};
use super::way_out::way_out;
use super::{limits, tensor};
use crate::features::{Dtype as InputType, InputSpec};
use crate::model_error::ModelError;

type Result<T> = std::result::Result<T, ModelError>;

/// Versions of ONNX's operator set: from 13 on, axes are inputs and softmax has one axis.
const OPERATOR_SETS: std::ops::RangeInclusive<i64> = 13..=24;

/// What a graph is expected to take and to give.
pub(crate) struct Interface<'a> {
    /// The graph's inputs, each exactly once.
    pub(crate) inputs: &'a [InputSpec],
    /// The output to be computed, f32 `[N, width]`.
    pub(crate) output: &'a str,
    /// The output's width.
    pub(crate) width: usize,
}

/// Every value of a graph by name, at one batch size.
pub(super) type Known = HashMap<String, Value>;

/// What a graph will compute at one batch size.
pub(super) struct Outline {
    pub(super) known: Known,
    /// The steps of each node.
    pub(super) costs: Vec<u64>,
    /// Elements that are computed and still to be read, at most.
    pub(super) most_alive: usize,
}

impl Outline {
    /// What a run costs, in steps.
    pub(super) fn cost(&self) -> u64 {
        self.costs.iter().fold(limits::NODE_STEPS.saturating_mul(self.costs.len() as u64), |sum, &steps| sum.saturating_add(steps))
    }
}

/// Checks a model against the rules for towers and against the interface, for each of the batch sizes.
pub(super) fn check(model: &pb::ModelProto, interface: &Interface<'_>, batches: &[usize]) -> Result<Vec<Outline>> {
    let graph = form(model)?;
    let weights = weights(graph)?;
    inputs(graph, &weights, interface.inputs)?;
    if !graph.output.iter().any(|output| output.name == interface.output) {
        let has = graph.output.iter().map(|o| format!("{:?}", o.name)).collect::<Vec<_>>().join(", ");
        return Err(output_error(interface, format!("the graph has no such output; it has {has}")));
    }
    outlines(graph, interface, batches)
}

/// What a graph that was checked before will compute, at each of the batch sizes.
pub(super) fn outlines(graph: &pb::GraphProto, interface: &Interface<'_>, batches: &[usize]) -> Result<Vec<Outline>> {
    let weights = weights(graph)?;
    let mut outlines = Vec::with_capacity(batches.len());
    for &batch in batches {
        let mut known = weights.clone();
        for input in interface.inputs {
            let dtype = match input.dtype {
                InputType::I64 => Dtype::I64,
                InputType::F32 => Dtype::F32,
            };
            let range = input.range();
            let shape = [&[batch], input.row_shape.as_slice()].concat();
            known.insert(input.tensor.to_string(), infer::source(&input.tensor, dtype, shape, range));
        }
        let infer::Spent { costs, most_alive } = infer::run(&graph.node, batch, &mut known)?;
        output(known.get(interface.output), interface, batch)?;
        outlines.push(Outline { known, costs, most_alive });
    }
    Ok(outlines)
}

fn output(value: Option<&Value>, interface: &Interface<'_>, batch: usize) -> Result<()> {
    let Some(value) = value else { return Err(output_error(interface, "no node of the graph makes it")) };
    if value.dtype != Dtype::F32 || value.shape != [batch, interface.width] {
        let reason = format!(
            "expected f32 [{batch}, {}] for a batch of {batch}, the graph makes {} {:?}",
            interface.width,
            value.dtype.name(),
            value.shape
        );
        return Err(output_error(interface, reason));
    }
    Ok(())
}

fn output_error(interface: &Interface<'_>, reason: impl Into<String>) -> ModelError {
    ModelError::Output { tensor: interface.output.to_owned(), reason: reason.into() }
}

/// What holds for every model, whatever it computes.
fn form(model: &pb::ModelProto) -> Result<&pb::GraphProto> {
    let refuse = |place: &str, reason: String| Err(ModelError::graph(place, reason));
    let Some(graph) = &model.graph else { return Err(ModelError::NotOnnx { reason: "it has no graph".to_owned() }) };
    if !model.functions.is_empty() || !model.training_info.is_empty() {
        return refuse("model", "functions and training information are not supported in a tower".to_owned());
    }
    let mut sets: Vec<_> = model.opset_import.iter().filter(|set| is_onnx(&set.domain)).collect();
    // Some exporters import the same set twice.
    sets.dedup_by_key(|set| set.version);
    let mut sets = sets.into_iter();
    match (sets.next(), sets.next()) {
        (Some(set), None) if OPERATOR_SETS.contains(&set.version) => {}
        (Some(set), None) => {
            let (low, high) = (OPERATOR_SETS.start(), OPERATOR_SETS.end());
            return refuse("model", format!("operator set {}; expected {low} to {high}", set.version));
        }
        // A ranker's graph may do without ONNX's own operators; then its nodes are refused by name.
        (None, _) if graph.node.iter().all(|node| !is_onnx(&node.domain)) => {}
        _ => return refuse("model", "it must import ONNX's operator set exactly once".to_owned()),
    }
    if graph.node.len() > limits::NODES {
        return Err(ModelError::TooLarge { what: "nodes", got: graph.node.len() as u64, limit: limits::NODES as u64 });
    }
    if !graph.sparse_initializer.is_empty() {
        return refuse("model", "sparse weights are not supported in a tower".to_owned());
    }
    // A list of tensors is there for the sake of a loop, and the loop knows whose it is.
    graph.node.iter().filter(|node| node.op_type == "Loop").chain(&graph.node).try_for_each(node_form)?;
    Ok(graph)
}

fn node_form(node: &pb::NodeProto) -> Result<()> {
    let name = infer::name_of(node);
    let refuse = |reason: String| Err(ModelError::graph(format!("node {name:?}"), reason));
    if !is_onnx(&node.domain) || !infer::allowed(&node.op_type) {
        let operator = if is_onnx(&node.domain) { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) };
        let domain = if is_onnx(&node.domain) { "" } else { &node.domain };
        return Err(ModelError::Operator { node: name.to_owned(), operator, way_out: way_out(domain, &node.op_type) });
    }
    if node.output.iter().all(String::is_empty) {
        return refuse("it has no output".to_owned());
    }
    let mut seen = HashSet::new();
    for attribute in &node.attribute {
        if !seen.insert(&attribute.name) {
            return refuse(format!("the attribute {} is given twice", attribute.name));
        }
        let nested = attribute.g.is_some() || !attribute.graphs.is_empty() || !attribute.tensors.is_empty();
        let sparse = attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty();
        if nested || sparse || !attribute.ref_attr_name.is_empty() {
            return refuse(format!("the attribute {} holds a graph, tensors or a reference", attribute.name));
        }
        if let Some(t) = &attribute.t {
            tensor::value(t, &format!("node {name:?}"))?;
        }
    }
    Ok(())
}

fn is_onnx(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// The model's weights by name, each checked against its data.
fn weights(graph: &pb::GraphProto) -> Result<HashMap<String, Value>> {
    let mut weights = HashMap::with_capacity(graph.initializer.len() + graph.node.len());
    for t in &graph.initializer {
        // A table that stays in the file was measured when it was found.
        let dims = t.segment.as_ref().and_then(|_| t.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect::<Option<Vec<_>>>());
        let value = match dims {
            Some(dims) => Value::new(Dtype::F32, dims),
            None => tensor::value(t, "initializer")?,
        };
        if weights.insert(t.name.clone(), value).is_some() {
            return Err(ModelError::graph(format!("tensor {:?}", t.name), "it occurs twice"));
        }
    }
    Ok(weights)
}

/// Every graph input is in the spec exactly once, with the type, rank and sizes that the graph declares.
fn inputs(graph: &pb::GraphProto, weights: &HashMap<String, Value>, specs: &[InputSpec]) -> Result<()> {
    let refuse = |tensor: &str, reason: String| Err(ModelError::Input { tensor: tensor.to_owned(), reason });
    let mut declared = HashMap::new();
    for input in graph.input.iter().filter(|input| !weights.contains_key(&input.name)) {
        if declared.insert(input.name.as_str(), input).is_some() {
            return refuse(&input.name, "the graph declares it twice".to_owned());
        }
    }
    for spec in specs {
        let Some(input) = declared.remove(&*spec.tensor) else {
            if specs.iter().filter(|other| other.tensor == spec.tensor).count() > 1 {
                return refuse(&spec.tensor, "the feature spec fills it twice".to_owned());
            }
            return refuse(&spec.tensor, "the graph has no such input".to_owned());
        };
        let Some(TypeValue::TensorType(declared)) = input.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
            return refuse(&spec.tensor, "the graph does not say what it is".to_owned());
        };
        let dtype = Dtype::from_onnx(declared.elem_type, &format!("input {:?}", spec.tensor))?;
        if dtype.name() != spec.dtype.name() {
            return refuse(&spec.tensor, format!("the feature spec makes {}, the graph takes {}", spec.dtype.name(), dtype.name()));
        }
        let Some(shape) = &declared.shape else {
            return refuse(&spec.tensor, "the graph does not declare its shape".to_owned());
        };
        let wanted: Vec<Option<usize>> = std::iter::once(None).chain(spec.row_shape.iter().copied().map(Some)).collect();
        let fits = shape.dim.len() == wanted.len()
            && shape.dim.iter().zip(&wanted).all(|(dim, want)| match (&dim.value, want) {
                (Some(Dim::DimValue(value)), Some(want)) => usize::try_from(*value) == Ok(*want),
                // A batch that the export has fixed is baked into the graph's shapes.
                (Some(Dim::DimValue(_)), None) => false,
                _ => true,
            });
        if !fits {
            return refuse(&spec.tensor, format!("the feature spec makes {}, the graph takes {}", spec_shape(spec), graph_shape(shape)));
        }
    }
    match declared.keys().min() {
        Some(&extra) => refuse(extra, "the feature spec does not fill it".to_owned()),
        None => Ok(()),
    }
}

fn spec_shape(spec: &InputSpec) -> String {
    let dims = std::iter::once("N".to_owned()).chain(spec.row_shape.iter().map(ToString::to_string));
    format!("[{}]", dims.collect::<Vec<_>>().join(", "))
}

fn graph_shape(shape: &pb::TensorShapeProto) -> String {
    let dims = shape.dim.iter().map(|dim| match &dim.value {
        Some(Dim::DimValue(value)) => value.to_string(),
        Some(Dim::DimParam(name)) => name.clone(),
        None => "?".to_owned(),
    });
    format!("[{}]", dims.collect::<Vec<_>>().join(", "))
}
