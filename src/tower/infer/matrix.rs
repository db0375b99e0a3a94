//! Matrix products and recurrent layers: the operators whose work is more than one step an element.

use super::node::{Node, Result};
use crate::tower::reference::Equation;
use crate::tower::shape::volume;
use crate::tower::value::{Dtype, Value};

/// A node's outputs and its multiply-adds.
pub(super) type Worked = (Vec<Value>, u64);

fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1u64, |product, &f| product.saturating_mul(f as u64))
}

pub(super) fn matmul(node: &Node<'_>) -> Result<Worked> {
    node.at_most(2)?;
    let (a, b) = (node.float_input(0)?, node.float_input(1)?);
    node.same_type(a, b)?;
    if a.rank() == 0 || b.rank() == 0 {
        return node.fail("a product with a single number");
    }
    // A vector on the left is a row, on the right a column; the added dimension is dropped again.
    let left = if a.rank() == 1 { [&[1], a.shape.as_slice()].concat() } else { a.shape.clone() };
    let right = if b.rank() == 1 { [b.shape.as_slice(), &[1]].concat() } else { b.shape.clone() };
    let (&[.., rows, inner], &[.., inner_right, columns]) = (left.as_slice(), right.as_slice()) else {
        return node.fail("expected matrices");
    };
    if inner != inner_right {
        return node.fail(format!("{:?} times {:?}", a.shape, b.shape));
    }
    let mut shape = node.broadcast(&left[..left.len() - 2], &right[..right.len() - 2])?;
    let work = product(&[volume(&shape), rows, inner, columns]);
    shape.extend((a.rank() > 1).then_some(rows));
    shape.extend((b.rank() > 1).then_some(columns));
    Ok((vec![Value::new(a.dtype, shape)], work))
}

pub(super) fn gemm(node: &Node<'_>) -> Result<Worked> {
    node.at_most(3)?;
    let (a, b) = (node.float_input(0)?, node.float_input(1)?);
    node.same_type(a, b)?;
    let side = |value: &Value, transposed: &str| -> Result<[usize; 2]> {
        let &[x, y] = value.shape.as_slice() else { return node.fail(format!("a matrix of shape {:?}", value.shape)) };
        Ok(if node.int_or(transposed, 0)? != 0 { [y, x] } else { [x, y] })
    };
    let ([rows, inner], [inner_right, columns]) = (side(a, "transA")?, side(b, "transB")?);
    if inner != inner_right {
        return node.fail(format!("{rows} x {inner} times {inner_right} x {columns}"));
    }
    let shape = vec![rows, columns];
    if let Some(c) = node.optional(2) {
        node.same_type(a, c)?;
        if node.broadcast(&c.shape, &shape)? != shape {
            return node.fail(format!("{:?} added to {shape:?}", c.shape));
        }
    }
    Ok((vec![Value::new(a.dtype, shape)], product(&[rows, inner, columns])))
}

pub(super) fn einsum(node: &Node<'_>) -> Result<Worked> {
    let equation = Equation::parse(node.text_or("equation", "")?).map_err(|reason| node.error(reason))?;
    if equation.inputs.len() != node.inputs.len() || node.inputs.is_empty() {
        return node.fail(format!("an equation of {} inputs, for {}", equation.inputs.len(), node.inputs.len()));
    }
    let first = node.float_input(0)?;
    let mut sizes: Vec<(u8, usize)> = Vec::new();
    for (place, letters) in equation.inputs.iter().enumerate() {
        let x = node.float_input(place)?;
        node.same_type(first, x)?;
        if x.rank() != letters.len() {
            return node.fail(format!("{} letters for the shape {:?}", letters.len(), x.shape));
        }
        for (&letter, &dim) in letters.iter().zip(&x.shape) {
            match sizes.iter_mut().find(|(known, _)| *known == letter) {
                Some((_, size)) if *size == dim || dim == 1 => {}
                Some((_, size)) if *size == 1 => *size = dim,
                Some((_, size)) => return node.fail(format!("the letter {} is {size} and {dim}", char::from(letter))),
                None => sizes.push((letter, dim)),
            }
        }
    }
    let size = |letter: &u8| sizes.iter().find(|(known, _)| known == letter).map(|&(_, size)| size);
    let shape = equation.output.iter().map(|letter| size(letter).ok_or_else(|| node.error("a letter of the output that no input has")));
    let shape = shape.collect::<Result<Vec<_>>>()?;
    if (1..equation.output.len()).any(|at| equation.output[..at].contains(&equation.output[at])) {
        return node.fail("a letter twice in the output");
    }
    let all: Vec<usize> = sizes.iter().map(|&(_, size)| size).collect();
    Ok((vec![Value::new(first.dtype, shape)], product(&all).saturating_mul(node.inputs.len() as u64)))
}

/// A convolution over one dimension.
pub(super) fn conv(node: &Node<'_>) -> Result<Worked> {
    node.at_most(3)?;
    let (x, w) = (node.float_input(0)?, node.float_input(1)?);
    node.same_type(x, w)?;
    let (&[batch, channels, length], &[filters, depth, width]) = (x.shape.as_slice(), w.shape.as_slice()) else {
        return node.fail(format!("{:?} with weights {:?}; only convolutions over one dimension are supported", x.shape, w.shape));
    };
    if node.text_or("auto_pad", "NOTSET")? != "NOTSET" {
        return node.fail("automatic padding; export with explicit pads");
    }
    let groups = node.dimension(node.int_or("group", 1)?.into())?;
    if groups == 0 || depth.saturating_mul(groups) != channels || !filters.is_multiple_of(groups.max(1)) {
        return node.fail(format!("{channels} channels in {groups} groups, weights {:?}", w.shape));
    }
    let one = |name: &str, default: i64, least: i64| -> Result<i128> {
        match node.ints(name)? {
            None => Ok(default.into()),
            Some(&[value]) if (least..1 << 20).contains(&value) => Ok(value.into()),
            Some(other) => node.fail(format!("{name} {other:?}")),
        }
    };
    let (stride, dilation) = (one("strides", 1, 1)?, one("dilations", 1, 1)?);
    let pads = node.ints("pads")?.unwrap_or(&[0, 0]);
    if pads.len() != 2
        || pads.iter().any(|pad| !(0..1 << 20).contains(pad))
        || node.ints("kernel_shape")?.is_some_and(|k| k != [width as i64])
    {
        return node.fail(format!("pads {pads:?}, weights {:?}", w.shape));
    }
    let padded = length as i128 + i128::from(pads[0]) + i128::from(pads[1]);
    let reach = dilation * (width as i128 - 1) + 1;
    if width == 0 || padded < reach {
        return node.fail(format!("a window of {reach} over {padded}"));
    }
    let out = node.dimension((padded - reach) / stride + 1)?;
    if let Some(bias) = node.optional(2)
        && (bias.shape != [filters] || bias.dtype != x.dtype)
    {
        return node.fail(format!("a bias of shape {:?} for {filters} filters", bias.shape));
    }
    Ok((vec![Value::new(x.dtype, vec![batch, filters, out])], product(&[batch, filters, out, depth, width])))
}

/// GRU, LSTM, RNN: time-major, without lengths of their own (the runtime has none).
pub(super) fn recurrent(node: &Node<'_>) -> Result<Worked> {
    let (gates, states, inputs) = match node.proto.op_type.as_str() {
        "LSTM" => (4, 2, 8),
        "GRU" => (3, 1, 6),
        _ => (1, 1, 6),
    };
    node.at_most(inputs)?;
    if node.int_or("layout", 0)? != 0 {
        return node.fail("the batch-major layout");
    }
    let directions = match node.text_or("direction", "forward")? {
        "forward" | "reverse" => 1,
        "bidirectional" => 2,
        other => return node.fail(format!("the direction {other:?}")),
    };
    recurrent_attributes(node)?;
    let x = node.float_input(0)?;
    let (w, r) = (node.float_input(1)?, node.float_input(2)?);
    let (&[steps, batch, width], &[_, _, hidden]) = (x.shape.as_slice(), r.shape.as_slice()) else {
        return node.fail(format!("an input of shape {:?}, recurrence weights of {:?}", x.shape, r.shape));
    };
    if let Some(lengths) = node.optional(4)
        && (lengths.dtype != Dtype::I32 || lengths.shape != [batch])
    {
        return node.fail(format!("sequence lengths of {} {:?}; expected i32 [{batch}]", lengths.dtype.name(), lengths.shape));
    }
    let rows = hidden.saturating_mul(gates);
    let given = node.int("hidden_size")?;
    if given.is_some_and(|given| given != hidden as i64) {
        return node.fail(format!("hidden_size {} with weights for {hidden}", given.unwrap_or_default()));
    }
    if w.shape != [directions, rows, width] || r.shape != [directions, rows, hidden] {
        return node.fail(format!("weights of shape {:?} and {:?} for {directions} x {rows} x {width}", w.shape, r.shape));
    }
    let state = vec![directions, batch, hidden];
    let wanted = [(3, vec![directions, rows.saturating_mul(2)]), (5, state.clone()), (6, state.clone()), (7, vec![directions, 3 * hidden])];
    for (place, shape) in wanted {
        if let Some(value) = node.optional(place)
            && value.shape != shape
        {
            return node.fail(format!("input {place} has the shape {:?}; expected {shape:?}", value.shape));
        }
    }
    if steps == 0 || hidden == 0 {
        return node.fail("no steps, or no state");
    }
    let mut outputs = vec![Value::new(x.dtype, vec![steps, directions, batch, hidden])];
    outputs.extend((0..states).map(|_| Value::new(x.dtype, state.clone())));
    let work = product(&[steps, batch, directions, rows]).saturating_mul(width.saturating_add(hidden) as u64);
    outputs.truncate(node.proto.output.len().max(1));
    Ok((outputs, work))
}

/// Activations that ONNX names, a clip that is one.
fn recurrent_attributes(node: &Node<'_>) -> Result<()> {
    for name in node.texts("activations")? {
        if !ACTIVATIONS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return node.fail(format!("the activation {name:?}"));
        }
    }
    node.floats("activation_alpha")?;
    node.floats("activation_beta")?;
    match node.float("clip")? {
        Some(clip) if clip.is_nan() || clip <= 0.0 => node.fail(format!("a clip of {clip}")),
        _ => Ok(()),
    }
}

/// What a recurrent layer may put its sums through.
const ACTIVATIONS: [&str; 11] =
    ["Affine", "Elu", "HardSigmoid", "LeakyRelu", "Relu", "ScaledTanh", "Sigmoid", "Softplus", "Softsign", "Tanh", "ThresholdedRelu"];
