//! Operators that take indices, or make them.

use super::call::{Call, Result, axis};
use crate::tower::array::{Array, Data};
use crate::tower::shape::{about, strides, volume, walk};
use crate::tower::value::Dtype;

/// An index, which may count from the end, as a place among `rows`.
fn place(index: i64, rows: usize) -> Result<usize> {
    let at = if index < 0 { index.saturating_add(rows as i64) } else { index };
    usize::try_from(at).ok().filter(|&at| at < rows).ok_or_else(|| format!("the index {index} of {rows} rows"))
}

fn all_places(indices: &[i64], rows: usize) -> Result<Vec<usize>> {
    indices.iter().map(|&index| place(index, rows)).collect()
}

pub(super) fn gather(call: &Call<'_>) -> Result<Array> {
    let table = call.input(0)?;
    let at = axis(call.attributes().int("axis", 0), table.rank())?;
    let [outer, rows, inner] = about(&table.shape, at);
    let picks = all_places(call.integers(1)?, rows)?;
    let places = (0..outer).flat_map(|row| picks.iter().flat_map(move |&pick| (0..inner).map(move |i| (row * rows + pick) * inner + i)));
    Ok(table.pick(call.shape()?, places))
}

/// Where in `shape` each element of `indices` points: at its own place, but with its index along `axis`.
fn along(picks: Vec<usize>, axis: usize, indices: &[usize], shape: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let mut steps = strides(shape);
    let step = std::mem::replace(&mut steps[axis], 0);
    walk(indices, 0, steps).zip(picks).map(move |(place, pick)| place + pick * step)
}

pub(super) fn gather_elements(call: &Call<'_>) -> Result<Array> {
    let (table, indices) = (call.input(0)?, call.input(1)?);
    let at = axis(call.attributes().int("axis", 0), table.rank())?;
    let picks = all_places(indices.as_integers()?, table.shape[at])?;
    let places = along(picks, at, &indices.shape, &table.shape);
    Ok(table.pick(indices.shape.clone(), places))
}

/// The places in `shape` that tuples of indices (the last dimension of `indices`) name, after `batch` dimensions in common.
fn tuples(indices: &Array, shape: &[usize], batch: usize) -> Result<Vec<usize>> {
    let width = indices.shape.last().copied().ok_or("indices without a dimension")?;
    let own = strides(shape);
    let per_batch = volume(&indices.shape[batch..indices.rank() - 1]);
    let block = volume(&shape[batch..]);
    let mut found = Vec::with_capacity(indices.len() / width.max(1));
    for (row, tuple) in indices.as_integers()?.chunks(width.max(1)).enumerate() {
        let mut start = row / per_batch.max(1) * block;
        for (dim, &index) in tuple.iter().enumerate() {
            start += place(index, shape[batch + dim])? * own[batch + dim];
        }
        found.push(start);
    }
    Ok(found)
}

pub(super) fn gather_nd(call: &Call<'_>) -> Result<Array> {
    let (table, indices) = (call.input(0)?, call.input(1)?);
    let batch = usize::try_from(call.attributes().int("batch_dims", 0)).map_err(|_| "negative batch_dims")?;
    let starts = tuples(indices, &table.shape, batch)?;
    let width = indices.shape.last().copied().unwrap_or(0);
    let run = volume(&table.shape[batch + width..]);
    Ok(table.pick(call.shape()?, starts.into_iter().flat_map(|start| start..start + run)))
}

/// Writes `updates`, each to its place, combined with what is there as the attribute `reduction` says.
fn scatter(call: &Call<'_>, places: impl Iterator<Item = usize>) -> Result<Array> {
    let mut result = call.input(0)?.clone();
    let reduction = call.attributes().text("reduction", "none");
    match (&mut result.data, &call.input(2)?.data) {
        (Data::Float(data), Data::Float(updates)) => {
            let f: fn(f64, f64) -> f64 = match reduction {
                "add" => |x, y| x + y,
                "mul" => |x, y| x * y,
                "max" => f64::max,
                "min" => f64::min,
                _ => |_, y| y,
            };
            places.zip(updates).for_each(|(at, &update)| data[at] = f(data[at], update));
        }
        (Data::Int(data), Data::Int(updates)) => {
            let f: fn(i64, i64) -> i64 = match reduction {
                "add" => i64::wrapping_add,
                "mul" => i64::wrapping_mul,
                "max" => i64::max,
                "min" => i64::min,
                _ => |_, y| y,
            };
            places.zip(updates).for_each(|(at, &update)| data[at] = f(data[at], update));
        }
        _ => return Err("updates of another type".to_owned()),
    }
    Ok(match result.data {
        Data::Float(data) => Array::floats(result.dtype, result.shape, data),
        Data::Int(data) => Array::integers(result.dtype, result.shape, data),
    })
}

pub(super) fn scatter_elements(call: &Call<'_>) -> Result<Array> {
    let (table, indices) = (call.input(0)?, call.input(1)?);
    let at = axis(call.attributes().int("axis", 0), table.rank())?;
    let picks = all_places(indices.as_integers()?, table.shape[at])?;
    scatter(call, along(picks, at, &indices.shape, &table.shape))
}

pub(super) fn scatter_nd(call: &Call<'_>) -> Result<Array> {
    let (table, indices) = (call.input(0)?, call.input(1)?);
    let starts = tuples(indices, &table.shape, 0)?;
    let run = volume(&table.shape[indices.shape.last().copied().unwrap_or(0)..]);
    scatter(call, starts.into_iter().flat_map(|start| start..start + run))
}

pub(super) fn one_hot(call: &Call<'_>) -> Result<Array> {
    let (indices, values) = (call.input(0)?, call.input(2)?);
    let shape = call.shape()?;
    let at = axis(call.attributes().int("axis", -1), shape.len())?;
    let [outer, depth, inner] = about(&shape, at);
    let picks = all_places(indices.as_integers()?, depth)?;
    let lit = |at: usize| usize::from(picks[at / (depth * inner) * inner + at % inner] == at / inner % depth);
    Ok(values.pick(shape.clone(), (0..outer * depth * inner).map(lit)))
}

/// The elements along one axis, in each of its lines: places of equal distance.
pub(super) fn lines(shape: &[usize], axis: usize) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
    let [outer, dim, inner] = about(shape, axis);
    (0..outer).flat_map(move |o| (0..inner).map(move |i| (o * dim * inner + i, dim, inner)))
}

/// Numbers of either kind in one order; NaN above all.
fn ordered(x: &Array) -> Vec<f64> {
    match &x.data {
        Data::Float(data) => data.clone(),
        Data::Int(data) => data.iter().map(|&x| x as f64).collect(),
    }
}

pub(super) fn arg_extreme(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let at = axis(call.attributes().int("axis", 0), x.rank())?;
    let last = call.attributes().flag("select_last_index", false);
    let (sign, numbers) = (if call.operator() == "ArgMax" { 1.0 } else { -1.0 }, ordered(x));
    let best = lines(&x.shape, at).map(|(start, count, step)| {
        let number = |i: usize| sign * numbers[start + i * step];
        (1..count).fold(0, |best, i| if number(i) > number(best) || (last && number(i) == number(best)) { i } else { best }) as i64
    });
    Ok(Array::integers(Dtype::I64, call.shape()?, best))
}

pub(super) fn top_k(call: &Call<'_>) -> Result<Vec<Array>> {
    let x = call.input(0)?;
    let at = axis(call.attributes().int("axis", -1), x.rank())?;
    let shape = call.shape()?;
    let (numbers, largest) = (ordered(x), call.attributes().flag("largest", true));
    let mut order = Vec::new();
    for (start, count, step) in lines(&x.shape, at) {
        let mut line: Vec<usize> = (0..count).collect();
        // The smaller index comes first among equals.
        line.sort_by(|&i, &j| {
            let (a, b) = (numbers[start + i * step], numbers[start + j * step]);
            if largest { b.total_cmp(&a) } else { a.total_cmp(&b) }
        });
        order.push((start, step, line));
    }
    let [outer, k, inner] = about(&shape, at);
    let chosen = (0..outer * k * inner).map(|place| {
        let (start, step, line) = &order[place / (k * inner) * inner + place % inner];
        (start + line[place / inner % k] * step, line[place / inner % k])
    });
    let (places, indices): (Vec<usize>, Vec<usize>) = chosen.unzip();
    Ok(vec![x.pick(shape.clone(), places.into_iter()), Array::integers(Dtype::I64, shape, indices.into_iter().map(|i| i as i64))])
}
