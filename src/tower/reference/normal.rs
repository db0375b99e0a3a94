//! Normalisations by mean and variance, in two passes: of a layer, a batch's running moments, an instance, a root mean square.

use super::call::{Call, Result, axis};
use crate::tower::array::Array;
use crate::tower::shape::{about, places, volume};

/// Mean, and one over the standard deviation.
fn moments(numbers: &[f64], epsilon: f64) -> (f64, f64) {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let variance = numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    (mean, (variance + epsilon).sqrt().recip())
}

/// The number at each place of `shape`, of an input that is broadcast to it, or `default`.
fn spread(call: &Call<'_>, place: usize, shape: &[usize], default: f64) -> Result<Vec<f64>> {
    Ok(match call.optional(place) {
        Some(given) => {
            let data = given.as_floats()?;
            places(&given.shape, shape).map(|at| data[at]).collect()
        }
        None => vec![default; volume(shape)],
    })
}

/// LayerNormalization, and RMSNormalization, which leaves the mean out.
pub(super) fn layer(call: &Call<'_>) -> Result<Vec<Array>> {
    let x = call.input(0)?;
    let at = axis(call.attributes().int("axis", -1), x.rank())?;
    let epsilon = call.attributes().float("epsilon", f64::from(1e-5f32));
    let inner = &x.shape[at..];
    let (scale, bias) = (spread(call, 1, inner, 1.0)?, spread(call, 2, inner, 0.0)?);
    let centred = call.operator() == "LayerNormalization";
    let (mut out, mut means, mut factors) = (Vec::with_capacity(x.len()), Vec::new(), Vec::new());
    for group in call.floats(0)?.chunks(volume(inner).max(1)) {
        let (mean, factor) = if centred {
            moments(group, epsilon)
        } else {
            let square = group.iter().map(|x| x * x).sum::<f64>() / group.len() as f64;
            (0.0, (square + epsilon).sqrt().recip())
        };
        out.extend(group.iter().zip(&scale).zip(&bias).map(|((x, scale), bias)| (x - mean) * factor * scale + bias));
        means.push(mean);
        factors.push(factor);
    }
    let mut moments_shape = x.shape.clone();
    moments_shape[at..].fill(1);
    let results = [(x.shape.clone(), out), (moments_shape.clone(), means), (moments_shape, factors)];
    Ok(results.into_iter().take(call.shapes.len()).map(|(shape, data)| Array::floats(x.dtype, shape, data)).collect())
}

/// With moments that were counted in training.
pub(super) fn batch(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let epsilon = call.attributes().float("epsilon", f64::from(1e-5f32));
    let (scale, bias, mean, variance) = (call.floats(1)?, call.floats(2)?, call.floats(3)?, call.floats(4)?);
    let [_, channels, inner] = about(&x.shape, 1);
    let normal = |(at, x): (usize, &f64)| {
        let channel = at / inner % channels;
        (x - mean[channel]) / (variance[channel] + epsilon).sqrt() * scale[channel] + bias[channel]
    };
    Ok(Array::floats(x.dtype, x.shape.clone(), call.floats(0)?.iter().enumerate().map(normal).collect()))
}

/// InstanceNormalization, and GroupNormalization, whose instances are several channels: `[N, C, ...]`.
pub(super) fn instance(call: &Call<'_>) -> Result<Array> {
    let x = call.input(0)?;
    let epsilon = call.attributes().float("epsilon", f64::from(1e-5f32));
    let (scale, bias) = (call.floats(1)?, call.floats(2)?);
    let [_, channels, inner] = about(&x.shape, 1);
    let groups = match call.operator() {
        "GroupNormalization" => usize::try_from(call.attributes().int("num_groups", 1)).unwrap_or(1).max(1),
        _ => channels,
    };
    let size = channels / groups * inner;
    let mut out = Vec::with_capacity(x.len());
    for (n, group) in call.floats(0)?.chunks(size.max(1)).enumerate() {
        let (mean, factor) = moments(group, epsilon);
        for (at, x) in group.iter().enumerate() {
            let channel = (n % groups) * (channels / groups) + at / inner;
            // A scale for each channel, or, in old operator sets, for each group.
            let of = if scale.len() == channels { channel } else { n % groups };
            out.push((x - mean) * factor * scale[of] + bias[of]);
        }
    }
    Ok(Array::floats(x.dtype, x.shape.clone(), out))
}
