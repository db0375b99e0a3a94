//! Sums, means, extremes and norms over dimensions; normalisations over the last ones.

use super::node::{Node, Result};
use crate::tower::value::{Dtype, Value};

pub(super) fn reduce(node: &Node<'_>) -> Result<Value> {
    node.at_most(2)?;
    let x = node.input(0)?;
    let op = node.proto.op_type.as_str();
    if node.has("axes") && node.optional(1).is_some() {
        return node.fail("axes given twice, as attribute and as input");
    }
    let given = match node.optional_content(1)? {
        Some(axes) => Some(axes),
        None => node.ints("axes")?,
    };
    let axes = match given {
        Some([]) | None if node.int_or("noop_with_empty_axes", 0)? != 0 => return node.fail("a reduction over nothing"),
        Some([]) | None => (0..x.rank()).collect(),
        Some(axes) => node.axes(axes, x.rank())?,
    };
    let keep = node.int_or("keepdims", 1)? != 0;
    let dim = |at: usize| if axes.contains(&at) { keep.then_some(1) } else { Some(x.shape[at]) };
    let shape: Vec<usize> = (0..x.rank()).filter_map(dim).collect();
    let count = axes.iter().fold(1i64, |product, &at| product.saturating_mul(x.shape[at] as i64));
    if count == 0 {
        return node.fail(format!("a reduction over no elements, shape {:?}", x.shape));
    }
    let sums = matches!(op, "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd");
    if !x.dtype.is_float() && !sums {
        return node.fail(format!("expected floats, got {}", x.dtype.name()));
    }
    if x.dtype == Dtype::Bool && !matches!(op, "ReduceMax" | "ReduceMin") {
        return node.fail("expected numbers, got bool");
    }
    if let Some(content) = x.content.as_deref().filter(|_| axes.len() == x.rank()) {
        let result = match op {
            "ReduceSum" => content.iter().try_fold(0i64, |a, &v| a.checked_add(v)),
            "ReduceProd" => content.iter().try_fold(1i64, |a, &v| a.checked_mul(v)),
            "ReduceMax" => content.iter().max().copied(),
            _ => content.iter().min().copied(),
        };
        if let Some(result) = result {
            return Ok(Value::known(x.dtype, shape, vec![result]));
        }
    }
    let range = x.range.and_then(|(lo, hi)| match op {
        "ReduceSum" => lo.checked_mul(count).zip(hi.checked_mul(count)),
        "ReduceMax" | "ReduceMin" => Some((lo, hi)),
        _ => None,
    });
    Ok(Value::new(x.dtype, shape).with_range(range))
}

/// Softmax, LogSoftmax, LpNormalization, and running sums: the same shape out, one axis of meaning.
pub(super) fn along_axis(node: &Node<'_>) -> Result<Value> {
    let x = node.input(0)?;
    if node.proto.op_type == "CumSum" {
        node.at_most(2)?;
        if x.dtype == Dtype::Bool {
            return node.fail("expected numbers, got bool");
        }
        let &[axis] = node.content(1)? else { return node.fail("the axis must be one number") };
        let axis = node.axis(axis, x.rank())?;
        let count = x.shape[axis] as i64;
        let range = x.range.and_then(|(lo, hi)| lo.checked_mul(count).zip(hi.checked_mul(count)));
        return Ok(Value::new(x.dtype, x.shape.clone()).with_range(range.map(|(lo, hi)| (lo.min(0), hi.max(0)))));
    }
    node.at_most(1)?;
    node.float_input(0)?;
    node.axis(node.int_or("axis", -1)?, x.rank())?;
    Ok(Value::new(x.dtype, x.shape.clone()))
}

pub(super) fn layer_norm(node: &Node<'_>) -> Result<Vec<Value>> {
    node.at_most(3)?;
    let x = node.float_input(0)?;
    let axis = node.axis(node.int_or("axis", -1)?, x.rank())?;
    for place in 1..node.inputs.len() {
        if let Some(scale) = node.optional(place) {
            node.same_type(x, scale)?;
            if node.broadcast(&scale.shape, &x.shape[axis..])? != x.shape[axis..] {
                return node.fail(format!("a scale of shape {:?} for {:?}", scale.shape, x.shape));
            }
        }
    }
    let mut moments = x.shape.clone();
    moments[axis..].fill(1);
    let moments = Value::new(x.dtype, moments);
    Ok([Value::new(x.dtype, x.shape.clone()), moments.clone(), moments].into_iter().take(node.proto.output.len()).collect())
}

/// InstanceNormalization and GroupNormalization: `[N, C, ...]`, a scale and a bias for each channel (or group, in operator sets before 21).
pub(super) fn instance_norm(node: &Node<'_>) -> Result<Value> {
    node.at_most(3)?;
    let x = node.float_input(0)?;
    let Some(&channels) = x.shape.get(1) else { return node.fail("expected at least two dimensions") };
    let groups = match node.proto.op_type.as_str() {
        "GroupNormalization" => node.dimension(node.int_or("num_groups", 0)?.into())?,
        _ => channels,
    };
    if groups == 0 || !channels.is_multiple_of(groups) || x.volume() == 0 {
        return node.fail(format!("{groups} groups of {channels} channels, shape {:?}", x.shape));
    }
    for place in 1..3 {
        let given = node.float_input(place)?;
        node.same_type(x, given)?;
        if given.shape != [channels] && given.shape != [groups] {
            return node.fail(format!("input {place} has the shape {:?}; expected [{channels}]", given.shape));
        }
    }
    Ok(Value::new(x.dtype, x.shape.clone()))
}

pub(super) fn batch_norm(node: &Node<'_>) -> Result<Value> {
    node.at_most(5)?;
    let x = node.float_input(0)?;
    if node.int_or("training_mode", 0)? != 0 || node.proto.output.len() != 1 {
        return node.fail("training mode");
    }
    let Some(&channels) = x.shape.get(1) else { return node.fail("expected at least two dimensions") };
    for place in 1..5 {
        let moments = node.float_input(place)?;
        if moments.shape != [channels] {
            return node.fail(format!("input {place} has the shape {:?}; expected [{channels}]", moments.shape));
        }
    }
    Ok(Value::new(x.dtype, x.shape.clone()))
}

pub(super) fn dropout(node: &Node<'_>) -> Result<Value> {
    node.at_most(3)?;
    let training = match node.optional(2) {
        Some(flag) => flag.content.as_deref() != Some(&[0]),
        None => false,
    };
    if training || node.proto.output.iter().skip(1).any(|output| !output.is_empty()) {
        return node.fail("training mode; export the model in evaluation mode");
    }
    let x = node.float_input(0)?;
    Ok(Value::new(x.dtype, x.shape.clone()))
}
