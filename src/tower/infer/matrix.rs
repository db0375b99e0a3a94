//! Matrix products and recurrent layers: the operators whose work is more than one step an element.

use super::node::{Node, Result};
use super::value::{Value, volume};

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

/// GRU, LSTM, RNN: time-major, without lengths of their own (the runtime has none).
pub(super) fn recurrent(node: &Node<'_>) -> Result<Worked> {
    let (gates, states, inputs) = match node.proto.op_type.as_str() {
        "LSTM" => (4, 2, 8),
        "GRU" => (3, 1, 6),
        _ => (1, 1, 6),
    };
    node.at_most(inputs)?;
    if node.optional(4).is_some() {
        return node.fail("sequence lengths as an input are not supported; mask, or gather the last step");
    }
    if node.int_or("layout", 0)? != 0 {
        return node.fail("the batch-major layout");
    }
    let directions = match node.text_or("direction", "forward")? {
        "forward" | "reverse" => 1,
        "bidirectional" => 2,
        other => return node.fail(format!("the direction {other:?}")),
    };
    let x = node.float_input(0)?;
    let (w, r) = (node.float_input(1)?, node.float_input(2)?);
    let (&[steps, batch, width], &[_, _, hidden]) = (x.shape.as_slice(), r.shape.as_slice()) else {
        return node.fail(format!("an input of shape {:?}, recurrence weights of {:?}", x.shape, r.shape));
    };
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
