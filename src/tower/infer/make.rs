//! Operators that make elements: constants, ranges, shapes as numbers.

use super::node::{Node, Result};
use crate::model_error::ModelError;
use crate::tower::limits;
use crate::tower::shape::{strides, volume};
use crate::tower::tensor;
use crate::tower::value::{Dtype, Value};
use crate::tower::way_out::way_out;

pub(super) fn constant(node: &Node<'_>) -> Result<Value> {
    node.at_most(0)?;
    let [attribute] = node.proto.attribute.as_slice() else {
        return node.fail("a constant has exactly one attribute");
    };
    Ok(match attribute.name.as_str() {
        "value" => match &attribute.t {
            Some(t) => tensor::value(t, &format!("node {:?}", node.name))?,
            None => return node.fail("the attribute value holds no tensor"),
        },
        "value_int" => Value::known(Dtype::I64, vec![], vec![node.int_or("value_int", 0)?]),
        "value_ints" => {
            let content = node.ints("value_ints")?.unwrap_or_default().to_vec();
            Value::known(Dtype::I64, vec![content.len()], content)
        }
        "value_float" => node.float("value_float").map(|_| Value::new(Dtype::F32, vec![]))?,
        "value_floats" => Value::new(Dtype::F32, vec![node.floats("value_floats")?.unwrap_or_default().len()]),
        other => return node.fail(format!("a constant of the kind {other}")),
    })
}

pub(super) fn constant_of_shape(node: &Node<'_>) -> Result<Value> {
    node.at_most(1)?;
    let shape = target_shape(node, 0)?;
    let fill = node.tensor("value")?;
    let dtype = fill.as_ref().map_or(Dtype::F32, |v| v.dtype);
    if fill.as_ref().is_some_and(|v| v.volume() != 1) {
        return node.fail("the value must be one number");
    }
    let small = volume(&shape) <= limits::FOLLOWED_ELEMENTS;
    if let Some(fill) = fill.as_ref().and_then(|v| v.whole.as_ref()).filter(|_| small) {
        let whole = vec![fill[0]; volume(&shape)].into();
        return Ok(Value { whole: Some(whole), ..Value::new(dtype, shape) });
    }
    Ok(match fill.and_then(|v| v.content) {
        Some(fill) if small => {
            let content = vec![fill[0]; volume(&shape)];
            Value::known(dtype, shape, content)
        }
        Some(fill) => Value::new(dtype, shape).with_range(Some((fill[0], fill[0]))),
        None => Value::new(dtype, shape),
    })
}

pub(super) fn range(node: &Node<'_>) -> Result<Value> {
    node.at_most(3)?;
    let dtype = node.input(0)?.dtype;
    if dtype.is_float() {
        return float_range(node);
    }
    node.integer_input(0)?;
    let mut ends = [0i128; 3];
    for (place, end) in ends.iter_mut().enumerate() {
        node.same_type(node.input(0)?, node.input(place)?)?;
        let &[value] = node.content(place)? else { return node.fail(format!("input {place} must be one number")) };
        *end = i128::from(value);
    }
    let [start, limit, step] = ends;
    if step == 0 {
        return node.fail("a step of 0");
    }
    let count = ((limit - start + step - step.signum()) / step).max(0);
    if count > limits::VALUE_ELEMENTS as i128 {
        return node.fail(format!("{count} elements; at most {} are allowed", limits::VALUE_ELEMENTS));
    }
    let at = |i: i128| i64::try_from(start + i * step).map_err(|_| node.error("a number larger than 64 bits"));
    if count <= limits::FOLLOWED_ELEMENTS as i128 {
        let content = (0..count).map(at).collect::<Result<Vec<_>>>()?;
        return Ok(Value::known(dtype, vec![content.len()], content));
    }
    let (first, last) = (at(0)?, at(count - 1)?);
    Ok(Value::new(dtype, vec![node.dimension(count)?]).with_range(Some((first.min(last), first.max(last)))))
}

/// A range of floats, whose bounds are followed where they are whole numbers: casts of integers.
fn float_range(node: &Node<'_>) -> Result<Value> {
    let mut ends = [0i128; 3];
    for (place, end) in ends.iter_mut().enumerate() {
        node.same_type(node.input(0)?, node.input(place)?)?;
        match node.input(place)?.whole.as_deref() {
            Some(&[value]) => *end = i128::from(value),
            _ => return node.fail(format!("input {place} must be a whole number that is known before running: it decides a shape")),
        }
    }
    let [start, limit, step] = ends;
    if step == 0 {
        return node.fail("a step of 0");
    }
    let count = ((limit - start + step - step.signum()) / step).max(0);
    Ok(Value::new(node.input(0)?.dtype, vec![node.dimension(count)?]))
}

pub(super) fn shape(node: &Node<'_>) -> Result<Value> {
    node.at_most(1)?;
    let dims = &node.input(0)?.shape;
    let rank = dims.len() as i64;
    let clamp = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
    let (start, end) = (clamp(node.int_or("start", 0)?), clamp(node.int_or("end", rank)?));
    let content: Vec<i64> = dims.get(start..end).unwrap_or_default().iter().map(|&d| d as i64).collect();
    Ok(Value::known(Dtype::I64, vec![content.len()], content))
}

pub(super) fn size(node: &Node<'_>) -> Result<Value> {
    node.at_most(1)?;
    Ok(Value::known(Dtype::I64, vec![], vec![node.input(0)?.volume() as i64]))
}

/// The places of what is not zero, a column each, where they are the same in every run.
pub(super) fn non_zero(node: &Node<'_>) -> Result<Value> {
    node.at_most(1)?;
    let x = node.input(0)?;
    let Some(content) = x.content.as_deref().or(x.whole.as_deref()) else {
        let (name, operator) = (node.name.to_owned(), node.proto.op_type.clone());
        return Err(ModelError::Operator { way_out: way_out("", &operator), node: name, operator });
    };
    let places: Vec<i64> = (0..).zip(content).filter(|&(_, &x)| x != 0).map(|(place, _)| place).collect();
    let steps = strides(&x.shape);
    let mut columns = Vec::with_capacity(x.rank() * places.len());
    for (&step, &dim) in steps.iter().zip(&x.shape) {
        columns.extend(places.iter().map(|place| place / step as i64 % dim as i64));
    }
    Ok(Value::known(Dtype::I64, vec![x.rank(), places.len()], columns))
}

/// An input whose content is a shape; no dimension may be negative or beyond the limits.
pub(super) fn target_shape(node: &Node<'_>, place: usize) -> Result<Vec<usize>> {
    let value = node.integer_input(place)?;
    if value.rank() != 1 {
        return node.fail(format!("input {place} must be a list of dimensions"));
    }
    node.content(place)?.iter().map(|&d| node.dimension(d.into())).collect()
}
