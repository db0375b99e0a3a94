//! What a graph will compute, told before anything of it runs: a small abstract interpreter over the operators that towers use.
//!
//! It follows types, shapes at one batch size, the content of small integer tensors (shapes, axes) and the range of integers
//! (indices). A graph whose shapes cannot be told, whose indices may leave their table, or whose values exceed the limits is
//! refused here, before the runtime sees it: the runtime allocates and folds constants while it loads.

mod arithmetic;
mod attention;
mod bag;
mod lookup;
mod make;
mod matrix;
mod node;
mod quantize;
mod reduce;
mod structure;

use std::collections::{HashMap, HashSet};

use tract_onnx::pb;

pub(super) use self::structure::source;

use self::node::{Node, Result};
use super::bag::OPERATOR;
use super::limits;
use super::value::{Dtype, Value};
use super::way_out::way_out;
use crate::model_error::ModelError;

/// The operators that a tower may use: what PyTorch's exporter makes of pooling, attention and recurrent towers, and their neighbours.
///
/// Tree ensembles are not among them: the runtime's classifier writes out of bounds on a hostile file. A ranker's trees get an
/// operator of our own.
pub(super) fn allowed(operator: &str) -> bool {
    kind(operator).is_some()
}

type Single = fn(&Node<'_>) -> Result<Value>;
type Multiple = fn(&Node<'_>) -> Result<Vec<Value>>;
type Worked = fn(&Node<'_>) -> Result<matrix::Worked>;

/// How many outputs an operator has, and whether its work is more than a step an element.
#[derive(Clone, Copy)]
enum Kind {
    One(Single),
    Many(Multiple),
    Heavy(Worked),
}

fn kind(operator: &str) -> Option<Kind> {
    use Kind::{Heavy, Many, One};
    Some(match operator {
        "Identity" | "Not" | "IsNaN" | "IsInf" | "Relu" | "Neg" | "Abs" | "Sign" | "Exp" | "Log" | "Sqrt" | "Reciprocal" | "Sigmoid"
        | "Tanh" | "LeakyRelu" | "Elu" | "Selu" | "Celu" | "Gelu" | "HardSigmoid" | "HardSwish" | "Softplus" | "Softsign" | "Mish"
        | "Erf" | "Sin" | "Cos" | "Floor" | "Ceil" | "Round" => One(arithmetic::unary),
        "Clip" => One(arithmetic::clip),
        "Cast" => One(arithmetic::cast),
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "Min" | "Max" | "Sum" | "Mean" | "PRelu" | "Equal" | "Greater"
        | "GreaterOrEqual" | "Less" | "LessOrEqual" | "And" | "Or" | "Xor" => One(arithmetic::binary),
        "Where" => One(arithmetic::select),
        "Constant" => One(make::constant),
        "ConstantOfShape" => One(make::constant_of_shape),
        "Range" => One(make::range),
        OPERATOR => One(bag::bags),
        "Shape" => One(make::shape),
        "Size" => One(make::size),
        "NonZero" => One(make::non_zero),
        "Reshape" => One(structure::reshape),
        "Flatten" => One(structure::flatten),
        "Squeeze" => One(structure::squeeze),
        "Unsqueeze" => One(structure::unsqueeze),
        "Transpose" => One(structure::transpose),
        "Expand" => One(structure::expand),
        "Tile" => One(structure::tile),
        "Pad" => One(structure::pad),
        "Concat" => One(structure::concat),
        "Split" => Many(structure::split),
        "Slice" => One(structure::slice),
        "Trilu" => One(structure::trilu),
        "Gather" => One(lookup::gather),
        "GatherElements" => One(lookup::gather_elements),
        "GatherND" => One(lookup::gather_nd),
        "ScatterElements" => One(lookup::scatter_elements),
        "ScatterND" => One(lookup::scatter_nd),
        "TopK" => Many(lookup::top_k),
        "OneHot" => One(lookup::one_hot),
        "ArgMax" | "ArgMin" => One(lookup::arg_max),
        "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2" | "ReduceSumSquare"
        | "ReduceLogSum" | "ReduceLogSumExp" => One(reduce::reduce),
        "Softmax" | "LogSoftmax" | "LpNormalization" | "CumSum" => One(reduce::along_axis),
        "LayerNormalization" | "RMSNormalization" => Many(reduce::layer_norm),
        "InstanceNormalization" | "GroupNormalization" => One(reduce::instance_norm),
        "BatchNormalization" => One(reduce::batch_norm),
        "Dropout" => One(reduce::dropout),
        "MatMul" => Heavy(matrix::matmul),
        "Gemm" => Heavy(matrix::gemm),
        "Einsum" => Heavy(matrix::einsum),
        "Attention" => Heavy(attention::attention),
        "Conv" => Heavy(matrix::conv),
        "DequantizeLinear" => One(quantize::dequantize),
        "QuantizeLinear" => One(quantize::quantize),
        "GRU" | "LSTM" | "RNN" => Heavy(matrix::recurrent),
        _ => return None,
    })
}

/// Runs the interpreter over the nodes of a graph whose inputs and weights are in `known`, at one batch size. On return `known` has
/// every value of the graph.
pub(super) fn run(nodes: &[pb::NodeProto], batch: usize, known: &mut HashMap<String, Value>) -> Result<Spent> {
    let mut costs = Vec::with_capacity(nodes.len());
    let mut alive = Alive::of(nodes, known);
    let mut work = 0u64;
    for (at, proto) in nodes.iter().enumerate() {
        let name = name_of(proto);
        let Some(kind) = kind(&proto.op_type) else {
            let way_out = way_out(&proto.domain, &proto.op_type);
            return Err(ModelError::Operator { node: name.to_owned(), operator: proto.op_type.clone(), way_out });
        };
        let outputs;
        let steps;
        {
            let inputs = proto.input.iter().map(|input| lookup_input(known, name, input)).collect::<Result<Vec<_>>>()?;
            let node = Node { proto, name, inputs };
            storage_only(&node)?;
            let read = node.inputs.iter().flatten().fold(0u64, |sum, value| sum.saturating_add(value.volume() as u64));
            let (values, heavy) = match kind {
                Kind::One(f) => (vec![f(&node)?], 0),
                Kind::Many(f) => (f(&node)?, 0),
                Kind::Heavy(f) => f(&node)?,
            };
            // A lookup reads of its table only what it gives; every other operator may read all of its inputs.
            let read = if proto.op_type == "Gather" { 0 } else { read };
            if proto.output.len() > values.len() {
                return node.fail(format!("{} outputs; this operator makes {}", proto.output.len(), values.len()));
            }
            (outputs, steps) = (values, heavy.saturating_add(read));
        }
        let volume_error = |what, got: String, limit: u64| ModelError::Volume { node: name.to_owned(), batch, what, got, limit };
        let before = work;
        work = work.saturating_add(steps);
        for (output, value) in proto.output.iter().zip(outputs) {
            let elements = value.volume();
            let largest = value.shape.iter().copied().max().unwrap_or(1);
            if value.rank() > limits::RANK {
                return Err(volume_error("dimensions:", value.rank().to_string(), limits::RANK as u64));
            }
            if elements.max(largest) > limits::VALUE_ELEMENTS {
                let shape = value.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
                return Err(volume_error("elements:", shape, limits::VALUE_ELEMENTS as u64));
            }
            let total = alive.make(output, elements);
            work = work.saturating_add(elements as u64);
            if total > limits::TOTAL_ELEMENTS {
                return Err(volume_error("elements alive at once:", total.to_string(), limits::TOTAL_ELEMENTS as u64));
            }
            if !output.is_empty() && known.insert(output.clone(), value).is_some() {
                return Err(ModelError::graph(format!("node {name:?}"), format!("the value {output:?} is made twice")));
            }
        }
        if work > limits::WORK {
            return Err(volume_error("steps in all, with the nodes before it:", work.to_string(), limits::WORK));
        }
        costs.push(work - before);
        alive.pass(at, proto);
    }
    Ok(Spent { costs, most_alive: alive.most })
}

/// What a run will take.
pub(super) struct Spent {
    /// The steps of each node.
    pub(super) costs: Vec<u64>,
    /// Elements that are computed and still to be read, at most.
    pub(super) most_alive: usize,
}

/// Counts the elements that are alive: made, and read by a node that is still to come. What does not depend on the input stays for ever.
struct Alive<'a> {
    last_read: HashMap<&'a str, usize>,
    /// Values that are the same in every run, which the runtime keeps.
    fixed: HashSet<&'a str>,
    made: HashMap<&'a str, usize>,
    now: usize,
    most: usize,
}

impl<'a> Alive<'a> {
    fn of(nodes: &'a [pb::NodeProto], known: &HashMap<String, Value>) -> Self {
        let mut last_read = HashMap::new();
        let mut fixed = HashSet::new();
        let is_weight = |name: &str| known.get(name).is_some_and(|value| value.input.is_none());
        for (at, node) in nodes.iter().enumerate() {
            last_read.extend(node.input.iter().map(|name| (name.as_str(), at)));
            if node.input.iter().all(|name| name.is_empty() || is_weight(name) || fixed.contains(name.as_str())) {
                fixed.extend(node.output.iter().map(String::as_str));
            }
        }
        Self { last_read, fixed, made: HashMap::new(), now: 0, most: 0 }
    }

    /// Counts a value, and gives what is alive with it.
    fn make(&mut self, name: &'a str, elements: usize) -> usize {
        self.now = self.now.saturating_add(elements);
        self.most = self.most.max(self.now);
        // One without a name is read by nobody.
        *self.made.entry(name).or_insert(0) += elements;
        self.now
    }

    /// Lets go what no node behind this one reads.
    fn pass(&mut self, at: usize, node: &'a pb::NodeProto) {
        for name in node.input.iter().chain(&node.output).map(String::as_str) {
            let gone = !self.fixed.contains(name) && self.last_read.get(name).is_none_or(|&last| last <= at);
            if gone && let Some(elements) = self.made.remove(name) {
                self.now -= elements;
            }
        }
    }
}

/// Refuses to compute with a type that is for storing.
fn storage_only(node: &Node<'_>) -> Result<()> {
    let moves = matches!(
        node.proto.op_type.as_str(),
        "Cast"
            | "DequantizeLinear"
            | "QuantizeLinear"
            | "Gather"
            | OPERATOR
            | "Reshape"
            | "Transpose"
            | "Identity"
            | "Concat"
            | "Slice"
            | "Squeeze"
            | "Unsqueeze"
            | "Flatten"
            | "Expand"
            | "Split"
    );
    match node.inputs.iter().flatten().find(|value| value.dtype.is_storage()) {
        Some(value) if !moves => {
            let way_out = match value.dtype {
                Dtype::F16 => "export the model in f32 (weights may be f16 behind a Cast)",
                _ => "quantise with QuantizeLinear and DequantizeLinear (QDQ), or export in f32",
            };
            node.fail(format!("it computes in {}; {way_out}", value.dtype.name()))
        }
        _ => Ok(()),
    }
}

fn lookup_input<'a>(known: &'a HashMap<String, Value>, node: &str, input: &str) -> Result<Option<&'a Value>> {
    if input.is_empty() {
        return Ok(None);
    }
    match known.get(input) {
        Some(value) => Ok(Some(value)),
        None => Err(ModelError::graph(format!("node {node:?}"), format!("it reads {input:?}, which nothing before it makes"))),
    }
}

/// A node's name, or where it has none, that of its first output that has one.
pub(super) fn name_of(node: &pb::NodeProto) -> &str {
    if node.name.is_empty() { node.output.iter().find(|output| !output.is_empty()).map_or("", String::as_str) } else { &node.name }
}
