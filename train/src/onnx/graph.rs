//! Builds a graph node by node. Names of values are their numbers, so the same tower gives the same bytes.

use std::collections::HashMap;

use super::message::{
    Attribute, Dimension, Entry, F32, FLOAT, Graph, I64, INT, INTS, Model, Node, OperatorSet, Shape, Tensor, TensorType, Type, ValueInfo,
};

/// The operator set: the first in which `ReduceSum` and its kin take axes as inputs.
const OPERATOR_SET: i64 = 18;
/// The version of the file's form that goes with it.
const IR_VERSION: i64 = 8;

/// A value of the graph, by name.
pub(super) type Name = String;

/// A graph being built.
#[derive(Default)]
pub(super) struct Builder {
    graph: Graph,
    values: usize,
    /// Weights that are there, by what they are called.
    known: HashMap<String, Name>,
}

/// An attribute's value.
pub(super) enum Value {
    Float(f32),
    Int(i64),
    Ints(Vec<i64>),
}

impl Builder {
    /// An input whose first dimension is the batch.
    pub(super) fn input(&mut self, name: &str, integers: bool, row_shape: &[usize]) -> Name {
        self.graph.input.push(value_info(name, if integers { I64 } else { F32 }, row_shape));
        name.to_owned()
    }

    /// A tensor of weights; the same name is written once.
    pub(super) fn weights(&mut self, name: &str, dims: &[usize], values: &[f32]) -> Name {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name.to_owned(), F32, dims, raw)
    }

    /// A small tensor of numbers.
    pub(super) fn floats(&mut self, dims: &[usize], values: &[f32]) -> Name {
        let bits: Vec<String> = values.iter().map(|value| format!("{:x}", value.to_bits())).collect();
        self.weights(&format!("f{dims:?}{}", bits.join("_")), dims, values)
    }

    /// A list of integers.
    pub(super) fn integers(&mut self, values: &[i64]) -> Name {
        let name = format!("i{values:?}");
        if let Some(known) = self.known.get(&name) {
            return known.clone();
        }
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, I64, &[values.len()], raw)
    }

    /// One integer, without dimensions.
    pub(super) fn integer(&mut self, value: i64) -> Name {
        let name = format!("i{value}");
        if let Some(known) = self.known.get(&name) {
            return known.clone();
        }
        self.initializer(name, I64, &[], value.to_le_bytes().to_vec())
    }

    fn initializer(&mut self, name: String, kind: i32, dims: &[usize], raw: Vec<u8>) -> Name {
        self.graph.initializer.push(Tensor {
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: Some(kind),
            name: Some(name.clone()),
            raw_data: Some(raw),
        });
        self.known.insert(name.clone(), name.clone());
        name
    }

    /// A node with one output.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, Value)]) -> Name {
        self.outputs(operator, inputs, attributes, &[true]).pop().unwrap_or_default()
    }

    /// A node of whose outputs some are wanted; an empty name of an input leaves it out.
    pub(super) fn outputs(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, Value)], wanted: &[bool]) -> Vec<Name> {
        let mut output = Vec::new();
        for &wanted in wanted {
            self.values += 1;
            output.push(if wanted { format!("v{}", self.values) } else { String::new() });
        }
        let named = output.iter().filter(|name| !name.is_empty()).cloned().collect();
        self.graph.node.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output,
            name: Some(format!("{operator}_{}", self.values)),
            op_type: Some(operator.to_owned()),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            domain: None,
        });
        named
    }

    /// The model, with `output` as its output of `width` numbers a row under the name that the spec says.
    pub(super) fn finish(mut self, output: &str, named: &str, width: usize) -> Model {
        self.graph.node.push(Node {
            input: vec![output.to_owned()],
            output: vec![named.to_owned()],
            name: Some("output".to_owned()),
            op_type: Some("Identity".to_owned()),
            attribute: vec![],
            domain: None,
        });
        self.graph.output.push(value_info(named, F32, &[width]));
        self.graph.name = Some("tower".to_owned());
        Model {
            ir_version: Some(IR_VERSION),
            producer_name: Some("torre".to_owned()),
            graph: Some(self.graph),
            opset_import: vec![OperatorSet { domain: Some(String::new()), version: Some(OPERATOR_SET) }],
            metadata_props: vec![],
        }
    }
}

/// Text in a model's metadata.
pub(super) fn entry(key: &str, value: &str) -> Entry {
    Entry { key: Some(key.to_owned()), value: Some(value.to_owned()) }
}

fn attribute(name: &str, value: &Value) -> Attribute {
    let named = Attribute { name: Some(name.to_owned()), ..Attribute::default() };
    match value {
        Value::Float(value) => Attribute { f: Some(*value), kind: Some(FLOAT), ..named },
        Value::Int(value) => Attribute { i: Some(*value), kind: Some(INT), ..named },
        Value::Ints(values) => Attribute { ints: values.clone(), kind: Some(INTS), ..named },
    }
}

fn value_info(name: &str, kind: i32, row_shape: &[usize]) -> ValueInfo {
    let batch = Dimension { value: None, param: Some("N".to_owned()) };
    let others = row_shape.iter().map(|&size| Dimension { value: Some(size as i64), param: None });
    let shape = Shape { dim: std::iter::once(batch).chain(others).collect() };
    let of = Type { tensor_type: Some(TensorType { elem_type: Some(kind), shape: Some(shape) }) };
    ValueInfo { name: Some(name.to_owned()), of: Some(of) }
}
