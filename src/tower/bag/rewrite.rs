//! Puts nodes in the place of a loop over bags.

use std::collections::HashMap;

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;

use super::expression;
use super::operator::OPERATOR;
use super::pattern::{Found, Reduction, find};
use crate::model_error::ModelError;
use crate::tower::infer::name_of;
use crate::tower::value::Dtype;
use crate::tower::way_out::way_out;

/// The same graph with embedding bags in the place of loops that are some.
///
/// # Errors
/// [`ModelError::Operator`] for a graph that has the bags' operator already.
pub(crate) fn rewrite(model: &mut pb::ModelProto) -> Result<(), ModelError> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    if let Some(node) = graph.node.iter().find(|node| node.op_type == OPERATOR) {
        let (node, operator) = (name_of(node).to_owned(), OPERATOR.to_owned());
        return Err(ModelError::Operator { node, operator, way_out: way_out("", "Loop") });
    }
    if !graph.node.iter().any(|node| node.op_type == "Loop") {
        return Ok(());
    }
    // Where a sequence of rows ends as one tensor.
    let joined = graph.node.iter().filter(|node| node.op_type == "ConcatFromSequence" && is_plain(node));
    let joined: HashMap<&str, &str> =
        joined.filter_map(|node| Some((node.input.first()?.as_str(), node.output.first()?.as_str()))).collect();
    let mut gone = Vec::new();
    let mut bags = HashMap::new();
    for (at, node) in graph.node.iter().enumerate().filter(|(_, node)| node.op_type == "Loop") {
        if let Some((nodes, sequence)) = bag(graph, node, &joined) {
            gone.extend(sequence);
            bags.insert(at, nodes);
        }
    }
    let nodes = std::mem::take(&mut graph.node);
    let only_bags = nodes.iter().filter(|node| node.op_type == "Loop").count() == bags.len();
    for (at, node) in nodes.into_iter().enumerate() {
        match bags.remove(&at) {
            Some(bag) => graph.node.extend(bag),
            None if node.op_type == "ConcatFromSequence" && node.input.first().is_some_and(|name| gone.contains(name)) => {}
            None if node.op_type == "SequenceEmpty" && only_bags => {}
            None => graph.node.push(node),
        }
    }
    Ok(())
}

/// Joins along the first dimension, which is there.
fn is_plain(node: &pb::NodeProto) -> bool {
    node.attribute.iter().all(|attribute| matches!(attribute.name.as_str(), "axis" | "new_axis") && attribute.i == 0)
}

/// The nodes for a loop that is a bag, and the sequence that they do without.
fn bag(graph: &pb::GraphProto, node: &pb::NodeProto, joined: &HashMap<&str, &str>) -> Option<(Vec<pb::NodeProto>, Option<String>)> {
    // One output is the rows; the others, the states, must have no reader, or inference misses their maker.
    for (at, name) in node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let Some(found) = expression::of_loop(graph, node, at).and_then(|expression| find(&expression)) else { continue };
        let is_sequence = found.value("table").is_none();
        let output = if is_sequence { *joined.get(name.as_str())? } else { name.as_str() };
        let nodes = Builder { nodes: Vec::new(), name: name_of(node), output }.build(&found)?;
        return Some((nodes, is_sequence.then(|| name.clone())));
    }
    None
}

struct Builder<'a> {
    nodes: Vec<pb::NodeProto>,
    /// The loop's name, which all nodes have in theirs.
    name: &'a str,
    output: &'a str,
}

impl Builder<'_> {
    fn build(mut self, found: &Found) -> Option<Vec<pb::NodeProto>> {
        let rows = match found.value("table") {
            Some(table) => {
                let rows = self.node("Gather", &[table, found.value("indices")?], "rows");
                match found.value("weights") {
                    Some(weights) => {
                        let axes = self.integers("axes", &[1], &[1]);
                        let column = self.node("Unsqueeze", &[weights, &axes], "weights");
                        self.node("Mul", &[&rows, &column], "weighted")
                    }
                    None => rows,
                }
            }
            None => found.value("rows")?.to_owned(),
        };
        let offsets = found.value("offsets")?;
        let roles = ["ends", "bags", "elements", "runs", "indices"];
        // A number in the place of a value is not checked by inference: only that there is something to begin with may be one.
        if roles.iter().any(|role| found.number(role).is_some_and(|number| (*role, number) != ("runs", 1))) {
            return None;
        }
        let seen = roles.map(|role| found.value(role).unwrap_or_default());
        let bags = self.node(OPERATOR, &[&[rows.as_str(), offsets], seen.as_slice()].concat(), "bags");
        match found.number("padding") {
            Some(padding) => {
                let (count, indices) = (found.number("count")?, found.value("indices")?);
                // An index counts from the end where it is negative.
                let other = padding.checked_sub(count).filter(|_| (0..count).contains(&padding))?;
                let indices = self.node(OPERATOR, &[indices, offsets], "indices");
                let padded = [padding, other].map(|padding| {
                    let constant = self.integers(&format!("padding{padding}"), &[], &[padding]);
                    self.node("Equal", &[&indices, &constant], &format!("is{padding}"))
                });
                let padded = self.node("Or", &[&padded[0], &padded[1]], "padded");
                self.masked(found.reduction, &bags, &padded);
            }
            None => self.reduce(found.reduction.operator(), &bags, false, None),
        }
        Some(self.nodes)
    }

    /// The reduction of those that are not padded; zeros where all are.
    fn masked(&mut self, reduction: Reduction, bags: &str, padded: &str) {
        let axes = self.integers("last", &[1], &[2]);
        let column = self.node("Unsqueeze", &[padded, &axes], "column");
        let lowest = reduction == Reduction::Max;
        let zero = self.float("zero", 0.0);
        let fill = if lowest { self.float("lowest", f32::NEG_INFINITY) } else { zero.clone() };
        let kept = self.node("Where", &[&column, &fill, bags], "kept");
        let as_float = |builder: &mut Self, name: &str, to: &str| {
            let cast = builder.node("Cast", &[name], to);
            builder.attribute(int("to", Dtype::F32.to_onnx().into()));
            cast
        };
        match reduction {
            Reduction::Sum => self.reduce("ReduceSum", &kept, false, None),
            Reduction::Mean => {
                let sum = self.reduced("ReduceSum", &kept, false, "sum");
                let real = self.node("Not", &[padded], "real");
                let real = as_float(self, &real, "ones");
                let count = self.reduced("ReduceSum", &real, true, "count");
                let one = self.float("one", 1.0);
                let count = self.node("Max", &[&count, &one], "divisor");
                self.last("Div", &[&sum, &count]);
            }
            Reduction::Max => {
                let most = self.reduced("ReduceMax", &kept, false, "most");
                let flags = as_float(self, padded, "flags");
                let least = self.reduced("ReduceMin", &flags, true, "least");
                let half = self.float("half", 0.5);
                let none = self.node("Greater", &[&least, &half], "none");
                self.last("Where", &[&none, &zero, &most]);
            }
        }
    }

    /// Adds a node and gives the name of its output.
    fn node(&mut self, operator: &str, inputs: &[&str], name: &str) -> String {
        let name = format!("{}/{name}", self.output);
        self.push(operator, inputs, name.clone());
        name
    }

    fn last(&mut self, operator: &str, inputs: &[&str]) {
        self.push(operator, inputs, self.output.to_owned());
    }

    fn push(&mut self, operator: &str, inputs: &[&str], output: String) {
        // Refusals name the loop.
        let name = if operator == OPERATOR && !self.nodes.iter().any(|node| node.op_type == OPERATOR) { self.name } else { "" };
        let input = inputs.iter().map(ToString::to_string).collect();
        self.nodes.push(pb::NodeProto {
            op_type: operator.to_owned(),
            name: name.to_owned(),
            input,
            output: vec![output],
            ..Default::default()
        });
    }

    fn reduced(&mut self, operator: &str, input: &str, keep: bool, name: &str) -> String {
        let name = format!("{}/{name}", self.output);
        self.reduce(operator, input, keep, Some(name.clone()));
        name
    }

    /// A reduction along the second dimension; what comes out is the bag's output where it has no name of its own.
    fn reduce(&mut self, operator: &str, input: &str, keep: bool, name: Option<String>) {
        self.push(operator, &[input], name.unwrap_or_else(|| self.output.to_owned()));
        let axes = pb::AttributeProto { name: "axes".to_owned(), r#type: AttributeType::Ints as i32, ints: vec![1], ..Default::default() };
        self.attribute(axes);
        self.attribute(int("keepdims", keep.into()));
    }

    /// Says something of the node that was added last.
    fn attribute(&mut self, attribute: pb::AttributeProto) {
        if let Some(node) = self.nodes.last_mut() {
            node.attribute.push(attribute);
        }
    }

    fn integers(&mut self, name: &str, dims: &[i64], numbers: &[i64]) -> String {
        let tensor =
            pb::TensorProto { dims: dims.to_vec(), data_type: Dtype::I64.to_onnx(), int64_data: numbers.to_vec(), ..Default::default() };
        self.constant(name, tensor)
    }

    fn float(&mut self, name: &str, number: f32) -> String {
        self.constant(name, pb::TensorProto { data_type: Dtype::F32.to_onnx(), float_data: vec![number], ..Default::default() })
    }

    fn constant(&mut self, name: &str, tensor: pb::TensorProto) -> String {
        let name = self.node("Constant", &[], name);
        let value =
            pb::AttributeProto { name: "value".to_owned(), r#type: AttributeType::Tensor as i32, t: Some(tensor), ..Default::default() };
        self.attribute(value);
        name
    }
}

fn int(name: &str, number: i64) -> pb::AttributeProto {
    pb::AttributeProto { name: name.to_owned(), r#type: AttributeType::Int as i32, i: number, ..Default::default() }
}
