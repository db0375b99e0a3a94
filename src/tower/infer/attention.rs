//! Scaled dot-product attention.

use super::node::{Node, Result};
use crate::tower::shape::volume;
use crate::tower::value::{Dtype, Value};

/// Attention of operator set 23: a product of queries and keys, a softmax, a product with values. No cache, no soft cap.
pub(super) fn attention(node: &Node<'_>) -> Result<(Vec<Value>, u64)> {
    if node.inputs.iter().skip(4).any(Option::is_some) || node.proto.output.iter().skip(1).any(|output| !output.is_empty()) {
        return node.fail("a cache of keys and values, or more than one output; a tower runs whole sequences");
    }
    if node.float("softcap")?.unwrap_or(0.0) != 0.0 {
        return node.fail("a soft cap");
    }
    node.float("scale")?;
    let (q, k, v) = (node.float_input(0)?, node.float_input(1)?, node.float_input(2)?);
    node.same_type(q, k)?;
    node.same_type(q, v)?;
    let sizes = |x: &Value, name: &str| -> Result<[usize; 4]> {
        match x.shape.as_slice() {
            &[n, heads, steps, width] => Ok([n, heads, steps, width]),
            &[n, steps, all] => {
                let heads = node.dimension(node.int_or(name, 0)?.into())?;
                if heads == 0 || !all.is_multiple_of(heads) {
                    return node.fail(format!("{all} columns in {heads} heads ({name})"));
                }
                Ok([n, heads, steps, all / heads])
            }
            other => node.fail(format!("an input of shape {other:?}")),
        }
    };
    let ([n, heads, steps, width], [n_k, kv_heads, keys, width_k], [n_v, kv_heads_v, keys_v, out]) =
        (sizes(q, "q_num_heads")?, sizes(k, "kv_num_heads")?, sizes(v, "kv_num_heads")?);
    let fits = (n, width, kv_heads, keys, n) == (n_k, width_k, kv_heads_v, keys_v, n_v);
    if !fits || kv_heads == 0 || !heads.is_multiple_of(kv_heads) || q.rank() != k.rank() || q.rank() != v.rank() || width == 0 || keys == 0
    {
        return node.fail(format!("queries {:?}, keys {:?}, values {:?}", q.shape, k.shape, v.shape));
    }
    if let Some(mask) = node.optional(3) {
        let scores = [n, heads, steps, keys];
        if (mask.dtype != Dtype::Bool && mask.dtype != q.dtype) || node.broadcast(&mask.shape, &scores)? != scores {
            return node.fail(format!("a mask of {} {:?} for {scores:?}", mask.dtype.name(), mask.shape));
        }
    }
    let shape = if q.rank() == 3 { vec![n, steps, heads.saturating_mul(out)] } else { vec![n, heads, steps, out] };
    let scores = volume(&[n, heads, steps, keys]) as u64;
    Ok((vec![Value::new(q.dtype, shape)], scores.saturating_mul(width.saturating_add(out).saturating_add(8) as u64)))
}
