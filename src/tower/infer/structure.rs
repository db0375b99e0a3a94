//! Operators that move elements about: shapes, slices, joins.

use std::rc::Rc;

use super::make::target_shape;
use super::node::{Node, Result};
use crate::tower::limits;
use crate::tower::shape::{places, volume};
use crate::tower::value::{Dtype, Value};

pub(super) fn reshape(node: &Node<'_>) -> Result<Value> {
    node.at_most(2)?;
    let x = node.input(0)?;
    let wanted = node.content(1)?;
    let keep = node.int_or("allowzero", 0)? == 0;
    let mut shape = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (at, &dim) in wanted.iter().enumerate() {
        shape.push(match dim {
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            0 if keep => *x.shape.get(at).ok_or_else(|| node.error(format!("the shape {wanted:?} keeps a dimension that is not there")))?,
            _ => node.dimension(dim.into())?,
        });
    }
    if let Some(at) = open {
        let rest = volume(&shape);
        if rest == 0 || !x.volume().is_multiple_of(rest) {
            return node.fail(format!("{:?} does not reshape to {wanted:?}", x.shape));
        }
        shape[at] = x.volume() / rest;
    }
    if volume(&shape) != x.volume() {
        return node.fail(format!("{:?} does not reshape to {wanted:?}", x.shape));
    }
    Ok(x.reshaped(shape))
}

pub(super) fn flatten(node: &Node<'_>) -> Result<Value> {
    node.at_most(1)?;
    let x = node.input(0)?;
    let axis = node.int_or("axis", 1)?;
    let at = if axis == x.rank() as i64 { x.rank() } else { node.axis(axis, x.rank())? };
    Ok(x.reshaped(vec![volume(&x.shape[..at]), volume(&x.shape[at..])]))
}

pub(super) fn squeeze(node: &Node<'_>) -> Result<Value> {
    node.at_most(2)?;
    let x = node.input(0)?;
    let axes = match node.optional_content(1)? {
        Some(axes) => node.axes(axes, x.rank())?,
        None => (0..x.rank()).filter(|&at| x.shape[at] == 1).collect(),
    };
    if let Some(&at) = axes.iter().find(|&&at| x.shape[at] != 1) {
        return node.fail(format!("dimension {at} of {:?} is not 1", x.shape));
    }
    Ok(x.reshaped((0..x.rank()).filter(|at| !axes.contains(at)).map(|at| x.shape[at]).collect()))
}

pub(super) fn unsqueeze(node: &Node<'_>) -> Result<Value> {
    node.at_most(2)?;
    let x = node.input(0)?;
    let axes = node.content(1)?;
    if axes.len() > limits::RANK {
        return node.fail(format!("{} new dimensions", axes.len()));
    }
    let axes = node.axes(axes, x.rank() + axes.len())?;
    let mut shape = x.shape.clone();
    for at in axes {
        shape.insert(at, 1);
    }
    Ok(x.reshaped(shape))
}

pub(super) fn transpose(node: &Node<'_>) -> Result<Value> {
    node.at_most(1)?;
    let x = node.input(0)?;
    let order: Vec<i64> = match node.ints("perm")? {
        Some(order) => order.to_vec(),
        None => (0..x.rank() as i64).rev().collect(),
    };
    if order.len() != x.rank() || node.axes(&order, x.rank()).is_err() {
        return node.fail(format!("{order:?} is no order of {} dimensions", x.rank()));
    }
    let shape = order.iter().map(|&at| Ok(x.shape[node.axis(at, x.rank())?])).collect::<Result<_>>()?;
    Ok(if x.rank() < 2 { x.clone() } else { x.moved(shape) })
}

pub(super) fn expand(node: &Node<'_>) -> Result<Value> {
    node.at_most(2)?;
    let x = node.input(0)?;
    let shape = node.broadcast(&x.shape, &target_shape(node, 1)?)?;
    Ok(broadcast_to(x, shape))
}

fn broadcast_to(x: &Value, shape: Vec<usize>) -> Value {
    match &x.content {
        Some(content) if volume(&shape) <= limits::FOLLOWED_ELEMENTS => {
            let content = places(&x.shape, &shape).map(|at| content[at]).collect();
            Value::known(x.dtype, shape, content)
        }
        _ => x.moved(shape),
    }
}

pub(super) fn tile(node: &Node<'_>) -> Result<Value> {
    node.at_most(2)?;
    let x = node.input(0)?;
    let repeats = target_shape(node, 1)?;
    if repeats.len() != x.rank() {
        return node.fail(format!("{} repeats for {} dimensions", repeats.len(), x.rank()));
    }
    Ok(x.moved(x.shape.iter().zip(&repeats).map(|(d, r)| d.saturating_mul(*r)).collect()))
}

pub(super) fn pad(node: &Node<'_>) -> Result<Value> {
    node.at_most(4)?;
    let x = node.input(0)?;
    let pads = node.content(1)?;
    let all: Vec<i64> = (0..x.rank() as i64).collect();
    let axes = node.optional_content(3)?.unwrap_or(&all);
    node.axes(axes, x.rank())?;
    if pads.len() != 2 * axes.len() || pads.iter().any(|&p| p < 0) {
        return node.fail(format!("pads {pads:?} for {} dimensions", axes.len()));
    }
    if node.text_or("mode", "constant")? != "constant" {
        return node.fail("a mode other than constant");
    }
    let (before, after) = pads.split_at(axes.len());
    let mut shape = x.shape.clone();
    for (i, &axis) in axes.iter().enumerate() {
        let axis = node.axis(axis, x.rank())?;
        shape[axis] = node.dimension(shape[axis] as i128 + i128::from(before[i]) + i128::from(after[i]))?;
    }
    let mut padded = Value::new(x.dtype, shape);
    // The filling is 0 unless it is given.
    let filling = node.optional(2).map_or(Some((0, 0)), |fill| fill.range);
    if let Some(((lo, hi), (least, most))) = x.range.zip(filling) {
        padded = padded.with_range(Some((lo.min(least), hi.max(most))));
    }
    Ok(padded)
}

pub(super) fn concat(node: &Node<'_>) -> Result<Value> {
    let first = node.input(0)?;
    let axis = node.int("axis")?.ok_or_else(|| node.error("no axis"))?;
    let axis = node.axis(axis, first.rank())?;
    let mut shape = first.shape.clone();
    let mut range = first.range;
    let mut content = first.content.as_deref().map(<[i64]>::to_vec);
    let last = first.rank() > 1 && axis + 1 == first.rank();
    let mut columns = last.then(Vec::new);
    for place in 1..node.inputs.len() {
        let next = node.input(place)?;
        node.same_type(first, next)?;
        let fits = next.rank() == first.rank() && (0..first.rank()).all(|at| at == axis || next.shape[at] == first.shape[at]);
        if !fits {
            return node.fail(format!("{:?} and {:?} do not join along dimension {axis}", first.shape, next.shape));
        }
        shape[axis] = shape[axis].saturating_add(next.shape[axis]);
        range = match (range, next.range) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (Some(a), None) if next.volume() == 0 => Some(a),
            _ => None,
        };
        content = content.zip(next.content.as_deref()).map(|(a, b)| [a.as_slice(), b].concat());
        if volume(&shape) > limits::FOLLOWED_ELEMENTS {
            content = None;
        }
    }
    // Row-major content joins end to end only along the first dimension.
    Ok(match content {
        Some(content) if axis == 0 => Value::known(first.dtype, shape, content),
        _ => {
            for place in 0..node.inputs.len() {
                let next = node.input(place)?;
                let width = next.shape.get(axis).copied().unwrap_or(0);
                columns = columns.filter(|all: &Vec<_>| all.len() + width <= limits::RANK);
                columns.iter_mut().for_each(|all| all.extend(std::iter::repeat_n(next.range, width)));
            }
            let joined = Value::new(first.dtype, shape).with_range(range);
            Value { columns: columns.map(Rc::from), ..joined }
        }
    })
}

pub(super) fn split(node: &Node<'_>) -> Result<Vec<Value>> {
    node.at_most(2)?;
    let x = node.input(0)?;
    let axis = node.axis(node.int_or("axis", 0)?, x.rank())?;
    let parts = node.proto.output.len();
    let sizes: Vec<usize> = match node.optional_content(1)? {
        Some(sizes) => sizes.iter().map(|&s| node.dimension(s.into())).collect::<Result<_>>()?,
        None if parts > 0 => {
            // Equal parts; the last one is smaller where they do not divide.
            let size = x.shape[axis].div_ceil(parts);
            (0..parts).map(|part| size.min(x.shape[axis].saturating_sub(part * size))).collect()
        }
        None => vec![],
    };
    let sum = sizes.iter().fold(0usize, |sum, &s| sum.saturating_add(s));
    if sizes.len() != parts || sum != x.shape[axis] {
        return node.fail(format!("a dimension of {} into parts of {sizes:?}, for {parts} outputs", x.shape[axis]));
    }
    Ok(sizes
        .into_iter()
        .map(|size| {
            let mut shape = x.shape.clone();
            shape[axis] = size;
            x.moved(shape)
        })
        .collect())
}

pub(super) fn slice(node: &Node<'_>) -> Result<Value> {
    node.at_most(5)?;
    let x = node.input(0)?;
    let (starts, ends) = (node.content(1)?, node.content(2)?);
    let all: Vec<i64> = (0..starts.len() as i64).collect();
    let axes = node.optional_content(3)?.unwrap_or(&all);
    let ones = vec![1; starts.len()];
    let steps = node.optional_content(4)?.unwrap_or(&ones);
    if [ends.len(), axes.len(), steps.len()].iter().any(|&len| len != starts.len()) {
        return node.fail("starts, ends, axes and steps of different lengths");
    }
    node.axes(axes, x.rank())?;
    let mut shape = x.shape.clone();
    let mut kept = None;
    for (i, &step) in steps.iter().enumerate() {
        let axis = node.axis(axes[i], x.rank())?;
        let dim = x.shape[axis] as i128;
        if step == 0 {
            return node.fail("a step of 0");
        }
        let from_end = |at: i64| if at < 0 { i128::from(at) + dim } else { i128::from(at) };
        let (lo, hi) = if step > 0 { (0, dim) } else { (-1, dim - 1) };
        let (start, end) = (from_end(starts[i]).clamp(lo.max(0), hi.max(0)), from_end(ends[i]).clamp(lo, hi));
        // An end of -1 - dim or less means "to the very first element" where the step is negative.
        let step = i128::from(step);
        let count = ((end - start + step - step.signum()) / step).max(0);
        shape[axis] = node.dimension(count)?;
        kept = Some((start, step, count));
    }
    Ok(match (&x.content, kept) {
        (Some(content), Some((start, step, count))) if x.rank() == 1 && starts.len() == 1 => {
            let picked = (0..count).map(|i| content.get((start + i * step) as usize).copied()).collect::<Option<Vec<_>>>();
            picked.map_or_else(|| x.moved(shape.clone()), |picked| Value::known(x.dtype, shape.clone(), picked))
        }
        (_, None) => x.clone(),
        _ => x.moved(shape),
    })
}

pub(super) fn trilu(node: &Node<'_>) -> Result<Value> {
    node.at_most(2)?;
    let x = node.input(0)?;
    if x.rank() < 2 {
        return node.fail("expected a matrix");
    }
    node.optional_content(1)?;
    let range = x.range.map(|(lo, hi)| (lo.min(0), hi.max(0)));
    Ok(Value::new(x.dtype, x.shape.clone()).with_range(range))
}

/// Names `input` as the source of a value that starts there.
pub(in crate::tower) fn source(name: &str, dtype: Dtype, shape: Vec<usize>, range: Option<(i64, i64)>) -> Value {
    Value { input: Some(Rc::from(name)), ..Value::new(dtype, shape) }.with_range(range)
}
