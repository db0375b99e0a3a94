//! Operators on two numbers at a time, broadcast; a choice between two.

use super::call::{Call, Result};
use crate::tower::array::{Array, Data};
use crate::tower::shape::{broadcast, places};

/// Two inputs, or for the variadic operators any number.
pub(super) fn binary(call: &Call<'_>) -> Result<Array> {
    let mut result = call.input(0)?.clone();
    for place in 1..call.inputs.len() {
        result = pair(call, &result, call.input(place)?)?;
    }
    if call.operator() == "Mean" {
        let count = call.inputs.len() as f64;
        let means = result.as_floats()?.iter().map(|x| x / count).collect();
        result = Array::floats(result.dtype, result.shape, means);
    }
    Ok(result)
}

fn pair(call: &Call<'_>, a: &Array, b: &Array) -> Result<Array> {
    let shape = broadcast(&a.shape, &b.shape).ok_or_else(|| format!("{:?} and {:?} do not broadcast", a.shape, b.shape))?;
    let all = places(&a.shape, &shape).zip(places(&b.shape, &shape));
    match (&a.data, &b.data) {
        (Data::Float(x), Data::Float(y)) => {
            if let Some(compare) = comparison::<f64>(call.operator()) {
                return Ok(Array::booleans(shape, all.map(|(i, j)| compare(&x[i], &y[j]))));
            }
            let f = floats(call)?;
            Ok(Array::floats(a.dtype, shape, all.map(|(i, j)| f(x[i], y[j])).collect()))
        }
        (Data::Int(x), Data::Int(y)) => {
            if let Some(compare) = comparison::<i64>(call.operator()) {
                return Ok(Array::booleans(shape, all.map(|(i, j)| compare(&x[i], &y[j]))));
            }
            let f = integers(call)?;
            Ok(Array::integers(a.dtype, shape, all.map(|(i, j)| f(x[i], y[j]))))
        }
        // Only a power may have an exponent of another type.
        (Data::Float(x), Data::Int(y)) => Ok(Array::floats(a.dtype, shape, all.map(|(i, j)| x[i].powf(y[j] as f64)).collect())),
        (Data::Int(_), Data::Float(_)) => Err("operands of different types".to_owned()),
    }
}

fn comparison<T: PartialOrd>(operator: &str) -> Option<fn(&T, &T) -> bool> {
    Some(match operator {
        "Equal" => |x, y| x == y,
        "Greater" => |x, y| x > y,
        "GreaterOrEqual" => |x, y| x >= y,
        "Less" => |x, y| x < y,
        "LessOrEqual" => |x, y| x <= y,
        _ => return None,
    })
}

fn floats(call: &Call<'_>) -> Result<fn(f64, f64) -> f64> {
    Ok(match call.operator() {
        "Add" | "Sum" | "Mean" => |x, y| x + y,
        "Sub" => |x, y| x - y,
        "Mul" => |x, y| x * y,
        "Div" => |x, y| x / y,
        "Pow" => f64::powf,
        "PRelu" => |x, slope| if x < 0.0 { x * slope } else { x },
        // NaN wins.
        "Min" => |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { x.min(y) },
        "Max" => |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { x.max(y) },
        "Mod" if call.attributes().flag("fmod", false) => |x, y| x % y,
        other => return Err(format!("no reference for {other} on floats")),
    })
}

fn integers(call: &Call<'_>) -> Result<fn(i64, i64) -> i64> {
    Ok(match call.operator() {
        "Add" | "Sum" => i64::wrapping_add,
        "Sub" => i64::wrapping_sub,
        "Mul" => i64::wrapping_mul,
        "Div" => |x, y| if y == 0 { 0 } else { x.wrapping_div(y) },
        "Mod" if call.attributes().flag("fmod", false) => |x, y| if y == 0 { 0 } else { x.wrapping_rem(y) },
        // The sign of the divisor, as in Python.
        "Mod" => {
            |x, y| if y == 0 { 0 } else { x.wrapping_rem(y).wrapping_add(if x.wrapping_rem(y) != 0 && (x < 0) != (y < 0) { y } else { 0 }) }
        }
        "Min" => i64::min,
        "Max" => i64::max,
        "And" => |x, y| x & y,
        "Or" => |x, y| x | y,
        "Xor" => |x, y| x ^ y,
        other => return Err(format!("no reference for {other} on integers")),
    })
}

pub(super) fn select(call: &Call<'_>) -> Result<Array> {
    let (condition, a, b) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let shape =
        broadcast(&condition.shape, &a.shape).and_then(|shape| broadcast(&shape, &b.shape)).ok_or("shapes that do not broadcast")?;
    let chosen = condition.as_integers()?;
    let all = places(&condition.shape, &shape).zip(places(&a.shape, &shape).zip(places(&b.shape, &shape)));
    Array::gather(&[a, b], shape, all.map(|(c, (i, j))| if chosen[c] != 0 { (0, i) } else { (1, j) }))
}
