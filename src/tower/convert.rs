//! Tensors of the runtime to and from our own.

use tract_onnx::tract_hir::internal::*;

use super::array::{Array, Data};
use super::value::Dtype;

/// The elements of a tensor of this type.
pub(super) fn slice<T: Datum>(tensor: &Tensor) -> Option<&[T]> {
    tensor.to_plain_array_view::<T>().ok()?.to_slice()
}

/// The dimensions of a shape that are numbers, as all are once the batch is.
pub(super) fn sizes<'a>(dims: impl Iterator<Item = &'a TDim>) -> TractResult<TVec<usize>> {
    dims.map(|dim| Ok(dim.to_usize()?)).collect()
}

pub(super) fn datum_type(dtype: Dtype) -> DatumType {
    match dtype {
        Dtype::F32 => DatumType::F32,
        Dtype::F64 => DatumType::F64,
        Dtype::I64 => DatumType::I64,
        Dtype::I32 => DatumType::I32,
        Dtype::Bool => DatumType::Bool,
        Dtype::F16 => DatumType::F16,
        Dtype::I8 => DatumType::I8,
        Dtype::U8 => DatumType::U8,
    }
}

/// A tensor of the runtime as an array. The runtime counts with numbers of its own kind where ONNX has i64.
pub(super) fn from_runtime(tensor: &Tensor) -> TractResult<Array> {
    let shape = tensor.shape().to_vec();
    let dtype = match tensor.datum_type() {
        DatumType::F32 => Dtype::F32,
        DatumType::F64 => Dtype::F64,
        DatumType::F16 => Dtype::F16,
        DatumType::I32 => Dtype::I32,
        DatumType::I64 | DatumType::TDim => Dtype::I64,
        DatumType::I8 => Dtype::I8,
        DatumType::U8 => Dtype::U8,
        DatumType::Bool => Dtype::Bool,
        other => bail!("a tensor of type {other:?}"),
    };
    let data = match dtype {
        Dtype::F32 => Data::Float(tensor.to_plain_array_view::<f32>()?.iter().map(|&x| f64::from(x)).collect()),
        Dtype::F64 | Dtype::F16 => Data::Float(tensor.cast_to::<f64>()?.to_plain_array_view::<f64>()?.iter().copied().collect()),
        Dtype::Bool => Data::Int(tensor.to_plain_array_view::<bool>()?.iter().map(|&x| i64::from(x)).collect()),
        _ => Data::Int(tensor.cast_to::<i64>()?.to_plain_array_view::<i64>()?.iter().copied().collect()),
    };
    Ok(Array { dtype, shape, data })
}

pub(super) fn to_runtime(array: &Array) -> TractResult<Tensor> {
    let shape = array.shape.as_slice();
    match (&array.data, array.dtype) {
        (Data::Float(data), Dtype::F32) => Tensor::from_shape(shape, &data.iter().map(|&x| x as f32).collect::<Vec<_>>()),
        (Data::Float(data), Dtype::F16) => Tensor::from_shape(shape, &data.iter().map(|&x| f16::from_f64(x)).collect::<Vec<_>>()),
        (Data::Float(data), _) => Tensor::from_shape(shape, data),
        (Data::Int(data), Dtype::Bool) => Tensor::from_shape(shape, &data.iter().map(|&x| x != 0).collect::<Vec<_>>()),
        (Data::Int(data), Dtype::I32) => Tensor::from_shape(shape, &data.iter().map(|&x| x as i32).collect::<Vec<_>>()),
        (Data::Int(data), Dtype::I8) => Tensor::from_shape(shape, &data.iter().map(|&x| x as i8).collect::<Vec<_>>()),
        (Data::Int(data), Dtype::U8) => Tensor::from_shape(shape, &data.iter().map(|&x| x as u8).collect::<Vec<_>>()),
        (Data::Int(data), _) => Tensor::from_shape(shape, data),
    }
}
