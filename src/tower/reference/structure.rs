//! Operators that move elements about, or make them.

use super::call::{Call, Result, axis};
use crate::tower::array::{Array, Data};
use crate::tower::shape::{about, strides, volume, walk};
use crate::tower::tensor;
use crate::tower::value::Dtype;

pub(super) fn constant(call: &Call<'_>) -> Result<Array> {
    let attributes = call.attributes();
    if let Some(tensor) = attributes.tensor("value") {
        return tensor::content(tensor, "constant").map_err(|error| error.to_string());
    }
    let shape = call.shape()?;
    Ok(if attributes.has("value_int") {
        Array::integers(Dtype::I64, shape, [attributes.int("value_int", 0)])
    } else if let Some(ints) = attributes.ints("value_ints") {
        Array::integers(Dtype::I64, shape, ints.iter().copied())
    } else if attributes.has("value_float") {
        Array::floats(Dtype::F32, shape, vec![attributes.float("value_float", 0.0)])
    } else {
        Array::floats(Dtype::F32, shape, attributes.floats("value_floats").iter().map(|&x| f64::from(x)).collect())
    })
}

pub(super) fn constant_of_shape(call: &Call<'_>) -> Result<Array> {
    let shape = call.shape()?;
    let count = volume(&shape);
    let value = call.attributes().tensor("value").map(|t| tensor::content(t, "value")).transpose().map_err(|error| error.to_string())?;
    Ok(value.unwrap_or_else(|| Array::floats(Dtype::F32, vec![1], vec![0.0])).pick(shape, std::iter::repeat_n(0, count)))
}

pub(super) fn range(call: &Call<'_>) -> Result<Array> {
    let shape = call.shape()?;
    let count = volume(&shape);
    let (start, step) = (call.input(0)?, call.input(2)?);
    let one = |data: &[f64]| data.first().copied().unwrap_or_default();
    Ok(match (&start.data, &step.data) {
        (Data::Int(start_at), Data::Int(by)) => {
            let (first, by) = (start_at.first().copied().unwrap_or_default(), by.first().copied().unwrap_or_default());
            Array::integers(start.dtype, shape, (0..count as i64).map(|i| first.wrapping_add(i.wrapping_mul(by))))
        }
        _ => {
            let (first, by) = (one(start.as_floats()?), one(step.as_floats()?));
            Array::floats(start.dtype, shape, (0..count).map(|i| first + i as f64 * by).collect())
        }
    })
}

pub(super) fn shape(call: &Call<'_>) -> Result<Array> {
    let dims = &call.input(0)?.shape;
    let rank = dims.len() as i64;
    let clamp = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
    let (start, end) = (clamp(call.attributes().int("start", 0)), clamp(call.attributes().int("end", rank)));
    Ok(Array::integers(Dtype::I64, call.shape()?, dims.get(start..end).unwrap_or_default().iter().map(|&dim| dim as i64)))
}

pub(super) fn non_zero(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let is_set: Vec<bool> = match &x.data {
        Data::Int(data) => data.iter().map(|&x| x != 0).collect(),
        Data::Float(data) => data.iter().map(|&x| x != 0.0).collect(),
    };
    let places: Vec<usize> = (0..x.len()).filter(|&at| is_set[at]).collect();
    let mut lines = Vec::with_capacity(x.rank() * places.len());
    for (step, dim) in strides(&x.shape).into_iter().zip(&x.shape) {
        lines.extend(places.iter().map(|place| (place / step % dim) as i64));
    }
    Ok(Array::integers(Dtype::I64, call.shape()?, lines))
}

pub(super) fn transpose(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let reversed: Vec<i64> = (0..x.rank() as i64).rev().collect();
    let order = call.attributes().ints("perm").unwrap_or(&reversed);
    let own = strides(&x.shape);
    let steps = order.iter().map(|&from| axis(from, x.rank()).map(|from| own[from])).collect::<Result<Vec<_>>>()?;
    let shape = call.shape()?;
    let places = walk(&shape, 0, steps);
    Ok(x.pick(shape, places))
}

pub(super) fn tile(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let (shape, own) = (call.shape()?, strides(&x.shape));
    let to = strides(&shape);
    let place = |at: usize| (0..shape.len()).map(|dim| at / to[dim] % shape[dim] % x.shape[dim] * own[dim]).sum();
    let count = volume(&shape);
    Ok(x.pick(shape.clone(), (0..count).map(place)))
}

pub(super) fn pad(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let pads = call.integers(1)?;
    let all: Vec<i64> = (0..x.rank() as i64).collect();
    let list = call.optional_integers(3)?.unwrap_or(&all);
    let mut before = vec![0usize; x.rank()];
    for (&at, &pad) in list.iter().zip(pads) {
        before[axis(at, x.rank())?] = usize::try_from(pad).map_err(|_| "a negative pad")?;
    }
    let zero = match x.data {
        Data::Float(_) => Array::floats(x.dtype, vec![], vec![0.0]),
        Data::Int(_) => Array::integers(x.dtype, vec![], [0]),
    };
    let fill = call.optional(2).unwrap_or(&zero);
    let (shape, own) = (call.shape()?, strides(&x.shape));
    let to = strides(&shape);
    let place = |at: usize| {
        let mut place = 0;
        for dim in 0..shape.len() {
            match (at / to[dim] % shape[dim]).checked_sub(before[dim]) {
                Some(inside) if inside < x.shape[dim] => place += inside * own[dim],
                _ => return (1, 0),
            }
        }
        (0, place)
    };
    Array::gather(&[x, fill], shape.clone(), (0..volume(&shape)).map(place))
}

pub(super) fn concat(call: &Call<'_>) -> Result<Array> {
    let sources = (0..call.inputs.len()).map(|place| call.input(place)).collect::<Result<Vec<_>>>()?;
    let shape = call.shape()?;
    let at = axis(call.attributes().int("axis", 0), shape.len())?;
    let outer = volume(&shape[..at]);
    let runs: Vec<usize> = sources.iter().map(|source| volume(&source.shape[at..])).collect();
    let run =
        |row: usize| runs.iter().enumerate().flat_map(move |(source, &run)| (row * run..(row + 1) * run).map(move |place| (source, place)));
    Array::gather(&sources, shape.clone(), (0..outer).flat_map(run))
}

pub(super) fn split(call: &Call<'_>) -> Result<Vec<Array>> {
    let x = call.input(0)?;
    let at = axis(call.attributes().int("axis", 0), x.rank())?;
    let [outer, dim, inner] = about(&x.shape, at);
    let mut start = 0;
    let mut parts = Vec::new();
    for shape in call.shapes {
        let size = shape[at];
        let (from, to) = (start * inner, (start + size) * inner);
        parts.push(x.pick(shape.clone(), (0..outer).flat_map(|row| row * dim * inner + from..row * dim * inner + to)));
        start += size;
    }
    Ok(parts)
}

pub(super) fn slice(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let starts = call.integers(1)?;
    let all: Vec<i64> = (0..starts.len() as i64).collect();
    let list = call.optional_integers(3)?.unwrap_or(&all);
    let by = call.optional_integers(4)?;
    let (mut from, mut steps) = (vec![0i64; x.rank()], vec![1i64; x.rank()]);
    for (i, (&at, &start)) in list.iter().zip(starts).enumerate() {
        let at = axis(at, x.rank())?;
        let dim = x.shape[at] as i64;
        let step = by.map_or(1, |by| by[i]);
        let start = if start < 0 { start.saturating_add(dim) } else { start };
        from[at] = if step > 0 { start.clamp(0, dim) } else { start.clamp(-1, dim - 1) };
        steps[at] = step;
    }
    let (shape, own) = (call.shape()?, strides(&x.shape));
    let to = strides(&shape);
    let place = |at: usize| -> usize {
        (0..shape.len()).map(|dim| (from[dim] + (at / to[dim] % shape[dim]) as i64 * steps[dim]) as usize * own[dim]).sum()
    };
    Ok(x.pick(shape.clone(), (0..volume(&shape)).map(place)))
}

pub(super) fn trilu(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let k = call.optional_integers(1)?.and_then(|k| k.first().copied()).unwrap_or(0);
    let upper = call.attributes().flag("upper", true);
    let [.., rows, columns] = x.shape.as_slice() else { return Err("expected a matrix".to_owned()) };
    let kept = |at: usize| {
        let off = (at % columns) as i64 - (at / columns % rows) as i64;
        if upper { off >= k } else { off <= k }
    };
    let data = match &x.data {
        Data::Float(data) => Data::Float(data.iter().enumerate().map(|(at, &x)| if kept(at) { x } else { 0.0 }).collect()),
        Data::Int(data) => Data::Int(data.iter().enumerate().map(|(at, &x)| if kept(at) { x } else { 0 }).collect()),
    };
    Ok(Array { dtype: x.dtype, shape: x.shape.clone(), data })
}
