//! Models grown from arbitrary bytes: graphs of the operators that towers may have, over inputs that a feature spec fills.

use arbitrary::{Result, Unstructured};
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Dim};
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as TypeValue};

/// The inputs of every grown graph, one row of golden values, and `out`, of width 4.
const SPEC: &str = r#"{"torre": 1, "tower": "item", "model": "grown", "dim": 4, "metric": "ip", "output": "out", "inputs": [
    {"tensor": "a", "dtype": "i64", "shape": ["N"], "from": "brand", "op": {"hash": {"buckets": 6}}},
    {"tensor": "b", "dtype": "i64", "shape": ["N", 3], "from": "title", "op": {"text": {"buckets": 6}}, "list": {"max": 3, "keep": "first"}},
    {"tensor": "c", "dtype": "f32", "shape": ["N", 2], "concat": [
        {"from": "price", "op": {"number": ["log1p"]}}, {"from": "weight", "op": {"number": ["log1p"]}}]}],
  "golden": [{"row": {"brand": "x", "title": "a b", "price": 3, "weight": 4}, "vector": [0, 0, 0, 0]}]}"#;

const OPERATORS: &str = "\
    Gather Add MatMul Concat Reshape Gemm ReduceMean Unsqueeze Relu Cast Mul ReduceSum Slice Shape Identity Not IsNaN IsInf Neg \
    Abs Sign Exp Log Sqrt Reciprocal Sigmoid Tanh LeakyRelu Elu Selu Celu Gelu HardSigmoid HardSwish Softplus Softsign Mish Erf \
    Sin Cos Floor Ceil Round Clip Sub Div Mod Pow Min Max Sum Mean PRelu Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor \
    Where Constant ConstantOfShape Range Size Flatten Squeeze Transpose Expand Tile Pad Split Trilu GatherElements OneHot ArgMax \
    ArgMin ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum Softmax LpNormalization CumSum \
    LayerNormalization BatchNormalization GRU LSTM";

const ATTRIBUTES: &str = "\
    axis axes to keepdims perm alpha beta transA transB value epsilon mode p upper k exclusive reverse hidden_size direction \
    layout linear_before_reset num_outputs split fmod gamma value_ints value_float noop_with_empty_axes select_last_index \
    stash_type";

const F32: i32 = 1;
const I64: i32 = 7;

fn word<'w>(u: &mut Unstructured<'_>, words: &'w str) -> Result<&'w str> {
    let count = words.split(' ').count();
    Ok(words.split(' ').nth(u.choose_index(count)?).unwrap_or_default())
}

fn small(u: &mut Unstructured<'_>) -> Result<i64> {
    Ok(match u.int_in_range(0..=9u8)? {
        0 => u.arbitrary()?,
        1 => i64::from(u.arbitrary::<i16>()?),
        _ => u.int_in_range(-3..=6)?,
    })
}

/// A tensor whose data mostly fits its dimensions.
fn tensor(u: &mut Unstructured<'_>, name: String) -> Result<pb::TensorProto> {
    let dims: Vec<i64> = (0..u.int_in_range(0..=3u8)?).map(|_| u.int_in_range(0..=5)).collect::<Result<_>>()?;
    let mut count: i64 = dims.iter().product();
    if u.ratio(1, 24)? {
        count = u.int_in_range(0..=20)?;
    }
    let mut tensor = pb::TensorProto { name, dims, ..Default::default() };
    match u.int_in_range(0..=7u8)? {
        0..=2 => {
            tensor.data_type = I64;
            tensor.int64_data = (0..count).map(|_| small(u)).collect::<Result<_>>()?;
        }
        3..=5 => {
            tensor.data_type = F32;
            tensor.float_data = (0..count).map(|_| Ok(f32::from(u.arbitrary::<i8>()?) / 16.0)).collect::<Result<_>>()?;
        }
        6 => {
            tensor.data_type = u.int_in_range(0..=16)?;
            tensor.raw_data = u.bytes(u.len().min(count as usize * 4))?.to_vec();
        }
        _ => {
            // bool and i32
            tensor.data_type = *u.choose(&[9, 6])?;
            tensor.int32_data = (0..count).map(|_| u.int_in_range(0..=1)).collect::<Result<_>>()?;
        }
    }
    if u.ratio(1, 48)? {
        tensor.dims.push(small(u)?);
    }
    Ok(tensor)
}

fn attribute(u: &mut Unstructured<'_>) -> Result<pb::AttributeProto> {
    let mut attribute = pb::AttributeProto { name: word(u, ATTRIBUTES)?.to_owned(), ..Default::default() };
    let kind = match attribute.name.as_str() {
        "axes" | "perm" | "split" | "value_ints" => AttributeType::Ints,
        "alpha" | "beta" | "epsilon" | "gamma" | "value_float" => AttributeType::Float,
        "mode" | "direction" => AttributeType::String,
        "value" => AttributeType::Tensor,
        _ => AttributeType::Int,
    };
    let kind = if u.ratio(1, 32)? { AttributeType::Floats } else { kind };
    attribute.r#type = kind as i32;
    match kind {
        AttributeType::Ints => attribute.ints = (0..u.int_in_range(0..=4u8)?).map(|_| small(u)).collect::<Result<_>>()?,
        AttributeType::Float => attribute.f = f32::from(u.arbitrary::<i8>()?) / 8.0,
        AttributeType::String => {
            attribute.s = u.choose(&["constant", "reflect", "edge", "forward", "reverse", "bidirectional", ""])?.as_bytes().to_vec();
        }
        AttributeType::Tensor => attribute.t = Some(tensor(u, String::new())?),
        _ => attribute.i = small(u)?,
    }
    Ok(attribute)
}

fn input(name: &str, elem_type: i32, width: Option<i64>) -> pb::ValueInfoProto {
    let dimension = |value| Dimension { value: Some(value), ..Default::default() };
    let dim = std::iter::once(dimension(Dim::DimParam("N".to_owned()))).chain(width.map(|width| dimension(Dim::DimValue(width)))).collect();
    let tensor = TensorType { elem_type, shape: Some(pb::TensorShapeProto { dim }) };
    let r#type = Some(pb::TypeProto { value: Some(TypeValue::TensorType(tensor)), ..Default::default() });
    pb::ValueInfoProto { name: name.to_owned(), r#type, ..Default::default() }
}

fn node(op_type: &str, input: &[&str], output: &str) -> pb::NodeProto {
    let input = input.iter().map(|name| (*name).to_owned()).collect();
    pb::NodeProto { op_type: op_type.to_owned(), input, output: vec![output.to_owned()], ..Default::default() }
}

fn weight(name: &str, dims: &[i64], integers: bool) -> pb::TensorProto {
    let count = dims.iter().product::<i64>() as usize;
    let mut tensor = pb::TensorProto { name: name.to_owned(), dims: dims.to_vec(), ..Default::default() };
    if integers {
        tensor.data_type = I64;
        tensor.int64_data = vec![-1; count];
    } else {
        tensor.data_type = F32;
        tensor.float_data = (0..count).map(|n| n as f32 / 8.0 - 0.5).collect();
    }
    tensor
}

/// A model with some operators between its inputs and its output.
pub fn grown(u: &mut Unstructured<'_>) -> Result<pb::ModelProto> {
    let mut graph = pb::GraphProto { name: "grown".to_owned(), ..Default::default() };
    graph.input = vec![input("a", I64, None), input("b", I64, Some(3)), input("c", F32, Some(2))];
    graph.output = vec![pb::ValueInfoProto { name: "out".to_owned(), ..Default::default() }];
    graph.initializer = vec![weight("table", &[8, 4], false), weight("last", &[1], true), weight("wide", &[1, 4], false)];
    for n in 0..u.int_in_range(0..=3u8)? {
        graph.initializer.push(tensor(u, format!("w{n}"))?);
    }
    let mut known: Vec<String> = ["a", "b", "c", "table", "last"].map(str::to_owned).to_vec();
    known.extend(graph.initializer.iter().skip(3).map(|tensor| tensor.name.clone()));
    // An embedding of one category and of a text, which most towers have.
    graph.node = vec![node("Gather", &["table", "a"], "brand"), node("Gather", &["table", "b"], "words")];
    known.extend(["brand".to_owned(), "words".to_owned()]);
    for n in 0..u.int_in_range(1..=8u8)? {
        let mut made = node(word(u, OPERATORS)?, &[], &format!("v{n}"));
        for _ in 0..u.int_in_range(0..=4u8)? {
            // The newest values more often.
            let at = if u.ratio(1, 3)? { known.len() - 1 } else { u.choose_index(known.len())? };
            made.input.push(if u.ratio(1, 40)? { String::new() } else { known[at].clone() });
        }
        if u.ratio(1, 6)? {
            made.output.push(format!("x{n}"));
        }
        made.attribute = (0..u.int_in_range(0..=2u8)?).map(|_| attribute(u)).collect::<Result<_>>()?;
        known.extend(made.output.iter().cloned());
        graph.node.push(made);
    }
    // Whatever came last, to the width that the spec says; or it is the output itself.
    let newest = known.last().cloned().unwrap_or_default();
    if u.ratio(7, 8)? {
        graph.node.push(node("ReduceMean", &[&newest, "last"], "mean"));
        graph.node.push(node("MatMul", &["mean", "wide"], "out"));
    } else {
        graph.node.push(node("Identity", &[&newest], "out"));
    }
    Ok(model(graph))
}

fn model(graph: pb::GraphProto) -> pb::ModelProto {
    pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto { domain: String::new(), version: 18 }],
        graph: Some(graph),
        metadata_props: vec![pb::StringStringEntryProto { key: "torre.features".to_owned(), value: SPEC.to_owned() }],
        ..Default::default()
    }
}

/// Changes a few things of a model that is right.
pub fn edited(u: &mut Unstructured<'_>, model: &pb::ModelProto) -> Result<pb::ModelProto> {
    let mut model = model.clone();
    let Some(graph) = &mut model.graph else { return Ok(model) };
    for _ in 0..u.int_in_range(1..=3u8)? {
        let (nodes, weights) = (graph.node.len(), graph.initializer.len());
        if nodes == 0 || weights == 0 {
            break;
        }
        let at = u.choose_index(nodes)?;
        let tensor_at = u.choose_index(weights)?;
        match u.int_in_range(0..=9u8)? {
            0 => graph.node[at].op_type = word(u, OPERATORS)?.to_owned(),
            1 => graph.node[at].attribute.push(attribute(u)?),
            2 => graph.node[at].attribute.clear(),
            3 => {
                let other = graph.node[u.choose_index(nodes)?].output.first().cloned().unwrap_or_default();
                graph.node[at].input.push(other);
            }
            4 => {
                let other = graph.initializer[tensor_at].name.clone();
                if let Some(input) = graph.node[at].input.first_mut() {
                    *input = other;
                }
            }
            5 => drop(graph.node.remove(at)),
            6 => graph.initializer[tensor_at].dims = vec![small(u)?, small(u)?],
            7 => graph.initializer[tensor_at].dims.reverse(),
            8 => graph.initializer[tensor_at].data_type = u.int_in_range(0..=16)?,
            _ => {
                let name = graph.initializer[tensor_at].name.clone();
                graph.initializer[tensor_at] = tensor(u, name)?;
            }
        }
    }
    if u.ratio(1, 4)?
        && let Some(spec) = model.metadata_props.iter_mut().find(|entry| entry.key == "torre.features")
    {
        let place = u.choose_index(spec.value.len().max(1))?;
        let place = spec.value.floor_char_boundary(place);
        let with: u8 = u.int_in_range(b' '..=b'}')?;
        if place < spec.value.len() {
            spec.value.replace_range(place..spec.value.ceil_char_boundary(place + 1), &char::from(with).to_string());
        }
    }
    Ok(model)
}
