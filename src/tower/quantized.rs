//! QuantizeLinear and DequantizeLinear with one scale, straight over the runtime's tensors.

use tract_onnx::pb;
use tract_onnx::tract_hir::internal::*;

use super::convert::slice;

/// Small integers.
trait Small: Datum + Copy + Into<f32> {
    const LOWEST: f32;
    const HIGHEST: f32;
    fn of(x: f32) -> Self;
}

impl Small for i8 {
    const LOWEST: f32 = -128.0;
    const HIGHEST: f32 = 127.0;
    fn of(x: f32) -> Self {
        x as Self
    }
}

impl Small for u8 {
    const LOWEST: f32 = 0.0;
    const HIGHEST: f32 = 255.0;
    fn of(x: f32) -> Self {
        x as Self
    }
}

/// What the node makes; `None` for other operators, types and scales, which the reference computes.
pub(super) fn quantized(node: &pb::NodeProto, inputs: &[TValue]) -> Option<TractResult<Tensor>> {
    let [x, scale, zero @ ..] = inputs else { return None };
    let &[scale] = slice::<f32>(scale)? else { return None };
    let zero = zero.first().map(|zero| &**zero);
    match (node.op_type.as_str(), zero.map_or(DatumType::U8, Tensor::datum_type)) {
        ("QuantizeLinear", DatumType::U8) => quantize::<u8>(x, scale, zero),
        ("QuantizeLinear", DatumType::I8) => quantize::<i8>(x, scale, zero),
        ("DequantizeLinear", _) if x.datum_type() == DatumType::U8 => dequantize::<u8>(x, scale, zero),
        ("DequantizeLinear", _) if x.datum_type() == DatumType::I8 => dequantize::<i8>(x, scale, zero),
        _ => None,
    }
}

/// The zero point, one number.
fn zero_of<T: Small>(zero: Option<&Tensor>) -> Option<f32> {
    let Some(zero) = zero else { return Some(0.0) };
    match slice::<T>(zero)? {
        &[zero] => Some(zero.into()),
        _ => None,
    }
}

/// Adding and taking away this many rounds to the nearest whole number, the even one of two.
const ROUND: f32 = 12_582_912.0;
/// Beyond these steps all numbers become the extremes.
const BOUND: f32 = 1024.0;

fn quantize<T: Small>(x: &Tensor, scale: f32, zero: Option<&Tensor>) -> Option<TractResult<Tensor>> {
    let (data, zero) = (slice::<f32>(x)?, zero_of::<T>(zero)?);
    let whole = |x: &f32| ((x / scale).clamp(-BOUND, BOUND) + ROUND) - ROUND;
    let all: Vec<T> = data.iter().map(|x| T::of((whole(x) + zero).clamp(T::LOWEST, T::HIGHEST))).collect();
    Some(Tensor::from_shape(x.shape(), &all))
}

fn dequantize<T: Small>(x: &Tensor, scale: f32, zero: Option<&Tensor>) -> Option<TractResult<Tensor>> {
    let (data, zero) = (slice::<T>(x)?, zero_of::<T>(zero)?);
    let all: Vec<f32> = data.iter().map(|&x| (Into::<f32>::into(x) - zero) * scale).collect();
    Some(Tensor::from_shape(x.shape(), &all))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;
    use crate::tower::convert::{from_runtime, to_runtime};
    use crate::tower::reference::{Call, compute};

    fn node(operator: &str, inputs: usize) -> pb::NodeProto {
        pb::NodeProto { op_type: operator.to_owned(), input: vec!["x".to_owned(); inputs], ..Default::default() }
    }

    fn both(node: &pb::NodeProto, inputs: &[TValue]) -> (Tensor, Tensor) {
        let arrays: Vec<_> = inputs.iter().map(|input| from_runtime(input).unwrap()).collect();
        let shapes = [inputs[0].shape().to_vec()];
        let call = Call { proto: node, inputs: arrays.iter().map(Some).collect(), shapes: &shapes };
        (quantized(node, inputs).unwrap().unwrap(), to_runtime(&compute(&call).unwrap()[0]).unwrap())
    }

    proptest! {
        #[test]
        fn these_are_the_references(
            numbers in prop::collection::vec(prop_oneof![-300f32..300.0, Just(0.5), Just(-1.5), any::<f32>()], 1..40),
            scale in prop_oneof![Just(1f32), 1e-3f32..10.0],
            zero in any::<i8>(),
        ) {
            let tensor = |data: &[f32]| Tensor::from_shape(&[data.len()], data).unwrap().into_tvalue();
            let scale = rctensor0(scale).into_tvalue();
            for zero in [None, Some(rctensor0(zero).into_tvalue()), Some(rctensor0(zero as u8).into_tvalue())] {
                let inputs: Vec<TValue> = [tensor(&numbers), scale.clone()].into_iter().chain(zero.clone()).collect();
                let (found, wanted) = both(&node("QuantizeLinear", inputs.len()), &inputs);
                prop_assert_eq!(&found, &wanted);
                let inputs: Vec<TValue> = [found.into_tvalue(), scale.clone()].into_iter().chain(zero).collect();
                let (found, wanted) = both(&node("DequantizeLinear", inputs.len()), &inputs);
                prop_assert_eq!(found, wanted);
            }
        }
    }
}
