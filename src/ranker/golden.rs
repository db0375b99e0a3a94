//! Replays a spec's golden rows: features and scores must be here what they were where the ranker was trained.

use super::limits::GOLDEN_TOLERANCE;
use super::spec::RankerSpec;
use crate::features::Value;
use crate::model_error::ModelError;

/// Each golden row alone, and all of them together; `run` scores rows of features.
pub(super) fn replay(spec: &RankerSpec, run: impl Fn(&[f32]) -> Result<Vec<f32>, ModelError>) -> Result<(), ModelError> {
    let mut all = Vec::with_capacity(spec.golden().len() * spec.features().len());
    for (row, golden) in spec.golden().iter().enumerate() {
        let from = all.len();
        spec.encode(golden.score, &golden.item, &golden.user, &mut all);
        spec.fill(&mut all[from..], |name, _| golden.value.get(name).and_then(Value::as_f64));
        let pairs = spec.features().iter().zip(golden.features.iter().zip(&all[from..]));
        for (feature, (&expected, &got)) in pairs {
            // To the bit, but that any NaN is missing, and either zero is zero.
            if expected != got && !(expected.is_nan() && got.is_nan()) {
                return Err(ModelError::RankerGoldenFeature { row, feature: feature.name.clone(), expected, got });
            }
        }
        compare(row, golden.output, run(&all[from..])?.first().copied())?;
    }
    for (row, (golden, score)) in spec.golden().iter().zip(run(&all)?).enumerate() {
        compare(row, golden.output, Some(score))?;
    }
    Ok(())
}

fn compare(row: usize, expected: f32, got: Option<f32>) -> Result<(), ModelError> {
    let got = got.unwrap_or(f32::NAN);
    let tolerance = GOLDEN_TOLERANCE * expected.abs().max(1.0);
    if (expected - got).abs() <= tolerance {
        return Ok(());
    }
    Err(ModelError::RankerGolden { row, expected, got, tolerance })
}
