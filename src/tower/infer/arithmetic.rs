//! Operators that work element by element: the shape is the broadcast one; integers keep their range, and their content where it is known.

use super::node::{Node, Result};
use crate::tower::limits;
use crate::tower::shape::{places, volume};
use crate::tower::value::{Dtype, Value};

type Range = Option<(i64, i64)>;

/// One input, the same shape out.
pub(super) fn unary(node: &Node<'_>) -> Result<Value> {
    node.at_most(1)?;
    let x = node.input(0)?;
    let result = Value::new(x.dtype, x.shape.clone());
    Ok(match node.proto.op_type.as_str() {
        "Identity" => x.clone(),
        "Not" if x.dtype == Dtype::Bool => map(x, Dtype::Bool, |v| Some(1 - v.clamp(0, 1)), x.range.map(|(lo, hi)| (1 - hi, 1 - lo))),
        "Not" => return node.fail("expected booleans"),
        _ if x.dtype == Dtype::Bool => return node.fail("expected numbers, got bool"),
        "IsNaN" | "IsInf" if x.dtype.is_float() => Value::new(Dtype::Bool, x.shape.clone()),
        // The type's own zero and the order of integers hold for these.
        "Relu" => map(x, x.dtype, |v| Some(v.max(0)), x.range.map(|(lo, hi)| (lo.max(0), hi.max(0)))),
        "Neg" => map(x, x.dtype, i64::checked_neg, x.range.and_then(|(lo, hi)| hi.checked_neg().zip(lo.checked_neg()))),
        "Abs" => {
            let range = x.range.and_then(|(lo, hi)| {
                let (a, b) = (lo.checked_abs()?, hi.checked_abs()?);
                Some((if lo <= 0 && hi >= 0 { 0 } else { a.min(b) }, a.max(b)))
            });
            map(x, x.dtype, i64::checked_abs, range)
        }
        "Sign" => result.with_range(Some((-1, 1))),
        _ if x.dtype.is_float() => {
            let span = match node.proto.op_type.as_str() {
                "Floor" => x.span.map(|(lo, hi)| (lo.floor(), hi.floor())),
                "Ceil" => x.span.map(|(lo, hi)| (lo.ceil(), hi.ceil())),
                "Round" => x.span.map(|(lo, hi)| (lo.round_ties_even(), hi.round_ties_even())),
                _ => None,
            };
            Value { span, ..result }
        }
        _ => return node.fail(format!("expected floats, got {}", x.dtype.name())),
    })
}

pub(super) fn clip(node: &Node<'_>) -> Result<Value> {
    node.at_most(3)?;
    let x = node.input(0)?;
    if node.has("min") || node.has("max") {
        return node.fail("bounds as attributes, a form of old operator sets");
    }
    if x.dtype == Dtype::Bool {
        return node.fail("expected numbers, got bool");
    }
    for bound in [node.optional(1), node.optional(2)].into_iter().flatten() {
        node.same_type(x, bound)?;
        if bound.volume() != 1 {
            return node.fail("a bound must be one number");
        }
    }
    let one = |place: usize| node.optional(place).map(|v| v.range);
    let (lo, hi) = (one(1), one(2));
    let range = match (lo, hi) {
        // A bound whose value is not known says nothing.
        (Some(None), _) | (_, Some(None)) => None,
        (lo, hi) => {
            let lo = lo.flatten().map_or(i64::MIN, |r| r.0);
            let hi = hi.flatten().map_or(i64::MAX, |r| r.1);
            let (a, b) = x.range.unwrap_or((i64::MIN, i64::MAX));
            (lo <= hi).then(|| (a.clamp(lo, hi), b.clamp(lo, hi)))
        }
    };
    Ok(Value::new(x.dtype, x.shape.clone()).with_range(range))
}

pub(super) fn cast(node: &Node<'_>) -> Result<Value> {
    node.at_most(1)?;
    let x = node.input(0)?;
    let to = node.int("to")?.and_then(|to| i32::try_from(to).ok()).ok_or_else(|| node.error("no type to cast to"))?;
    let to = Dtype::from_onnx(to, &format!("node {:?}", node.name))?;
    let fits = |v: i64| to != Dtype::I32 || i32::try_from(v).is_ok();
    Ok(match to {
        _ if x.dtype == to => x.clone(),
        // Whole numbers that f32 holds exactly.
        Dtype::F32 | Dtype::F64 => {
            let whole = x.content.clone().filter(|content| content.iter().all(|v| v.unsigned_abs() < 1 << 24));
            let span = x.range.map(|(lo, hi)| (lo as f64, hi as f64)).or(x.span).map(widened);
            Value { whole, span, ..Value::new(to, x.shape.clone()) }
        }
        _ if x.dtype == Dtype::F32 && x.whole.is_some() && to != Dtype::Bool => {
            Value::known(to, x.shape.clone(), x.whole.as_deref().unwrap_or_default().to_vec())
        }
        // Towards zero; what lies beyond the type is not told.
        _ if x.dtype.is_float() => {
            let fits = |x: f64| x.abs() < 9e15 && to != Dtype::Bool;
            let range = x.span.filter(|&(lo, hi)| fits(lo) && fits(hi)).map(|(lo, hi)| (lo as i64, hi as i64));
            Value::new(to, x.shape.clone()).with_range(range)
        }
        Dtype::Bool => map(x, to, |v| Some(i64::from(v != 0)), Some((0, 1))),
        _ if x.range.is_some_and(|(lo, hi)| fits(lo) && fits(hi)) => Value { dtype: to, ..x.clone() },
        _ => Value::new(to, x.shape.clone()),
    })
}

/// Two inputs (or more, for the variadic ones), broadcast.
pub(super) fn binary(node: &Node<'_>) -> Result<Value> {
    let variadic = matches!(node.proto.op_type.as_str(), "Min" | "Max" | "Sum" | "Mean");
    if !variadic {
        node.at_most(2)?;
        node.input(1)?;
    }
    let mut result = node.input(0)?.clone();
    for place in 1..node.inputs.len() {
        result = pair(node, &result, node.input(place)?)?;
    }
    result.input = None;
    Ok(result)
}

fn pair(node: &Node<'_>, a: &Value, b: &Value) -> Result<Value> {
    let op = node.proto.op_type.as_str();
    if op != "Pow" {
        node.same_type(a, b)?;
    }
    let shape = node.broadcast(&a.shape, &b.shape)?;
    let integer = !a.dtype.is_float();
    let logic = matches!(op, "And" | "Or" | "Xor");
    if logic != (a.dtype == Dtype::Bool) && !matches!(op, "Equal") {
        return node.fail(format!("operands of type {}", a.dtype.name()));
    }
    if integer && matches!(op, "Div" | "Mod") {
        divisor_is_safe(node, a, b)?;
    }
    if integer && matches!(op, "Pow" | "PRelu" | "Mean") {
        return node.fail(format!("operands of type {}; expected floats", a.dtype.name()));
    }
    let fmod = op == "Mod" && node.int_or("fmod", 0)? != 0;
    if op == "Mod" && !integer && !fmod {
        return node.fail("a remainder of floats needs fmod=1");
    }
    let compares = matches!(op, "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual");
    let dtype = if compares { Dtype::Bool } else { a.dtype };
    let f = |x: i64, y: i64| -> Option<i64> {
        match op {
            "Add" | "Sum" => x.checked_add(y),
            "Sub" => x.checked_sub(y),
            "Mul" => x.checked_mul(y),
            // ONNX divides integers towards zero.
            "Div" => x.checked_div(y),
            // The sign of the divisor, or with fmod that of the dividend.
            "Mod" if fmod => x.checked_rem(y),
            "Mod" => x.checked_rem(y).map(|rest| if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest }),
            "Min" => Some(x.min(y)),
            "Max" => Some(x.max(y)),
            "Equal" => Some(i64::from(x == y)),
            "Greater" => Some(i64::from(x > y)),
            "GreaterOrEqual" => Some(i64::from(x >= y)),
            "Less" => Some(i64::from(x < y)),
            "LessOrEqual" => Some(i64::from(x <= y)),
            "And" => Some(x & y),
            "Or" => Some(x | y),
            "Xor" => Some(x ^ y),
            _ => None,
        }
    };
    if let (Some(x), Some(y)) = (&a.content, &b.content)
        && volume(&shape) <= limits::FOLLOWED_ELEMENTS
    {
        let places = places(&a.shape, &shape).zip(places(&b.shape, &shape));
        if let Some(content) = places.map(|(i, j)| f(x[i], y[j])).collect::<Option<Vec<_>>>() {
            return Ok(Value::known(dtype, shape, content));
        }
    }
    let range = match op {
        _ if compares => compare(op, a.range, b.range).or(Some((0, 1))),
        "Mod" if fmod && a.range.is_none_or(|(lo, _)| lo < 0) => None,
        _ => combine(op, a.range, b.range),
    };
    let whole = a.whole.as_deref().zip(b.whole.as_deref()).filter(|(a, b)| a.len() == 1 && b.len() == 1 && volume(&shape) == 1);
    let whole = whole.and_then(|(a, b)| f(a[0], b[0]).filter(|x| x.unsigned_abs() < 1 << 24 && matches!(op, "Add" | "Sub" | "Mul")));
    let span = if compares { None } else { a.span.zip(b.span).and_then(|(a, b)| spans(op, a, b)).map(widened) };
    Ok(Value { whole: whole.map(|x| [x].into()), span, ..Value::new(dtype, shape).with_range(range) })
}

/// Bounds of floats: an operation that has no pole between them.
fn spans(op: &str, (a0, a1): (f64, f64), (b0, b1): (f64, f64)) -> Option<(f64, f64)> {
    let corners = match op {
        "Add" | "Sum" => return Some((a0 + b0, a1 + b1)),
        "Sub" => return Some((a0 - b1, a1 - b0)),
        "Mul" => [a0 * b0, a0 * b1, a1 * b0, a1 * b1],
        "Div" if b0 > 0.0 || b1 < 0.0 => [a0 / b0, a0 / b1, a1 / b0, a1 / b1],
        _ => return None,
    };
    Some((corners.iter().copied().fold(f64::INFINITY, f64::min), corners.iter().copied().fold(f64::NEG_INFINITY, f64::max)))
}

/// Bounds with room for what f32 rounds.
fn widened((lo, hi): (f64, f64)) -> (f64, f64) {
    (lo - lo.abs() * 1e-6, hi + hi.abs() * 1e-6)
}

/// Integer division panics in the runtime on a zero divisor, and on the smallest number by -1.
fn divisor_is_safe(node: &Node<'_>, a: &Value, b: &Value) -> Result<()> {
    match b.range {
        Some((lo, hi)) if lo > 0 || hi < -1 || (hi < 0 && a.range.is_some_and(|r| r.0 > i64::from(i32::MIN))) => Ok(()),
        Some((lo, hi)) => node.fail(format!("integer division by a number from {lo} to {hi}; 0 must not be possible")),
        None => node.fail("integer division by a number that cannot be told before running; 0 must not be possible"),
    }
}

fn combine(op: &str, a: Range, b: Range) -> Range {
    let ((a0, a1), (b0, b1)) = (a?, b?);
    match op {
        "Add" | "Sum" => a0.checked_add(b0).zip(a1.checked_add(b1)),
        "Sub" => a0.checked_sub(b1).zip(a1.checked_sub(b0)),
        "Mul" => {
            let corners = [a0.checked_mul(b0)?, a0.checked_mul(b1)?, a1.checked_mul(b0)?, a1.checked_mul(b1)?];
            corners.iter().min().copied().zip(corners.iter().max().copied())
        }
        // Towards zero: the extremes lie at the corners.
        "Div" if b0 > 0 => {
            let corners = [a0 / b0, a0 / b1, a1 / b0, a1 / b1];
            corners.iter().min().copied().zip(corners.iter().max().copied())
        }
        // A dividend that is smaller than every divisor stays as it is.
        "Mod" if b0 > 0 && a0 >= 0 => Some((if a1 < b0 { a0 } else { 0 }, a1.min(b1 - 1))),
        "Mod" if b0 > 0 => Some((0, b1 - 1)),
        "Min" => Some((a0.min(b0), a1.min(b1))),
        "Max" | "Or" => Some((a0.max(b0), a1.max(b1))),
        "And" => Some((a0.min(b0), a1.min(b1))),
        _ => None,
    }
}

/// A comparison that the ranges decide.
fn compare(op: &str, a: Range, b: Range) -> Range {
    let ((a0, a1), (b0, b1)) = (a?, b?);
    let known = |yes: bool, no: bool| {
        if yes {
            Some((1, 1))
        } else if no {
            Some((0, 0))
        } else {
            None
        }
    };
    match op {
        "Less" => known(a1 < b0, a0 >= b1),
        "LessOrEqual" => known(a1 <= b0, a0 > b1),
        "Greater" => known(a0 > b1, a1 <= b0),
        "GreaterOrEqual" => known(a0 >= b1, a1 < b0),
        "Equal" => known(a0 == a1 && b0 == b1 && a0 == b0, a1 < b0 || b1 < a0),
        _ => None,
    }
}

pub(super) fn select(node: &Node<'_>) -> Result<Value> {
    node.at_most(3)?;
    let (condition, a, b) = (node.input(0)?, node.input(1)?, node.input(2)?);
    if condition.dtype != Dtype::Bool {
        return node.fail("the condition must be boolean");
    }
    node.same_type(a, b)?;
    let shape = node.broadcast(&node.broadcast(&condition.shape, &a.shape)?, &b.shape)?;
    if let (Some(c), Some(x), Some(y)) = (&condition.content, &a.content, &b.content)
        && volume(&shape) <= limits::FOLLOWED_ELEMENTS
    {
        let all = places(&condition.shape, &shape).zip(places(&a.shape, &shape)).zip(places(&b.shape, &shape));
        let content = all.map(|((k, i), j)| if c[k] != 0 { x[i] } else { y[j] }).collect();
        return Ok(Value::known(a.dtype, shape, content));
    }
    // A condition that is decided by ranges chooses one side.
    let range = match condition.range {
        Some((1, 1)) => a.range,
        Some((0, 0)) => b.range,
        _ => a.range.zip(b.range).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))),
    };
    Ok(Value::new(a.dtype, shape).with_range(range))
}

fn map(x: &Value, dtype: Dtype, f: impl Fn(i64) -> Option<i64>, range: Range) -> Value {
    match x.content.as_deref().and_then(|content| content.iter().map(|&v| f(v)).collect::<Option<Vec<_>>>()) {
        Some(content) => Value::known(dtype, x.shape.clone(), content),
        None => Value::new(dtype, x.shape.clone()).with_range(range),
    }
}
