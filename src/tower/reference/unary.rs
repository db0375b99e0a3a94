//! Operators on one number at a time.

use super::call::{Call, Result};
use crate::tower::array::{Array, Data};
use crate::tower::value::Dtype;

pub(super) fn unary(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let shape = x.shape.clone();
    let data = match (call.operator(), &x.data) {
        ("Identity", _) => return Ok(x.clone()),
        ("IsNaN", Data::Float(data)) => return Ok(Array::booleans(shape, data.iter().map(|x| x.is_nan()))),
        ("IsInf", Data::Float(data)) => {
            let (below, above) = (call.attributes().flag("detect_negative", true), call.attributes().flag("detect_positive", true));
            let infinite = |x: &f64| (*x == f64::INFINITY && above) || (*x == f64::NEG_INFINITY && below);
            return Ok(Array::booleans(shape, data.iter().map(infinite)));
        }
        ("Not", Data::Int(data)) => return Ok(Array::booleans(shape, data.iter().map(|&x| x == 0))),
        (operator, Data::Int(data)) => {
            let f: fn(i64) -> i64 = match operator {
                "Relu" => |x| x.max(0),
                "Neg" => i64::wrapping_neg,
                "Abs" => i64::wrapping_abs,
                "Sign" => i64::signum,
                _ => return Err(format!("{} on integers", call.operator())),
            };
            return Ok(Array::integers(x.dtype, shape, data.iter().map(|&x| f(x))));
        }
        (_, Data::Float(data)) => data,
    };
    let f = function(call)?;
    Ok(Array::floats(x.dtype, shape, data.iter().map(|&x| f(x)).collect()))
}

/// The function on floats that an operator stands for.
fn function(call: &Call<'_>) -> Result<Box<dyn Fn(f64) -> f64>> {
    let attributes = call.attributes();
    let alpha = |default: f64| attributes.float("alpha", default);
    let simple = |f: fn(f64) -> f64| Ok(Box::new(f) as Box<dyn Fn(f64) -> f64>);
    Ok(match call.operator() {
        // NaN stays NaN here, as it does in ONNX Runtime.
        "Relu" => return simple(|x| if x < 0.0 { 0.0 } else { x }),
        "Neg" => return simple(|x| -x),
        "Abs" => return simple(f64::abs),
        "Sign" => {
            return simple(|x| {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    x
                }
            });
        }
        "Exp" => return simple(f64::exp),
        "Log" => return simple(f64::ln),
        "Sqrt" => return simple(f64::sqrt),
        "Reciprocal" => return simple(f64::recip),
        "Sigmoid" => return simple(sigmoid),
        "Tanh" => return simple(f64::tanh),
        "Softplus" => return simple(|x| x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 }),
        "Softsign" => return simple(|x| x / (1.0 + x.abs())),
        "Mish" => return simple(|x| x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh()),
        "Erf" => return simple(erf),
        "Sin" => return simple(f64::sin),
        "Cos" => return simple(f64::cos),
        "Floor" => return simple(f64::floor),
        "Ceil" => return simple(f64::ceil),
        "Round" => return simple(f64::round_ties_even),
        "HardSwish" => return simple(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        "Gelu" if attributes.text("approximate", "none") == "tanh" => {
            return simple(|x| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh()));
        }
        "Gelu" => return simple(|x| 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))),
        "LeakyRelu" => {
            let a = alpha(f64::from(0.01f32));
            Box::new(move |x| if x < 0.0 { a * x } else { x })
        }
        "Elu" => {
            let a = alpha(1.0);
            Box::new(move |x| if x < 0.0 { a * x.exp_m1() } else { x })
        }
        "Celu" => {
            let a = alpha(1.0);
            Box::new(move |x| if x < 0.0 { a * (x / a).exp_m1() } else { x })
        }
        "Selu" => {
            let (a, gamma) = (alpha(f64::from(1.673_263_2_f32)), attributes.float("gamma", f64::from(1.050_701_f32)));
            Box::new(move |x| gamma * if x < 0.0 { a * x.exp_m1() } else { x })
        }
        "HardSigmoid" => {
            let (a, b) = (alpha(f64::from(0.2f32)), attributes.float("beta", 0.5));
            Box::new(move |x| (a * x + b).clamp(0.0, 1.0))
        }
        other => return Err(format!("no reference for {other}")),
    })
}

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The error function: its Taylor series near 0, the continued fraction of its complement further out (Abramowitz and Stegun 7.1.5, 7.1.14).
pub(super) fn erf(x: f64) -> f64 {
    let z = x.abs();
    if z.is_nan() {
        return x;
    }
    if z > 6.0 {
        return x.signum();
    }
    if z < 2.5 {
        let (mut term, mut sum) = (z, z);
        for n in 1..80 {
            let n = f64::from(n);
            term *= -z * z / n;
            let before = sum;
            sum += term / (2.0 * n + 1.0);
            if sum == before {
                break;
            }
        }
        return x.signum() * sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let tail = (1..60).rev().fold(z, |below, n| z + f64::from(n) / 2.0 / below);
    x.signum() * (1.0 - (-z * z).exp() / std::f64::consts::PI.sqrt() / tail)
}

pub(super) fn clip(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    if let Data::Int(data) = &x.data {
        let bound = |place: usize| call.optional_integers(place).map(|bound| bound.and_then(|bound| bound.first().copied()));
        let (lo, hi) = (bound(1)?.unwrap_or(i64::MIN), bound(2)?.unwrap_or(i64::MAX));
        return Ok(Array::integers(x.dtype, x.shape.clone(), data.iter().map(|&x| x.max(lo).min(hi))));
    }
    let bound = |place: usize| call.optional_floats(place).map(|bound| bound.and_then(|bound| bound.first().copied()));
    let (lo, hi) = (bound(1)?.unwrap_or(f64::NEG_INFINITY), bound(2)?.unwrap_or(f64::INFINITY));
    let f = |x: f64| if x.is_nan() { x } else { x.max(lo).min(hi) };
    Ok(Array::floats(x.dtype, x.shape.clone(), x.as_floats()?.iter().map(|&x| f(x)).collect()))
}

pub(super) fn cast(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let to = i32::try_from(call.attributes().int("to", 0)).unwrap_or(0);
    let to = Dtype::from_onnx(to, "cast").map_err(|error| error.to_string())?;
    let shape = x.shape.clone();
    let floats = to.is_float() || to == Dtype::F16;
    Ok(match &x.data {
        Data::Float(data) if floats => Array::floats(to, shape, data.clone()),
        Data::Int(data) if floats => Array::floats(to, shape, data.iter().map(|&x| x as f64).collect()),
        Data::Float(data) if to == Dtype::Bool => Array::booleans(shape, data.iter().map(|&x| x != 0.0)),
        Data::Int(data) if to == Dtype::Bool => Array::booleans(shape, data.iter().map(|&x| x != 0)),
        Data::Float(data) => Array::integers(to, shape, data.iter().map(|&x| x as i64)),
        Data::Int(data) => Array::integers(to, shape, data.iter().copied()),
    })
}

#[cfg(test)]
mod tests {
    use super::erf;

    #[test]
    fn erf_is_right_to_the_last_digits() {
        for (x, y) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (2.4, 0.999_311_486_103_355),
            (2.6, 0.999_763_965_583_470_7),
            (3.5, 0.999_999_256_901_628),
        ] {
            assert!((erf(x) - y).abs() < 1e-13, "{x}: {}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
    }
}
