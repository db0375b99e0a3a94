//! Replays a spec's golden rows: the tower must give here what it gave where it was trained.

use super::limits::{GOLDEN_TOLERANCE, MICRO_BATCH};
use super::onnx::Tower;
use crate::features::{EncodeOptions, Golden, Lookup, LookupError};
use crate::model_error::ModelError;

/// The stored vectors of a golden row's `items`; other ids are unknown.
struct StandIns<'a>(&'a Golden);

impl Lookup for StandIns<'_> {
    fn vector(&self, id: &str, out: &mut [f32]) -> Result<bool, LookupError> {
        let found = self.0.items.iter().find(|(known, vector)| known == id && vector.len() == out.len());
        if let Some((_, vector)) = found {
            out.copy_from_slice(vector);
        }
        Ok(found.is_some())
    }
}

/// Each golden row alone and as the first of a whole micro-batch, so that every size of plan that is used has been seen to agree.
/// Gives the largest difference.
pub(super) fn replay(tower: &Tower) -> Result<Option<f32>, ModelError> {
    let mut largest = None;
    for (row, golden) in tower.spec().golden().iter().enumerate() {
        let lookup = StandIns(golden);
        let options = EncodeOptions { lookup: Some(&lookup), lenient: true, ..EncodeOptions::default() };
        for batch in [1, 2, MICRO_BATCH] {
            let vectors = tower
                .run_batch(&vec![&golden.row; batch], &options)
                .map_err(|source| ModelError::GoldenRow { row, source: Box::new(source) })?;
            for vector in vectors.iter() {
                let difference = compare(row, golden, vector)?;
                largest = Some(largest.map_or(difference, |most: f32| most.max(difference)));
            }
        }
    }
    Ok(largest)
}

fn compare(row: usize, golden: &Golden, vector: &[f32]) -> Result<f32, ModelError> {
    let differences = golden.vector.iter().zip(vector).map(|(a, b)| (a - b).abs());
    let worst = differences.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    match worst {
        Some((at, difference)) if difference.is_nan() || difference > GOLDEN_TOLERANCE => {
            Err(ModelError::Golden { row, at, expected: golden.vector[at], got: vector[at], tolerance: GOLDEN_TOLERANCE })
        }
        worst => Ok(worst.map_or(0.0, |(_, difference)| difference)),
    }
}
