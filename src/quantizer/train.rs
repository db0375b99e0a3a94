//! Training: from vectors to their quantizers.

use super::codebook::ProductQuantizer;
use super::nearest::{Nearest, Rows};
use super::sample::Sample;
use super::trained::Quantizer;
use super::{choose, groups, pq, rng};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::types::{Metric, Refine};
use crate::vector::Matrix;

/// Weight of an error along the vector against one across it, for inner product and cosine.
const DEFAULT_ETA: f32 = 4.0;
/// Weight of a group's error beside its code's where candidates are scored again by refine vectors; more helps no more.
const GROUP_WEIGHT: u8 = 2;

/// How to train.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct TrainParams {
    pub(crate) metric: Metric,
    /// Number of lists; chosen from the number of vectors when `None`, and lowered to it.
    pub(crate) lists: Option<usize>,
    /// Number of sub-quantizers, 1 to 256; chosen from the width when `None`, and lowered to it.
    pub(crate) m: Option<usize>,
    /// The same seed and vectors give the same quantizer.
    pub(crate) seed: u64,
    /// See [`Quantizer::eta`]; 4 for inner product and cosine and 1 for L2 when `None`.
    pub(crate) eta: Option<f32>,
    /// See [`Quantizer::group_weight`] and [`group_weight`].
    pub(crate) group_weight: u8,
    /// Rows that the collection holds, when `vectors` is only a sample of it: the number of lists follows it.
    pub(crate) rows: Option<usize>,
    /// The most rounds in which centroids change their groups: with fewer, training is faster and the scan's filter is looser.
    pub(crate) rounds: usize,
}

impl TrainParams {
    pub(crate) fn new(metric: Metric) -> Self {
        Self { metric, lists: None, m: None, seed: 0, eta: None, group_weight: 0, rows: None, rounds: groups::ROUNDS }
    }
}

impl Quantizer {
    /// Trains on `vectors` (unit length for cosine), which may be a sample; of many only a part is used. They come as they are: what they
    /// are multiplied with, the quantizer decides here.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] when there are no vectors or an option is out of range; [`Error::Interrupted`] when `progress` says so.
    pub(crate) fn train(vectors: &Matrix, params: &TrainParams, progress: &dyn Progress) -> Result<Self> {
        if vectors.is_empty() {
            return Err(invalid("vectors", 0, "at least 1 to train on"));
        }
        let eta = params.eta.unwrap_or(if params.metric == Metric::L2 { 1.0 } else { DEFAULT_ETA });
        if !(eta.is_finite() && eta >= 1.0) {
            return Err(invalid("eta", eta, "a number from 1"));
        }
        let m = params.m.unwrap_or_else(|| choose::default_m(vectors.dim()));
        if m == 0 || m > choose::MAX_M {
            return Err(invalid("m", m, "1 to 256"));
        }
        if params.lists == Some(0) {
            return Err(invalid("lists", 0, "at least 1"));
        }
        let rows = params.rows.unwrap_or(vectors.rows());
        let lists = params.lists.unwrap_or_else(|| choose::default_lists(rows, vectors.rows())).min(vectors.rows());
        let metric = params.metric;
        let sample = Sample::new(vectors, metric, lists);
        let (usual, exponent) = (&*sample.usual, sample.exponent);
        let coarse = sample.coarse(lists, params.seed, metric == Metric::Cosine, progress)?;
        let residuals = residuals(usual, &coarse, params.seed);
        let group_weight = params.group_weight;
        let params = pq::PqParams { m: m.min(vectors.dim()), seed: params.seed, group_weight, rounds: params.rounds };
        let pq = ProductQuantizer::train(&residuals, params, progress)?;
        Ok(Self { metric, coarse, pq, eta, group_weight, exponent })
    }
}

/// The weight of groups' errors for codes beside which such refine vectors are kept: codes that are all there is say how near a vector is,
/// others only have to find candidates, and do so by their groups.
pub(crate) fn group_weight(refine: Refine) -> u8 {
    if refine == Refine::None { 0 } else { GROUP_WEIGHT }
}

/// What a sample of the vectors is away from its centroids.
fn residuals(vectors: &Matrix, coarse: &Matrix, seed: u64) -> Matrix {
    let mut rows = rng::Rng::new(seed, 2).sample(vectors.rows(), pq::TRAIN_ROWS);
    rows.sort_unstable();
    let lists = Nearest::new(coarse).of(Rows::Some(vectors, &rows));
    let mut residuals = Matrix::with_capacity(vectors.dim(), rows.len());
    let mut residual = vec![0.0; vectors.dim()];
    for (&row, &list) in rows.iter().zip(&lists) {
        for ((r, x), c) in residual.iter_mut().zip(vectors.row(row as usize)).zip(coarse.row(list as usize)) {
            *r = x - c;
        }
        residuals.push(&residual);
    }
    residuals
}

fn invalid(option: &'static str, given: impl ToString, expected: &str) -> Error {
    Error::InvalidOption { option, given: given.to_string(), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::NoProgress;
    use crate::quantizer::testing::clustered;

    #[test]
    fn trains_the_same_on_any_number_of_threads() {
        let vectors = clustered(4000, 10, 20, 1);
        let runs: Vec<Quantizer> = [1, 3]
            .into_iter()
            .map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| Quantizer::train(&vectors, &TrainParams::new(Metric::InnerProduct), &NoProgress).unwrap())
            })
            .collect();
        assert!(runs[0] == runs[1]);
        assert_eq!((runs[0].lists(), runs[0].pq.m(), runs[0].eta), (64, 5, 4.0));
    }

    #[test]
    fn awkward_numbers_of_vectors_train() {
        for rows in [1, 2, 63, 257] {
            for dim in [1, 3] {
                let vectors = clustered(rows, dim, 2, 1);
                let params = TrainParams { lists: Some(16), m: Some(16), ..TrainParams::new(Metric::L2) };
                let quantizer = Quantizer::train(&vectors, &params, &NoProgress).unwrap();
                assert_eq!((quantizer.lists(), quantizer.pq.m(), quantizer.eta), (rows.min(16), dim, 1.0));
                assert!(quantizer.pq.codebook.iter().chain(quantizer.coarse.as_slice()).all(|x| x.is_finite()));
            }
        }
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let vectors = clustered(10, 3, 2, 1);
        let base = TrainParams::new(Metric::InnerProduct);
        for params in [
            TrainParams { m: Some(0), ..base.clone() },
            TrainParams { m: Some(257), ..base.clone() },
            TrainParams { lists: Some(0), ..base.clone() },
            TrainParams { eta: Some(0.5), ..base.clone() },
            TrainParams { eta: Some(f32::NAN), ..base.clone() },
        ] {
            assert!(matches!(Quantizer::train(&vectors, &params, &NoProgress), Err(Error::InvalidOption { .. })));
        }
        assert!(matches!(Quantizer::train(&Matrix::new(3), &base, &NoProgress), Err(Error::InvalidOption { .. })));
    }
}
