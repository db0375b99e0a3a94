//! What the coarse quantizer is trained on.

use std::borrow::Cow;

use super::kmeans;
use super::scale;
use crate::error::Result;
use crate::progress::Progress;
use crate::types::Metric;
use crate::vector::Matrix;

/// Vectors at least this many times as long as half of them are extremes...
const EXTREME: f64 = 16.0;
/// ... where they are at most one in so many; more of them are what the collection is like.
const EXTREMES: usize = 100;
/// At most one list in so many is for extremes alone.
const LISTS_OF_EXTREMES: usize = 16;

/// What is trained on, in the quantizer's scale. Extremes are kept apart: among others they would draw centroids and entries of the
/// codebook to themselves, and the range of a query's lookup tables would be theirs. A list of their own stands for them better than any
/// code could.
pub(super) struct Sample<'a> {
    pub(super) usual: Cow<'a, Matrix>,
    /// The longest vectors, longest first.
    extremes: Matrix,
    pub(super) exponent: i16,
}

impl<'a> Sample<'a> {
    pub(super) fn new(vectors: &'a Matrix, metric: Metric, lists: usize) -> Self {
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

    pub(super) fn coarse(&self, lists: usize, seed: u64, spherical: bool, progress: &dyn Progress) -> Result<Matrix> {
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
