//! Makes of a checked graph one that the runtime computes right: what is known already becomes a constant, an output that nobody reads
//! goes, and a node that the runtime lacks or computes otherwise becomes one of our own.

use std::collections::HashSet;

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;

use super::attributes::Attributes;
use super::bag::OPERATOR;
use super::guard::Known;
use super::own::{self, Case};
use super::table::Tables;
use super::value::{Dtype, Value};

/// What decides about the nodes of a graph.
pub(super) struct Lowering<'a> {
    /// Every value of the graph, at each batch size that will be prepared.
    pub(super) known: &'a [Known],
    pub(super) output: &'a str,
    /// Operators whose nodes become ours in any case.
    pub(super) forced: &'a HashSet<String>,
    /// The tables that are in the file.
    pub(super) tables: &'a Tables,
}

impl Lowering<'_> {
    /// Lowers the nodes of a graph.
    pub(super) fn lower(&self, graph: &mut pb::GraphProto) {
        let Self { known, output, forced, tables } = *self;
        let read: HashSet<String> = graph.node.iter().flat_map(|node| node.input.iter().cloned()).chain([output.to_owned()]).collect();
        let odd = odd_numbers(graph, tables);
        let fixed = constants(graph);
        let mut names = HashSet::new();
        for node in &mut graph.node {
            // The runtime wants each name once.
            if !node.name.is_empty() && !names.insert(node.name.clone()) {
                node.name.clear();
            }
            if let Some(constant) = constant(node, known) {
                *node = constant;
                continue;
            }
            // The first name is left where it is the only one.
            while node.op_type != "Split" && node.output.len() > 1 && node.output.last().is_some_and(|name| !read.contains(name)) {
                node.output.pop();
            }
            if matches!(node.op_type.as_str(), "GRU" | "LSTM" | "RNN") && node.output.iter().any(|name| read.contains(name)) {
                node.output.iter_mut().filter(|name| !read.contains(*name)).for_each(String::clear);
            }
            let table = if node.op_type == "Gather" { node.input.first().filter(|name| tables.contains_key(*name)).cloned() } else { None };
            if table.is_some() {
                node.input.remove(0);
            }
            if node.op_type == OPERATOR {
                // The rest was for inference to see.
                node.input.truncate(1);
            }
            if node.op_type == "Dropout" {
                node.op_type = "Identity".to_owned();
                node.input.truncate(1);
                node.attribute.clear();
            } else if (table.is_some()
                || is_own(node, known, &odd)
                || is_product_of_many(node, known, &fixed)
                || forced.contains(&node.op_type))
                && let Some(cases) = known.iter().map(|known| case(node, known)).collect::<Option<Vec<_>>>()
            {
                let constant: Vec<bool> = node.input.iter().map(|name| fixed.contains(name)).collect();
                *node = own::lowered(node, &cases, &constant, table.as_deref());
            }
        }
    }
}

/// The node as a constant, where its one output is known and the same at every batch size.
fn constant(node: &pb::NodeProto, known: &[Known]) -> Option<pb::NodeProto> {
    let [output] = node.output.as_slice() else { return None };
    let first = known.first()?.get(output)?;
    let content = first.content.as_deref()?;
    let same = |known: &Known| known.get(output).is_some_and(|value| value.content == first.content && value.shape == first.shape);
    if node.op_type == "Constant" || !matches!(first.dtype, Dtype::I64 | Dtype::I32 | Dtype::Bool) || !known.iter().all(same) {
        return None;
    }
    let raw = content.iter().flat_map(|&x| match first.dtype {
        Dtype::I64 => x.to_le_bytes().to_vec(),
        Dtype::I32 => (x as i32).to_le_bytes().to_vec(),
        _ => vec![u8::from(x != 0)],
    });
    let tensor = pb::TensorProto {
        dims: first.shape.iter().map(|&dim| dim as i64).collect(),
        data_type: first.dtype.to_onnx(),
        raw_data: raw.collect(),
        ..Default::default()
    };
    let value =
        pb::AttributeProto { name: "value".to_owned(), r#type: AttributeType::Tensor as i32, t: Some(tensor), ..Default::default() };
    Some(pb::NodeProto {
        output: node.output.clone(),
        name: node.name.clone(),
        op_type: "Constant".to_owned(),
        attribute: vec![value],
        ..Default::default()
    })
}

fn case(node: &pb::NodeProto, known: &Known) -> Option<Case> {
    let shape = |name: &String| known.get(name).map(|value| value.shape.clone());
    let inputs = node.input.iter().filter(|name| !name.is_empty()).map(shape).collect::<Option<_>>()?;
    // An output without a name keeps its place; its shape is not asked for.
    let output =
        |name: &String| if name.is_empty() { Some((Dtype::F32, vec![])) } else { known.get(name).map(|v| (v.dtype, v.shape.clone())) };
    Some(Case { inputs, outputs: node.output.iter().map(output).collect::<Option<_>>()? })
}

/// Whether a node is computed by us.
fn is_own(node: &pb::NodeProto, known: &[Known], odd: &HashSet<String>) -> bool {
    let value = |place: usize| -> Option<&Value> { known.first()?.get(node.input.get(place)?) };
    let boolean = || value(0).is_some_and(|value| value.dtype == Dtype::Bool);
    let double = || value(0).is_some_and(|value| value.dtype == Dtype::F64);
    let single = || value(0).is_some_and(|value| value.dtype == Dtype::F32);
    match node.op_type.as_str() {
        // Row by row and number by number there.
        "Gather" if single() => {
            Attributes(node).int("axis", 0) == 0 && value(1).is_some_and(|indices| indices.dtype == Dtype::I64 && indices.rank() > 0)
        }
        "ReduceSum" | "ReduceMean" | "ReduceL2" | "ReduceMax" | "ReduceMin" if single() && is_along_one(node, value(1)) => true,
        // Not in the runtime, or not for every type.
        "GatherND"
        | "ScatterElements"
        | "ScatterND"
        | "TopK"
        | "Einsum"
        | "RMSNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "QuantizeLinear"
        | "DequantizeLinear"
        | "IsInf"
        | "CumSum"
        | "NonZero"
        | OPERATOR => true,
        // Without the shift by the largest number, with a variance of squares, without the alpha.
        "LogSoftmax" | "Softplus" | "Mish" | "ReduceLogSumExp" | "LayerNormalization" | "Celu" => true,
        // Number by number through the C library there, or right to a millionth, which is much of a small number.
        "Erf" | "Softmax" | "Gelu" | "Sin" | "Cos" | "Exp" | "Elu" | "Selu" | "Softsign" => true,
        "Sign" => value(0).is_some_and(|value| !value.dtype.is_float()) || double(),
        "Range" => value(0).is_some_and(|value| value.dtype.is_float()),
        "Pad" => node.input.len() > 3,
        "Mod" => true,
        "Equal" => boolean(),
        // The runtime lets a number win over NaN.
        "ReduceMax" | "ReduceMin" if boolean() => true,
        "Relu" | "Clip" | "Min" | "Max" | "ReduceMax" | "ReduceMin" => node.input.iter().any(|input| odd.contains(input)),
        // Step by step in its own small graph there, and without clip, peepholes and most activations.
        "GRU" | "LSTM" | "RNN" | "Attention" => true,
        "Cast" | "Constant" | "ConstantOfShape" => false,
        _ => double(),
    }
}

/// Whether a reduction goes along one axis, which is known.
fn is_along_one(node: &pb::NodeProto, axes: Option<&Value>) -> bool {
    match axes {
        Some(axes) => axes.content.as_ref().is_some_and(|content| content.len() == 1),
        None => Attributes(node).ints("axes").is_some_and(|axes| axes.len() == 1),
    }
}

/// Whether a node multiplies many small matrices, none of them a weight. The runtime packs both sides of each for a product of their size.
fn is_product_of_many(node: &pb::NodeProto, known: &[Known], constants: &HashSet<String>) -> bool {
    let small = |name: &String| {
        let value = known.first().and_then(|known| known.get(name));
        value.is_some_and(|value| value.dtype == Dtype::F32 && value.rank() > 2) && !constants.contains(name)
    };
    node.op_type == "MatMul" && node.input.iter().all(small)
}

/// The values that are the same in every run: weights, and what is made of nothing else.
fn constants(graph: &pb::GraphProto) -> HashSet<String> {
    let mut constants: HashSet<String> = graph.initializer.iter().map(|weights| weights.name.clone()).collect();
    for node in &graph.node {
        if node.input.iter().all(|name| name.is_empty() || constants.contains(name)) {
            constants.extend(node.output.iter().filter(|name| !name.is_empty()).cloned());
        }
    }
    constants
}

/// The values that may hold NaN or an infinity although all inputs are finite: what comes of operators with poles, and of such weights.
fn odd_numbers(graph: &pb::GraphProto, tables: &Tables) -> HashSet<String> {
    let mut odd: HashSet<String> = tables.iter().filter(|(_, table)| table.has_odd()).map(|(name, _)| name.clone()).collect();
    for weights in &graph.initializer {
        if has_odd(weights) {
            odd.insert(weights.name.clone());
        }
    }
    for node in &graph.node {
        let poles = matches!(node.op_type.as_str(), "Div" | "Log" | "Sqrt" | "Pow" | "Reciprocal" | "Exp" | "ReduceLogSum" | "Mod");
        let constant = Attributes(node).tensor("value").is_some_and(has_odd)
            || !Attributes(node).float("value_float", 0.0).is_finite()
            || Attributes(node).floats("value_floats").iter().any(|x| !x.is_finite());
        // What a sigmoid, a comparison or a softmax makes is bounded, but NaN goes through it.
        if poles || constant || node.input.iter().any(|input| odd.contains(input)) {
            odd.extend(node.output.iter().filter(|name| !name.is_empty()).cloned());
        }
    }
    odd
}

fn has_odd(tensor: &pb::TensorProto) -> bool {
    // Other types have no such numbers, or are not computed with.
    tensor.data_type == Dtype::F32.to_onnx()
        && (tensor.float_data.iter().any(|x| !x.is_finite())
            || tensor.raw_data.as_chunks::<4>().0.iter().any(|&bytes| !f32::from_le_bytes(bytes).is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> pb::NodeProto {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        pb::NodeProto { op_type: operator.to_owned(), input: names(inputs), output: names(outputs), ..Default::default() }
    }

    #[test]
    fn knows_where_nan_can_come_from() {
        let nodes = vec![node("Add", &["x", "x"], &["sum"]), node("Log", &["x"], &["log"]), node("Mul", &["log", "x"], &["product"])];
        let odd = odd_numbers(&pb::GraphProto { node: nodes, ..Default::default() }, &Tables::new());
        assert!(!odd.contains("sum") && odd.contains("log") && odd.contains("product"));
    }

    #[test]
    fn folds_what_is_known_at_every_batch_size() {
        let known = |content: i64| Known::from([("y".to_owned(), Value::known(Dtype::I64, vec![1], vec![content]))]);
        let mut graph = pb::GraphProto { node: vec![node("Mul", &["a", "b"], &["y"])], ..Default::default() };
        let (forced, tables) = (HashSet::new(), Tables::new());
        let mut lower = |known: &[Known]| {
            Lowering { known, output: "y", forced: &forced, tables: &tables }.lower(&mut graph);
            graph.node[0].op_type.clone()
        };
        assert_eq!(lower(&[known(3), known(4)]), "Mul");
        assert_eq!(lower(&[known(3), known(3)]), "Constant");
    }
}
