//! The vector space's quantizers: the coarse one says which list a vector belongs to, the product quantizer codes what is left.
//!
//! Everything here gives the same result on any CPU and number of threads: training is seeded, sums have a fixed order.

mod bytes;
pub(crate) mod calibrate;
pub(crate) mod calibration;
mod choose;
pub(crate) mod density;
mod encode;
mod groups;
pub(crate) mod kmeans;
pub(crate) mod nearest;
mod pq;
mod rng;
pub(crate) mod scale;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod truth;

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::types::{Metric, Refine};
use crate::vector::Matrix;
use nearest::{Nearest, Rows};

/// Centroids of one sub-quantizer: a code is a byte.
pub(crate) const CENTROIDS: usize = 256;
/// Groups of centroids of one sub-quantizer; a code's high nibble is its group, so that the scan can filter on 4 bits.
pub(crate) const GROUPS: usize = 16;
/// Weight of an error along the vector against one across it, for inner product and cosine.
pub(crate) const DEFAULT_ETA: f32 = 4.0;
/// Weight of a group's error beside its code's where candidates are scored again by refine vectors; more helps no more.
const GROUP_WEIGHT: u8 = 2;

/// Splits a residual into `m` parts of (almost) equal width and names for each the nearest of 256 centroids.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ProductQuantizer {
    /// `m + 1` bounds: part `j` is the dimensions `bounds[j]..bounds[j + 1]`.
    pub(crate) bounds: Vec<u32>,
    /// Part `j`'s 256 centroids, row after row, start at `256 * bounds[j]`. The centroids 16 g .. 16 g + 15 are group g.
    pub(crate) codebook: Vec<f32>,
    /// Part `j`'s 16 group centres (means of their centroids, weighted by use), row after row, start at `16 * bounds[j]`.
    pub(crate) groups: Vec<f32>,
}

/// One generation's quantizers. Immutable once trained.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Quantizer {
    pub(crate) metric: Metric,
    /// A row a list.
    pub(crate) coarse: Matrix,
    pub(crate) pq: ProductQuantizer,
    /// Weight of an error along the vector against one across it when encoding; 1 counts both the same.
    pub(crate) eta: f32,
    /// Weight of the error of a code's group beside the code's own when encoding: 0 where codes alone say how near a vector is.
    pub(crate) group_weight: u8,
    /// Everything here is of vectors multiplied by 2 to this power; see [`scale`].
    pub(crate) exponent: i16,
}

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

    /// The list of each vector: the one with the nearest centroid by squared distance, under every metric (residuals are smallest
    /// that way; for inner product the alternative, the centroid of largest product, drowns in the few longest centroids).
    pub(crate) fn assign(&self, vectors: &Matrix) -> Vec<u32> {
        Nearest::new(&self.coarse).of(Rows::All(vectors))
    }

    pub(crate) fn dim(&self) -> usize {
        self.coarse.dim()
    }

    pub(crate) fn lists(&self) -> usize {
        self.coarse.rows()
    }
}

/// The weight of groups' errors for codes beside which such refine vectors are kept: codes that are all there is say how near a vector is,
/// others only have to find candidates, and do so by their groups.
pub(crate) fn group_weight(refine: Refine) -> u8 {
    if refine == Refine::None { 0 } else { GROUP_WEIGHT }
}

/// Vectors at least this many times as long as half of them are extremes...
const EXTREME: f64 = 16.0;
/// ... where they are at most one in so many; more of them are what the collection is like.
const EXTREMES: usize = 100;
/// At most one list in so many is for extremes alone.
const LISTS_OF_EXTREMES: usize = 16;

/// What is trained on, in the quantizer's scale. Extremes are kept apart: among others they would draw centroids and entries of the
/// codebook to themselves, and the range of a query's lookup tables would be theirs. A list of their own stands for them better than any
/// code could.
struct Sample<'a> {
    usual: Cow<'a, Matrix>,
    /// The longest vectors, longest first.
    extremes: Matrix,
    exponent: i16,
}

impl<'a> Sample<'a> {
    fn new(vectors: &'a Matrix, metric: Metric, lists: usize) -> Self {
        let none = Matrix::new(vectors.dim());
        if metric == Metric::Cosine {
            return Self { usual: Cow::Borrowed(vectors), extremes: none, exponent: 0 };
        }
        let lengths = scale::Lengths::of(vectors);
        let exponent = lengths.exponent();
        let is_extreme = |row: usize| lengths.median > 0.0 && lengths.all[row] >= EXTREME * lengths.median;
        let mut rows: Vec<usize> = (0..vectors.rows()).filter(|&row| is_extreme(row)).collect();
        rows.sort_by(|&a, &b| lengths.all[b].total_cmp(&lengths.all[a]).then(a.cmp(&b)));
        let (mut usual, mut extremes) = (Cow::Borrowed(vectors), none);
        if !rows.is_empty() && rows.len() <= (vectors.rows() / EXTREMES).max(1) && lists > 1 {
            rows.iter().for_each(|&row| extremes.push(vectors.row(row)));
            let mut rest = Matrix::with_capacity(vectors.dim(), vectors.rows() - rows.len());
            (0..vectors.rows()).filter(|&row| !is_extreme(row)).for_each(|row| rest.push(vectors.row(row)));
            usual = Cow::Owned(rest);
            scale::carry(&mut extremes, exponent);
        }
        if exponent != 0 {
            scale::carry(usual.to_mut(), exponent);
        }
        Self { usual, extremes, exponent }
    }

    fn coarse(&self, lists: usize, seed: u64, spherical: bool, progress: &dyn Progress) -> Result<Matrix> {
        let apart = self.extremes.rows().min((lists / LISTS_OF_EXTREMES).max(1));
        let apart = if lists > 1 { apart } else { 0 };
        let params = |centroids| kmeans::KmeansParams { centroids, seed, spherical };
        let lists = (lists - apart).min(self.usual.rows());
        let mut coarse = kmeans::train(&self.usual, params(lists), progress)?;
        if apart == self.extremes.rows() {
            coarse.extend(&self.extremes);
        } else if apart > 0 {
            coarse.extend(&kmeans::train(&self.extremes, params(apart), progress)?);
        }
        Ok(coarse)
    }
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
