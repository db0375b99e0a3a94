//! What each operator computes, in plain loops of f64: slow, independent of the runtime, and easy to check against ONNX's text.
//!
//! A result is rounded once to the type that the graph gives it, so that a comparison or a rounding further on sees the number that
//! the runtime sees too, up to the order of its additions. Inference has told shapes and types before; indices have been seen to fit.

mod attention;
mod binary;
mod call;
mod lookup;
mod matrix;
mod normal;
mod quantize;
mod recurrent;
mod reduce;
mod structure;
#[cfg(test)]
mod tests;
mod unary;

pub(super) use self::call::{Call, axes, axis};
pub(super) use self::matrix::Equation;

use super::array::Array;
use super::bag::OPERATOR;

/// Computes one node: as many outputs as it has shapes.
///
/// # Errors
/// What the node cannot be computed with, in words.
pub(super) fn compute(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let one = match call.proto.op_type.as_str() {
        "Split" => return structure::split(call),
        "TopK" => return lookup::top_k(call),
        "LayerNormalization" | "RMSNormalization" => return normal::layer(call),
        "GRU" | "LSTM" | "RNN" => return recurrent::recurrent(call),
        "Constant" => structure::constant(call),
        "ConstantOfShape" => structure::constant_of_shape(call),
        "Range" => structure::range(call),
        "Shape" => structure::shape(call),
        "NonZero" => structure::non_zero(call),
        "Size" => call.input(0).and_then(|x| Ok(Array::integers(super::value::Dtype::I64, call.shape()?, [x.len() as i64]))),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Dropout" | OPERATOR => {
            call.input(0).and_then(|x| Ok(x.clone().reshaped(call.shape()?)))
        }
        "Expand" => call.input(0).and_then(|x| Ok(x.broadcast(&call.shape()?))),
        "Transpose" => structure::transpose(call),
        "Tile" => structure::tile(call),
        "Pad" => structure::pad(call),
        "Concat" => structure::concat(call),
        "Slice" => structure::slice(call),
        "Trilu" => structure::trilu(call),
        "Gather" => lookup::gather(call),
        "GatherElements" => lookup::gather_elements(call),
        "GatherND" => lookup::gather_nd(call),
        "ScatterElements" => lookup::scatter_elements(call),
        "ScatterND" => lookup::scatter_nd(call),
        "OneHot" => lookup::one_hot(call),
        "ArgMax" | "ArgMin" => lookup::arg_extreme(call),
        "CumSum" => reduce::cum_sum(call),
        "Softmax" | "LogSoftmax" | "LpNormalization" => reduce::along_axis(call),
        "BatchNormalization" => normal::batch(call),
        "InstanceNormalization" | "GroupNormalization" => normal::instance(call),
        "MatMul" => matrix::matmul(call),
        "Gemm" => matrix::gemm(call),
        "Einsum" => matrix::einsum(call),
        "Attention" => attention::attention(call),
        "Conv" => matrix::conv(call),
        "DequantizeLinear" => quantize::dequantize(call),
        "QuantizeLinear" => quantize::quantize(call),
        "Clip" => unary::clip(call),
        "Cast" => unary::cast(call),
        "Where" => binary::select(call),
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "Min" | "Max" | "Sum" | "Mean" | "PRelu" | "Equal" | "Greater"
        | "GreaterOrEqual" | "Less" | "LessOrEqual" | "And" | "Or" | "Xor" => binary::binary(call),
        operator if operator.starts_with("Reduce") => reduce::reduce(call),
        _ => unary::unary(call),
    }?;
    Ok(vec![one])
}
