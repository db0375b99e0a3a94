//! What `post_transform` does to a row's scores, as ONNX Runtime computes it, in f32.

use super::attributes::Attributes;
use crate::model_error::ModelError;

/// A post transform.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Post {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

impl Post {
    /// The attribute `post_transform`, by name.
    pub(super) fn read(attributes: &Attributes<'_>) -> Result<Self, ModelError> {
        Ok(match attributes.text("post_transform", "NONE")? {
            "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "PROBIT" => Self::Probit,
            other => {
                let expected = "NONE, LOGISTIC, SOFTMAX, SOFTMAX_ZERO or PROBIT";
                return Err(attributes.error("post_transform", format!("is {other:?}; expected {expected}")));
            }
        })
    }

    /// Transforms the scores of one row. A single score is changed by `Probit` alone: so does ONNX Runtime, and none of the others would
    /// change the order of rows.
    pub(super) fn apply(self, scores: &mut [f32]) {
        match (self, scores) {
            (Self::Probit, scores) => scores.iter_mut().for_each(|score| *score = probit(*score)),
            (Self::None, _) | (_, [] | [_]) => {}
            (Self::Logistic, scores) => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            (Self::Softmax, scores) => softmax(scores, false),
            (Self::SoftmaxZero, scores) => softmax(scores, true),
        }
    }
}

/// 1 / (1 + e^-x), without an overflow on either side.
pub(super) fn logistic(x: f32) -> f32 {
    let y = 1.0 / (1.0 + (-x.abs()).exp());
    if x < 0.0 { 1.0 - y } else { y }
}

/// The quantile function of the normal distribution, by Winitzki's approximation of the inverse error function.
fn probit(x: f32) -> f32 {
    std::f32::consts::SQRT_2 * inverse_erf(2.0 * x - 1.0)
}

#[expect(clippy::approx_constant, reason = "the digits that ONNX Runtime takes")]
fn inverse_erf(x: f32) -> f32 {
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = ((1.0 - x) * (1.0 + x)).ln();
    let a = 2.0 / (3.14159 * 0.147) + 0.5 * log;
    let b = 1.0 / 0.147 * log;
    sign * (-a + (a * a - b).sqrt()).sqrt()
}

/// Softmax; with `keep_zero` numbers that are zero keep that, and have no part in the sum.
fn softmax(scores: &mut [f32], keep_zero: bool) {
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if keep_zero && score.abs() <= 0.000_000_1 {
            *score *= (-most).exp();
        } else {
            *score = (*score - most).exp();
            sum += *score;
        }
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}
