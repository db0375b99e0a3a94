//! Operators that take indices. The runtime panics on an index outside its table, so the range of the indices must be known to fit.

use super::node::{Node, Result};
use crate::model_error::ModelError;
use crate::tower::value::{Dtype, Value};

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

/// Tuples of indices, the last dimension of `indices`, into the dimensions of `table` after the first `batch`; gives the tuples' width.
fn tuples(node: &Node<'_>, table: &Value, indices: &Value, batch: usize) -> Result<usize> {
    let Some((&width, outer)) = indices.shape.split_last() else { return node.fail("indices without a dimension") };
    if batch > outer.len() || batch + width > table.rank() || indices.shape[..batch] != table.shape[..batch] || width == 0 {
        return node.fail(format!("indices of shape {:?} into a table of shape {:?}", indices.shape, table.shape));
    }
    // One range holds for all columns of the indices, so it must fit the smallest dimension, unless the columns are known each.
    let columns = indices.columns.as_deref().filter(|columns| columns.len() == width);
    for (column, &rows) in table.shape[batch..batch + width].iter().enumerate() {
        let range = columns.map_or(indices.range, |columns| columns[column]);
        check(node, &Value { range, ..indices.clone() }, rows)?;
    }
    Ok(width)
}

pub(super) fn gather_nd(node: &Node<'_>) -> Result<Value> {
    node.at_most(2)?;
    let (table, indices) = (node.input(0)?, node.integer_input(1)?);
    let batch = node.dimension(node.int_or("batch_dims", 0)?.into())?;
    let width = tuples(node, table, indices, batch)?;
    Ok(table.moved([&indices.shape[..indices.rank() - 1], &table.shape[batch + width..]].concat()))
}

/// What a table of floats or integers is after some of its elements were replaced or added to.
fn scattered(node: &Node<'_>, table: &Value, updates: &Value) -> Result<Value> {
    node.same_type(table, updates)?;
    let replaces = match node.text_or("reduction", "none")? {
        "none" => true,
        "add" | "mul" | "max" | "min" => false,
        other => return node.fail(format!("the reduction {other:?}")),
    };
    let range = table.range.zip(updates.range).filter(|_| replaces).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1)));
    Ok(Value::new(table.dtype, table.shape.clone()).with_range(range))
}

pub(super) fn scatter_elements(node: &Node<'_>) -> Result<Value> {
    node.at_most(3)?;
    let (table, indices, updates) = (node.input(0)?, node.integer_input(1)?, node.input(2)?);
    let axis = node.axis(node.int_or("axis", 0)?, table.rank())?;
    let fits = indices.rank() == table.rank() && (0..table.rank()).all(|at| at == axis || indices.shape[at] <= table.shape[at]);
    if !fits || updates.shape != indices.shape {
        return node.fail(format!("updates {:?} at {:?} of {:?}", updates.shape, indices.shape, table.shape));
    }
    check(node, indices, table.shape[axis])?;
    scattered(node, table, updates)
}

pub(super) fn scatter_nd(node: &Node<'_>) -> Result<Value> {
    node.at_most(3)?;
    let (table, indices, updates) = (node.input(0)?, node.integer_input(1)?, node.input(2)?);
    let width = tuples(node, table, indices, 0)?;
    if updates.shape != [&indices.shape[..indices.rank() - 1], &table.shape[width..]].concat() {
        return node.fail(format!("updates {:?} at {:?} of {:?}", updates.shape, indices.shape, table.shape));
    }
    scattered(node, table, updates)
}

pub(super) fn top_k(node: &Node<'_>) -> Result<Vec<Value>> {
    node.at_most(2)?;
    let x = node.input(0)?;
    if x.dtype == Dtype::Bool {
        return node.fail("expected numbers, got bool");
    }
    let axis = node.axis(node.int_or("axis", -1)?, x.rank())?;
    let &[k] = node.content(1)? else { return node.fail("k must be one number") };
    let k = node.dimension(k.into())?;
    if k > x.shape[axis] {
        return node.fail(format!("the {k} largest of {}", x.shape[axis]));
    }
    let mut shape = x.shape.clone();
    shape[axis] = k;
    let last = (x.shape[axis] as i64 - 1).max(0);
    Ok(vec![x.moved(shape.clone()), Value::new(Dtype::I64, shape).with_range(Some((0, last)))])
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
    if x.dtype == Dtype::Bool {
        return node.fail("expected numbers, got bool");
    }
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
