//! Weights and constants: dimensions against data, type, and what inference wants to know of them.

use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataLocation;

use super::array::{Array, Data};
use super::limits;
use super::value::{Dtype, Value};
use crate::model_error::ModelError;

/// Checks a tensor of the file and gives its value: shape, and content or range of integers.
pub(super) fn value(tensor: &TensorProto, place: &str) -> Result<Value, ModelError> {
    let name = if tensor.name.is_empty() { place } else { &tensor.name };
    if tensor.data_location == Some(DataLocation::External as i32) || !tensor.external_data.is_empty() {
        return Err(ModelError::ExternalData { name: name.to_owned() });
    }
    let dtype = Dtype::from_onnx(tensor.data_type, &format!("tensor {name:?}"))?;
    let shape = tensor
        .dims
        .iter()
        .map(|&dim| usize::try_from(dim).map_err(|_| ModelError::graph(format!("tensor {name:?}"), format!("a dimension of {dim}"))))
        .collect::<Result<Vec<_>, _>>()?;
    if shape.len() > limits::RANK {
        return Err(ModelError::TooLarge { what: "dimensions of a tensor", got: shape.len() as u64, limit: limits::RANK as u64 });
    }
    if tensor.segment.is_some() {
        return Err(ModelError::graph(format!("tensor {name:?}"), "it is cut into segments"));
    }
    let expected = shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let got = elements(tensor, dtype, name)?;
    if expected != Some(got) {
        let expected = expected.map_or_else(|| "more than memory can hold".to_owned(), |n| n.to_string());
        return Err(ModelError::TensorData { name: name.to_owned(), expected, got });
    }
    Ok(match integers(tensor, dtype) {
        Some(content) => Value::known(dtype, shape, content),
        None => {
            let span = floats(tensor, dtype).filter(|numbers| numbers.iter().all(|x| x.is_finite()));
            let whole = span.as_deref().filter(|numbers| numbers.iter().all(|x| x.fract() == 0.0 && x.abs() < f64::from(1 << 24)));
            let whole = whole.map(|numbers| numbers.iter().map(|&x| x as i64).collect());
            let ends =
                span.as_deref().and_then(|numbers| numbers.iter().copied().reduce(f64::min).zip(numbers.iter().copied().reduce(f64::max)));
            Value { whole, span: ends, ..Value::new(dtype, shape) }
        }
    })
}

/// The numbers of a small tensor of f32.
fn floats(tensor: &TensorProto, dtype: Dtype) -> Option<Vec<f64>> {
    let (raw, typed) = (tensor.raw_data.as_chunks::<4>().0, &tensor.float_data);
    if dtype != Dtype::F32 || raw.len().max(typed.len()) > limits::RANK {
        return None;
    }
    let raw = raw.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes)));
    Some(raw.chain(typed.iter().map(|&x| f64::from(x))).collect())
}

/// Counts the elements of the data; there must be data of the tensor's type only.
fn elements(tensor: &TensorProto, dtype: Dtype, name: &str) -> Result<usize, ModelError> {
    let typed = match dtype {
        Dtype::F32 => tensor.float_data.len(),
        Dtype::F64 => tensor.double_data.len(),
        Dtype::I64 => tensor.int64_data.len(),
        Dtype::I32 | Dtype::Bool | Dtype::F16 | Dtype::I8 | Dtype::U8 => tensor.int32_data.len(),
    };
    if tensor.raw_data.is_empty() {
        return Ok(typed);
    }
    let all = [
        tensor.float_data.len(),
        tensor.double_data.len(),
        tensor.int64_data.len(),
        tensor.int32_data.len(),
        tensor.string_data.len(),
        tensor.uint64_data.len(),
    ];
    let width = width(dtype);
    if all.iter().any(|&len| len > 0) || !tensor.raw_data.len().is_multiple_of(width) {
        return Err(ModelError::TensorData {
            name: name.to_owned(),
            expected: format!("data in one form, {width} bytes an element; raw bytes:"),
            got: tensor.raw_data.len(),
        });
    }
    Ok(tensor.raw_data.len() / width)
}

fn width(dtype: Dtype) -> usize {
    match dtype {
        Dtype::F32 | Dtype::I32 => 4,
        Dtype::F64 | Dtype::I64 => 8,
        Dtype::F16 => 2,
        Dtype::Bool | Dtype::I8 | Dtype::U8 => 1,
    }
}

fn integers(tensor: &TensorProto, dtype: Dtype) -> Option<Vec<i64>> {
    let raw = &tensor.raw_data;
    let typed = || tensor.int32_data.iter().map(|&x| i64::from(x));
    Some(match dtype {
        Dtype::F32 | Dtype::F64 | Dtype::F16 => return None,
        Dtype::I64 if raw.is_empty() => tensor.int64_data.clone(),
        Dtype::I64 => raw.as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b)).collect(),
        Dtype::I32 if raw.is_empty() => typed().collect(),
        Dtype::I32 => raw.as_chunks::<4>().0.iter().map(|&b| i64::from(i32::from_le_bytes(b))).collect(),
        Dtype::Bool if raw.is_empty() => typed().map(|x| i64::from(x != 0)).collect(),
        Dtype::Bool => raw.iter().map(|&x| i64::from(x != 0)).collect(),
        Dtype::I8 | Dtype::U8 if raw.is_empty() => typed().map(|x| dtype.wrap(x)).collect(),
        Dtype::I8 | Dtype::U8 => raw.iter().map(|&x| dtype.wrap(i64::from(x))).collect(),
    })
}

/// The numbers of a checked tensor.
pub(super) fn content(tensor: &TensorProto, place: &str) -> Result<Array, ModelError> {
    let Value { dtype, shape, .. } = value(tensor, place)?;
    if let Some(integers) = integers(tensor, dtype) {
        return Ok(Array { dtype, shape, data: Data::Int(integers) });
    }
    let raw = &tensor.raw_data;
    let data = match dtype {
        Dtype::F16 if raw.is_empty() => tensor.int32_data.iter().map(|&bits| half::f16::from_bits(bits as u16).to_f64()).collect(),
        Dtype::F16 => raw.as_chunks::<2>().0.iter().map(|&b| half::f16::from_le_bytes(b).to_f64()).collect(),
        Dtype::F64 if raw.is_empty() => tensor.double_data.clone(),
        Dtype::F64 => raw.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
        _ if raw.is_empty() => tensor.float_data.iter().map(|&x| f64::from(x)).collect(),
        _ => raw.as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect(),
    };
    Ok(Array { dtype, shape, data: Data::Float(data) })
}

/// Some rows of a checked table of f32 in raw bytes, negative ones from the end, in a given shape; `None` for tables of another form.
pub(super) fn rows(tensor: &TensorProto, picks: &[i64], shape: Vec<usize>) -> Result<Option<Array>, ModelError> {
    let [rows, inner @ ..] = tensor.dims.as_slice() else { return Ok(None) };
    let width = usize::try_from(inner.iter().product::<i64>()).unwrap_or(0);
    if tensor.data_type != Dtype::F32.to_onnx() || tensor.raw_data.is_empty() {
        return Ok(None);
    }
    let numbers = tensor.raw_data.as_chunks::<4>().0;
    let mut data = Vec::with_capacity(picks.len() * width);
    for &pick in picks {
        let row = usize::try_from(if pick < 0 { pick + rows } else { pick }).unwrap_or(usize::MAX);
        let Some(row) = row.checked_mul(width).and_then(|start| numbers.get(start..start + width)) else {
            return Err(ModelError::graph(format!("tensor {:?}", tensor.name), format!("row {pick} of {rows}")));
        };
        data.extend(row.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes))));
    }
    Ok(Some(Array { dtype: Dtype::F32, shape, data: Data::Float(data) }))
}
