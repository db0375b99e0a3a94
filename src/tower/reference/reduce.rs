//! Sums, means, extremes and norms over dimensions; running sums.

use super::call::{Call, Result, axes, axis};
use super::lookup::lines;
use crate::tower::array::{Array, Data};
use crate::tower::shape::{strides, volume, walk};

pub(super) fn reduce(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let given = call.optional_integers(1)?.or_else(|| call.attributes().ints("axes")).filter(|list| !list.is_empty());
    let over = match given {
        Some(list) => axes(list, x.rank())?,
        None => (0..x.rank()).collect(),
    };
    let own = strides(&x.shape);
    let side = |inside: bool| -> (Vec<usize>, Vec<usize>) {
        (0..x.rank()).filter(|at| over.contains(at) == inside).map(|at| (x.shape[at], own[at])).unzip()
    };
    let ((kept, kept_steps), (gone, gone_steps)) = (side(false), side(true));
    let offsets: Vec<usize> = walk(&gone, 0, gone_steps).collect();
    let starts = walk(&kept, 0, kept_steps);
    let shape = call.shape()?;
    Ok(match &x.data {
        Data::Int(data) => {
            let f: fn(i64, i64) -> i64 = match call.operator() {
                "ReduceSum" => i64::wrapping_add,
                "ReduceProd" => i64::wrapping_mul,
                "ReduceMax" => i64::max,
                "ReduceMin" => i64::min,
                other => return Err(format!("no reference for {other} on integers")),
            };
            Array::integers(x.dtype, shape, starts.filter_map(|start| offsets.iter().map(|offset| data[start + offset]).reduce(f)))
        }
        Data::Float(data) => {
            let results = starts.map(|start| floats(call.operator(), offsets.iter().map(|offset| data[start + offset])));
            Array::floats(x.dtype, shape, results.collect::<Result<_>>()?)
        }
    })
}

fn floats(operator: &str, numbers: impl Iterator<Item = f64> + Clone) -> Result<f64> {
    let sum = |f: fn(f64) -> f64| numbers.clone().map(f).sum::<f64>();
    let keep_nan = |f: fn(f64, f64) -> f64| numbers.clone().reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { f(a, b) });
    Ok(match operator {
        "ReduceSum" => sum(|x| x),
        "ReduceMean" => sum(|x| x) / numbers.clone().count() as f64,
        "ReduceMax" => keep_nan(f64::max).unwrap_or(f64::NEG_INFINITY),
        "ReduceMin" => keep_nan(f64::min).unwrap_or(f64::INFINITY),
        "ReduceProd" => numbers.clone().product(),
        "ReduceL1" => sum(f64::abs),
        "ReduceL2" => sum(|x| x * x).sqrt(),
        "ReduceSumSquare" => sum(|x| x * x),
        "ReduceLogSum" => sum(|x| x).ln(),
        "ReduceLogSumExp" => log_sum_exp(numbers),
        other => return Err(format!("no reference for {other}")),
    })
}

/// The logarithm of a sum of powers of e, shifted by the largest exponent so that none overflows.
pub(super) fn log_sum_exp(numbers: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = numbers.clone().fold(f64::NEG_INFINITY, f64::max);
    let shift = if most.is_finite() { most } else { 0.0 };
    numbers.map(|x| (x - shift).exp()).sum::<f64>().ln() + shift
}

pub(super) fn cum_sum(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let at = axis(call.integers(1)?.first().copied().unwrap_or(0), x.rank())?;
    let (exclusive, reverse) = (call.attributes().flag("exclusive", false), call.attributes().flag("reverse", false));
    let order = |start: usize, count: usize, step: usize| (0..count).map(move |i| start + if reverse { count - 1 - i } else { i } * step);
    let mut result = x.clone();
    match (&mut result.data, &x.data) {
        (Data::Float(out), Data::Float(data)) => {
            for (start, count, step) in lines(&x.shape, at) {
                let mut sum = 0.0;
                for place in order(start, count, step) {
                    out[place] = if exclusive { sum } else { sum + data[place] };
                    sum += data[place];
                }
            }
        }
        (Data::Int(out), Data::Int(data)) => {
            for (start, count, step) in lines(&x.shape, at) {
                let mut sum = 0i64;
                for place in order(start, count, step) {
                    let next = sum.wrapping_add(data[place]);
                    out[place] = x.dtype.wrap(if exclusive { sum } else { next });
                    sum = next;
                }
            }
        }
        _ => {}
    }
    Ok(match result.data {
        Data::Float(data) => Array::floats(x.dtype, result.shape, data),
        Data::Int(_) => result,
    })
}

/// Softmax, LogSoftmax, LpNormalization, Hardmax's relatives: each line along one axis for itself.
pub(super) fn along_axis(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let data = call.floats(0)?;
    let at = axis(call.attributes().int("axis", -1), x.rank())?;
    let first_norm = call.attributes().int("p", 2) == 1;
    let mut out = vec![0.0; volume(&x.shape)];
    for (start, count, step) in lines(&x.shape, at) {
        let line = (0..count).map(|i| data[start + i * step]);
        let (shift, scale, log) = match call.operator() {
            "Softmax" | "LogSoftmax" => (log_sum_exp(line), 1.0, call.operator() == "LogSoftmax"),
            _ if first_norm => (0.0, line.map(f64::abs).sum(), false),
            _ => (0.0, line.map(|x| x * x).sum::<f64>().sqrt(), false),
        };
        for place in (0..count).map(|i| start + i * step) {
            out[place] = match call.operator() {
                "LpNormalization" if scale == 0.0 => 0.0,
                "LpNormalization" => data[place] / scale,
                _ if log => data[place] - shift,
                _ => (data[place] - shift).exp(),
            };
        }
    }
    Ok(Array::floats(x.dtype, x.shape.clone(), out))
}
