//! From the nodes of a file to a [`Plan`]: only what the score needs, each operator checked against the shape of what it reads.

use std::collections::{HashMap, HashSet};

use super::attributes::{Attributes, FLOAT, place};
use super::limits;
use super::node::{Compiled, Known, Shape, compile};
use super::ops::Op;
use super::plan::{Plan, Step};
use super::proto::{Graph, Node, Tensor, too_large};
use super::spec::RankerSpec;
use crate::model_error::ModelError;

type Result<T> = std::result::Result<T, ModelError>;

/// Checks a graph against the spec and makes its plan.
pub(super) fn plan(graph: &Graph<'_>, spec: &RankerSpec) -> Result<Plan> {
    let (mut plan, output) = steps(graph, spec)?;
    plan.column = score_column(&plan, output, spec.output())?;
    Ok(plan)
}

/// The plan of all columns of the output, and what the output is.
pub(super) fn steps(graph: &Graph<'_>, spec: &RankerSpec) -> Result<(Plan, Shape)> {
    if graph.sparse {
        return Err(ModelError::graph("model", "sparse weights are not supported in a ranker"));
    }
    let features = spec.features().len();
    input(graph, spec.input(), features)?;
    let (needed, wanted) = needed(graph, spec.output())?;
    let mut known: HashMap<&str, Known> = HashMap::new();
    for tensor in graph.initializers.iter().filter(|tensor| wanted.contains(tensor.name)) {
        if known.insert(tensor.name, constant(tensor, tensor.name)?).is_some() {
            return Err(ModelError::graph(format!("tensor {:?}", tensor.name), "it occurs twice"));
        }
    }
    known.insert(spec.input(), Known::Value { at: 0, shape: Shape::Rows(features) });
    let mut steps: Vec<Step> = Vec::new();
    let (mut visits, mut columns) = (0, 0);
    for node in graph.nodes.iter().zip(needed).filter_map(|(node, needed)| needed.then_some(node)) {
        let inputs = node.inputs.iter().filter(|name| !name.is_empty()).map(|name| {
            known.get(name).ok_or_else(|| ModelError::graph(place(node), format!("it reads {name:?}, which no node before it makes")))
        });
        let compiled = compile(node, &inputs.collect::<Result<Vec<_>>>()?)?;
        let outputs = match compiled {
            Compiled::Constant => vec![Known::of_constant(node)?],
            Compiled::Alias(value) => vec![value],
            Compiled::Step { op, inputs, width, shape, label } => {
                if width == 0 {
                    return Err(ModelError::graph(place(node), "it makes no columns"));
                }
                if width > limits::WIDTH {
                    return Err(too_large("columns", width, limits::WIDTH));
                }
                visits += op.visits();
                columns += width;
                limit("branches and leaves on a row's path", visits, limits::VISITS)?;
                limit("columns of all values", columns as u64, limits::COLUMNS)?;
                steps.push(Step { op, inputs, width });
                let value = Known::Value { at: steps.len(), shape };
                if label { vec![Known::Label, value] } else { vec![value] }
            }
        };
        if node.outputs.len() > outputs.len() {
            return Err(ModelError::graph(place(node), format!("{} outputs; this operator makes {}", node.outputs.len(), outputs.len())));
        }
        for (&name, value) in node.outputs.iter().zip(outputs) {
            if !name.is_empty() && known.insert(name, value).is_some() {
                return Err(ModelError::graph(place(node), format!("{name:?} is made twice")));
            }
        }
    }
    let refuse = |reason: &str| Err(ModelError::Output { tensor: spec.output().to_owned(), reason: reason.to_owned() });
    match known.get(spec.output()) {
        Some(&Known::Value { at, shape }) => Ok((Plan { width: features, steps, output: at, column: 0 }, shape)),
        Some(Known::Label) => refuse("it is the label of a class; name the output with the scores"),
        Some(Known::Floats { .. } | Known::Ints(_)) => refuse("it is a constant"),
        None => refuse("no node of the graph makes it"),
    }
}

/// The column of the output by which rows are ranked.
fn score_column(plan: &Plan, output: Shape, name: &str) -> Result<usize> {
    let classes = plan.steps.iter().any(|step| matches!(&step.op, Op::Classifier(_) | Op::Linear(_)));
    match output {
        Shape::Flat | Shape::Rows(1) => Ok(0),
        // The probability of the second of two classes.
        Shape::Rows(2) if classes => Ok(1),
        Shape::Rows(columns) => {
            let reason = format!("expected one score a row, or the scores of two classes; the graph makes {columns} columns");
            Err(ModelError::Output { tensor: name.to_owned(), reason })
        }
    }
}

/// The graph has one input, the features, as the spec says.
fn input(graph: &Graph<'_>, name: &str, features: usize) -> Result<()> {
    let refuse = |tensor: &str, reason: String| Err(ModelError::Input { tensor: tensor.to_owned(), reason });
    let weights: HashSet<&str> = graph.initializers.iter().map(|tensor| tensor.name).collect();
    let mut inputs = graph.inputs.iter().filter(|input| !weights.contains(input.name));
    let Some(found) = inputs.clone().find(|input| input.name == name) else {
        let has = inputs.map(|input| format!("{:?}", input.name)).collect::<Vec<_>>().join(", ");
        return refuse(name, format!("the graph has no such input; it has {has}"));
    };
    if let Some(extra) = inputs.find(|input| input.name != name) {
        return refuse(extra.name, "the ranker's spec does not fill it: a ranker has one input, with all features".to_owned());
    }
    if found.elem_type != Some(FLOAT) {
        return refuse(name, "the graph takes another type than float".to_owned());
    }
    match found.dims.as_deref() {
        None => Ok(()),
        Some([_, columns]) if columns.is_none_or(|columns| usize::try_from(columns) == Ok(features)) => Ok(()),
        Some(dims) => {
            let dims = dims.iter().map(|dim| dim.map_or_else(|| "?".to_owned(), |dim| dim.to_string())).collect::<Vec<_>>().join(", ");
            refuse(name, format!("the spec names {features} features, the graph takes [{dims}]"))
        }
    }
}

/// Which nodes the output needs, and the names that they read. ONNX wants nodes in an order in which each reads only what is there, so one pass from the end will do.
fn needed<'a>(graph: &Graph<'a>, output: &'a str) -> Result<(Vec<bool>, HashSet<&'a str>)> {
    if !graph.outputs.iter().any(|known| known.name == output) {
        let has = graph.outputs.iter().map(|known| format!("{:?}", known.name)).collect::<Vec<_>>().join(", ");
        let reason = format!("the graph has no such output; it has {has}");
        return Err(ModelError::Output { tensor: output.to_owned(), reason });
    }
    let mut wanted = HashSet::from([output]);
    let mut needed = vec![false; graph.nodes.len()];
    for (node, needed) in graph.nodes.iter().zip(&mut needed).rev() {
        if node.outputs.iter().any(|name| wanted.contains(name)) {
            *needed = true;
            wanted.extend(node.inputs.iter().copied());
        }
    }
    Ok((needed, wanted))
}

fn limit(what: &'static str, got: u64, limit: u64) -> Result<()> {
    if got > limit { Err(ModelError::TooLarge { what, got, limit }) } else { Ok(()) }
}

fn constant(tensor: &Tensor<'_>, name: &str) -> Result<Known> {
    let place = format!("tensor {name:?}");
    if tensor.is_float() {
        let values = tensor.to_floats(&place)?;
        Ok(Known::Floats { dims: tensor.dims.clone(), values })
    } else {
        Ok(Known::Ints(tensor.to_ints(&place)?))
    }
}

impl Known {
    /// What a `Constant` node has.
    fn of_constant(node: &Node<'_>) -> Result<Self> {
        let attributes = Attributes::of(node, &["value", "value_float", "value_floats", "value_int", "value_ints"])?;
        if let Some(tensor) = attributes.tensor("value")? {
            return constant(tensor, node.outputs.first().copied().unwrap_or_default());
        }
        if attributes.has("value_float") {
            return Ok(Self::Floats { dims: Vec::new(), values: vec![attributes.float("value_float", 0.0)?] });
        }
        if attributes.has("value_int") {
            return Ok(Self::Ints(vec![attributes.int("value_int", 0)?]));
        }
        if attributes.has("value_ints") {
            return Ok(Self::Ints(attributes.ints("value_ints")?.to_vec()));
        }
        let values = attributes.floats("value_floats")?.to_vec();
        Ok(Self::Floats { dims: vec![values.len() as i64], values })
    }
}
