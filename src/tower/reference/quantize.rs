//! Numbers as small integers with a scale, and back.

use super::call::{Call, Result, axis};
use crate::tower::array::{Array, Data};
use crate::tower::shape::about;
use crate::tower::value::Dtype;

/// Which scale belongs to the element at a place: one for all, or one for each index along an axis.
fn scales(call: &Call<'_>, shape: &[usize]) -> Result<Box<dyn Fn(usize) -> usize>> {
    if call.input(1)?.len() == 1 {
        return Ok(Box::new(|_| 0));
    }
    let [_, dim, inner] = about(shape, axis(call.attributes().int("axis", 1), shape.len())?);
    Ok(Box::new(move |at| at / inner % dim))
}

pub(super) fn dequantize(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let (of, scale, zero) = (scales(call, &x.shape)?, call.floats(1)?, call.optional_integers(2)?);
    let number = |(at, &x): (usize, &i64)| (x - zero.map_or(0, |zero| zero[of(at)])) as f64 * scale[of(at)];
    Ok(Array::floats(call.input(1)?.dtype, x.shape.clone(), x.as_integers()?.iter().enumerate().map(number).collect()))
}

pub(super) fn quantize(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let (of, scale, zero) = (scales(call, &x.shape)?, call.floats(1)?, call.optional(2));
    let dtype = zero.map_or(Dtype::U8, |zero| zero.dtype);
    let (lo, hi) = if dtype == Dtype::I8 { (-128.0, 127.0) } else { (0.0, 255.0) };
    let zeros = zero.map(Array::as_integers).transpose()?;
    let number = |(at, &x): (usize, &f64)| {
        // The division is one of f32 where the number is one.
        let steps = f64::from((x as f32) / (scale[of(at)] as f32)).round_ties_even();
        (steps + zeros.map_or(0.0, |zeros| zeros[of(at)] as f64)).clamp(lo, hi) as i64
    };
    match &x.data {
        Data::Float(data) => Ok(Array::integers(dtype, x.shape.clone(), data.iter().enumerate().map(number))),
        Data::Int(_) => Err("integers to be quantised".to_owned()),
    }
}
