//! Numbers as small integers with a scale, and back.

use super::node::{Node, Result};
use crate::tower::value::{Dtype, Value};

/// One scale for all, or one for each index along the axis; the zero point has the scale's shape.
fn scale<'a>(node: &Node<'a>, x: &Value) -> Result<&'a Value> {
    node.at_most(3)?;
    let scale = node.float_input(1)?;
    if node.int_or("block_size", 0)? != 0 {
        return node.fail("scales by blocks are not supported; quantise with one scale for a tensor or for a channel");
    }
    let per_axis = match scale.shape.as_slice() {
        [] | [1] => true,
        &[count] => x.shape[node.axis(node.int_or("axis", 1)?, x.rank())?] == count,
        _ => false,
    };
    let zero_fits = node.optional(2).is_none_or(|zero| zero.volume() == scale.volume());
    if !per_axis || !zero_fits || scale.dtype != Dtype::F32 {
        return node.fail(format!("a scale of {} {:?} for {:?}", scale.dtype.name(), scale.shape, x.shape));
    }
    Ok(scale)
}

pub(super) fn dequantize(node: &Node<'_>) -> Result<Value> {
    let x = node.input(0)?;
    if !matches!(x.dtype, Dtype::I8 | Dtype::U8 | Dtype::I32) {
        return node.fail(format!("expected i8, u8 or i32, got {}", x.dtype.name()));
    }
    let scale = scale(node, x)?;
    if let Some(zero) = node.optional(2) {
        node.same_type(x, zero)?;
    }
    Ok(Value::new(scale.dtype, x.shape.clone()))
}

pub(super) fn quantize(node: &Node<'_>) -> Result<Value> {
    let x = node.float_input(0)?;
    scale(node, x)?;
    let dtype = node.optional(2).map_or(Dtype::U8, |zero| zero.dtype);
    if !matches!(dtype, Dtype::I8 | Dtype::U8) || x.dtype != Dtype::F32 {
        return node.fail(format!("{} to {}; expected f32 to i8 or u8", x.dtype.name(), dtype.name()));
    }
    let range = if dtype == Dtype::I8 { (-128, 127) } else { (0, 255) };
    Ok(Value::new(dtype, x.shape.clone()).with_range(Some(range)))
}
