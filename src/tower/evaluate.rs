//! Runs a graph through the reference: one row at a time, every value kept, within a budget.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use tract_onnx::pb;

use super::array::{Array, Data};
use super::attributes::Attributes;
use super::bag::OPERATOR;
use super::guard::Outline;
use super::infer::name_of;
use super::limits::REFERENCE_ELEMENTS;
use super::reference::{Call, compute};
use super::table::Tables;
use super::tensor;
use crate::model_error::ModelError;

/// A graph to be evaluated for single rows: what it will compute is known for a batch of one.
pub(super) struct Evaluator<'a> {
    graph: &'a pb::GraphProto,
    outline: &'a Outline,
    /// The tables that are in the file.
    tables: &'a Tables,
    weights: HashMap<&'a str, &'a pb::TensorProto>,
    /// Weights that were read already.
    read: HashMap<&'a str, Rc<Array>>,
    /// Which nodes the output needs.
    needed: Vec<bool>,
    /// Elements of weights that may still be read.
    left: usize,
}

/// Every value of one run.
pub(super) struct Values<'a> {
    by_name: HashMap<&'a str, Rc<Array>>,
    /// The first node that was not computed, for it would have taken too much.
    pub(super) cut: Option<usize>,
}

impl Values<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&Array> {
        self.by_name.get(name).map(Rc::as_ref)
    }
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(graph: &'a pb::GraphProto, outline: &'a Outline, output: &str, tables: &'a Tables) -> Self {
        let mut wanted = HashSet::from([output]);
        let mut needed = vec![false; graph.node.len()];
        for (at, node) in graph.node.iter().enumerate().rev() {
            if node.output.iter().any(|name| wanted.contains(name.as_str())) {
                needed[at] = true;
                wanted.extend(node.input.iter().map(String::as_str));
            }
        }
        let weights = graph.initializer.iter().map(|weights| (weights.name.as_str(), weights)).collect();
        Self { graph, outline, tables, weights, read: HashMap::new(), needed, left: REFERENCE_ELEMENTS }
    }

    /// The steps of a run.
    pub(super) fn cost(&self) -> u64 {
        self.nodes().map(|(at, _)| self.outline.costs[at]).fold(0, u64::saturating_add)
    }

    /// The nodes that the output needs, with their places.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (usize, &'a pb::NodeProto)> {
        self.graph.node.iter().enumerate().filter(|(at, _)| self.needed[*at])
    }

    /// Computes the nodes in their order as long as the steps last. With `jitter`, each number that is computed is moved by about one unit
    /// in its last place: what that does to the output tells how far honest rounding may take it.
    pub(super) fn run(&mut self, inputs: &[(&'a str, Array)], steps: u64, jitter: bool) -> Result<Values<'a>, ModelError> {
        let mut by_name: HashMap<&'a str, Rc<Array>> = inputs.iter().map(|(name, array)| (*name, Rc::new(array.clone()))).collect();
        let (mut steps, mut elements) = (steps, REFERENCE_ELEMENTS);
        let order: Vec<(usize, &'a pb::NodeProto)> = self.nodes().collect();
        for (at, node) in order {
            let shapes: Vec<Vec<usize>> =
                node.output.iter().map(|name| self.outline.known.get(name).map_or_else(Vec::new, |value| value.shape.clone())).collect();
            let made = shapes.iter().map(|shape| super::shape::volume(shape)).sum::<usize>();
            let (Some(steps_left), Some(elements_left)) = (steps.checked_sub(self.outline.costs[at]), elements.checked_sub(made)) else {
                return Ok(Values { by_name, cut: Some(at) });
            };
            (steps, elements) = (steps_left, elements_left);
            if let Some(found) = self.lookup(node, &by_name)? {
                by_name.insert(&node.output[0], Rc::new(found));
                continue;
            }
            let mut arrays = Vec::with_capacity(node.input.len());
            for name in &node.input {
                arrays.push(match by_name.get(name.as_str()) {
                    _ if name.is_empty() => None,
                    Some(array) => Some(Rc::clone(array)),
                    None => match self.weight(name)? {
                        Some(array) => Some(array),
                        None => return Ok(Values { by_name, cut: Some(at) }),
                    },
                });
            }
            let call = Call { proto: node, inputs: arrays.iter().map(Option::as_deref).collect(), shapes: &shapes };
            let refuse = |reason: String| ModelError::graph(format!("node {:?} ({})", name_of(node), node.op_type), reason);
            let results = compute(&call).map_err(|reason| refuse(format!("the reference cannot compute it: {reason}")))?;
            for ((name, shape), mut result) in node.output.iter().zip(&shapes).zip(results) {
                if name.is_empty() {
                    continue;
                }
                if result.shape != *shape {
                    return Err(refuse(format!("the reference makes {:?}, inference {shape:?}", result.shape)));
                }
                if jitter && !moves(node) {
                    shake(&mut result, at);
                }
                by_name.insert(name, Rc::new(result));
            }
        }
        Ok(Values { by_name, cut: None })
    }

    /// A lookup in weights reads the rows that it needs, and not the whole table.
    fn lookup(&mut self, node: &'a pb::NodeProto, by_name: &HashMap<&'a str, Rc<Array>>) -> Result<Option<Array>, ModelError> {
        if node.op_type != "Gather" || Attributes(node).int("axis", 0) != 0 {
            return Ok(None);
        }
        let [table, indices] = node.input.as_slice() else { return Ok(None) };
        if let Some(table) = self.tables.get(table) {
            let indices = match by_name.get(indices.as_str()) {
                Some(indices) => Some(Rc::clone(indices)),
                None => self.weight(indices)?,
            };
            let (Some(indices), Some(value)) = (indices, self.outline.known.get(&node.output[0])) else { return Ok(None) };
            let refuse = |reason: String| ModelError::graph(format!("node {:?} ({})", name_of(node), node.op_type), reason);
            let rows =
                table.lookup(indices.as_integers().map_err(refuse)?).map_err(|index| refuse(format!("the row {index} of a table")))?;
            return Ok(Some(Array::floats(value.dtype, value.shape.clone(), rows.into_iter().map(f64::from).collect())));
        }
        match (self.weights.get(table.as_str()), by_name.get(indices.as_str()).map(|indices| &indices.data)) {
            (Some(table), Some(Data::Int(picks))) => {
                let Some(value) = self.outline.known.get(&node.output[0]) else { return Ok(None) };
                tensor::rows(table, picks, value.shape.clone())
            }
            _ => Ok(None),
        }
    }

    /// Weights by name; `None` where there are too many to be read.
    fn weight(&mut self, name: &str) -> Result<Option<Rc<Array>>, ModelError> {
        if let Some(array) = self.read.get(name) {
            return Ok(Some(Rc::clone(array)));
        }
        let Some((&name, &proto)) = self.weights.get_key_value(name) else { return Ok(None) };
        let size = self.outline.known.get(name).map_or(usize::MAX, |value| value.volume());
        let Some(left) = self.left.checked_sub(size) else { return Ok(None) };
        self.left = left;
        let array = Rc::new(tensor::content(proto, name)?);
        self.read.insert(name, Rc::clone(&array));
        Ok(Some(array))
    }
}

/// Whether a node moves numbers and computes none.
fn moves(node: &pb::NodeProto) -> bool {
    matches!(
        node.op_type.as_str(),
        "Identity"
            | OPERATOR
            | "Dropout"
            | "Constant"
            | "ConstantOfShape"
            | "Reshape"
            | "Flatten"
            | "Squeeze"
            | "Unsqueeze"
            | "Transpose"
            | "Expand"
            | "Tile"
            | "Pad"
            | "Concat"
            | "Split"
            | "Slice"
            | "Trilu"
            | "Gather"
            | "GatherElements"
            | "GatherND"
            | "Where"
            | "Cast"
            | "OneHot"
            | "Relu"
            | "Neg"
            | "Abs"
            | "Sign"
            | "Floor"
            | "Ceil"
            | "Round"
            | "Min"
            | "Max"
            | "Clip"
            | "ReduceMax"
            | "ReduceMin"
            | "TopK"
    )
}

/// Moves each float by a unit in the last place of f32 or so, up or down as a hash says.
fn shake(array: &mut Array, seed: usize) {
    if let Data::Float(data) = &mut array.data {
        for (at, x) in data.iter_mut().enumerate() {
            let hash = ((seed as u64) << 32 | at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            *x *= if hash >> 63 == 0 { 1.0 + 1.2e-7 } else { 1.0 - 1.2e-7 };
        }
    }
}
