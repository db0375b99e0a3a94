//! Operators that take indices. The runtime panics on an index outside its table, so the range of the indices must be known to fit.

use super::node::{Node, Result};
use super::value::{Dtype, Value};
use crate::model_error::ModelError;

/// Refuses indices that may leave a table of `rows` rows; negative ones count from the end.
fn check(node: &Node<'_>, indices: &Value, rows: usize) -> Result<()> {
    if indices.volume() == 0 {
        return Ok(());
    }
    let Some((lo, hi)) = indices.range else {
        return node.fail(format!("the range of the indices cannot be told before running; the table has {rows} rows"));
    };
    if lo < -(rows as i64) || hi >= rows as i64 {
        let input = indices.input.as_deref().map(str::to_owned);
        return Err(ModelError::Index { input, node: node.name.to_owned(), lo, hi, rows });
    }
    Ok(())
}

pub(super) fn gather(node: &Node<'_>) -> Result<Value> {
    node.at_most(2)?;
    let (table, indices) = (node.input(0)?, node.integer_input(1)?);
    let axis = node.axis(node.int_or("axis", 0)?, table.rank())?;
    check(node, indices, table.shape[axis])?;
    let shape = [&table.shape[..axis], &indices.shape, &table.shape[axis + 1..]].concat();
    if let (Some(content), Some(picks)) = (&table.content, &indices.content)
        && table.rank() == 1
    {
        let rows = content.len() as i64;
        let content = picks.iter().map(|&i| content[(if i < 0 { i + rows } else { i }) as usize]).collect();
        return Ok(Value::known(table.dtype, shape, content));
    }
    Ok(table.moved(shape))
}

pub(super) fn gather_elements(node: &Node<'_>) -> Result<Value> {
    node.at_most(2)?;
    let (table, indices) = (node.input(0)?, node.integer_input(1)?);
    let axis = node.axis(node.int_or("axis", 0)?, table.rank())?;
    let fits = indices.rank() == table.rank() && (0..table.rank()).all(|at| at == axis || indices.shape[at] <= table.shape[at]);
    if !fits {
        return node.fail(format!("indices of shape {:?} into a table of shape {:?}", indices.shape, table.shape));
    }
    check(node, indices, table.shape[axis])?;
    Ok(table.moved(indices.shape.clone()))
}

pub(super) fn one_hot(node: &Node<'_>) -> Result<Value> {
    node.at_most(3)?;
    let (indices, values) = (node.integer_input(0)?, node.input(2)?);
    let &[depth] = node.content(1)? else { return node.fail("the depth must be one number") };
    let depth = node.dimension(depth.into())?;
    if values.shape != [2] {
        return node.fail(format!("the values have the shape {:?}; expected two numbers", values.shape));
    }
    check(node, indices, depth)?;
    let axis = node.int_or("axis", -1)?;
    let axis = node.axis(axis, indices.rank() + 1)?;
    let mut shape = indices.shape.clone();
    shape.insert(axis, depth);
    Ok(Value::new(values.dtype, shape).with_range(values.range))
}

pub(super) fn arg_max(node: &Node<'_>) -> Result<Value> {
    node.at_most(1)?;
    let x = node.input(0)?;
    let axis = node.axis(node.int_or("axis", 0)?, x.rank())?;
    let last = x.shape[axis] as i64 - 1;
    let mut shape = x.shape.clone();
    if node.int_or("keepdims", 1)? != 0 {
        shape[axis] = 1;
    } else {
        shape.remove(axis);
    }
    if last < 0 {
        return node.fail("a dimension of 0");
    }
    Ok(Value::new(Dtype::I64, shape).with_range(Some((0, last))))
}
