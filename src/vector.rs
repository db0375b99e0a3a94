//! Rows of f32 values of one width, checked once on the way in, and the lengths that the arithmetic carries.

use crate::error::{Error, Result};
use crate::types::Metric;

/// The longest vector that is stored or searched with under inner product and L2: 2^56, about 7.2e16. Under cosine only directions count.
///
/// With B for it, in any width (a vector's length bounds the sum of its squares, however many values it has): centroids are means, so at
/// most B long; a residual is at most 2 B, and so is the entry of a sub-quantizer, a mean of residuals' parts; with 256 sub-quantizers at
/// most, what any code stands for is at most 16 (B + 2 B) = 48 B long. The largest numbers are made of these: a squared length of 2,304 B^2,
/// differences of two of them, a score of the scan under L2 of 2 x 48 B^2 + 2,304 B^2, costs of encoding of 3 such lengths. All stay
/// below 2^14 B^2 = 2^126, and f32 ends at 2^128; what is left is for rounding.
pub(crate) const LONGEST: f64 = (1u64 << LONGEST_EXPONENT) as f64;
pub(crate) const LONGEST_EXPONENT: i32 = 56;

/// `rows x dim` f32 values, row after row: vectors of one length.
///
/// ```
/// let vectors = torre::Matrix::from_vec(2, vec![1.0, 0.0, 0.5, 0.5]).ok_or("not rows of 2")?;
/// assert_eq!((vectors.rows(), vectors.row(1)), (2, &[0.5, 0.5][..]));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Matrix {
    dim: usize,
    data: Vec<f32>,
}

impl Matrix {
    pub(crate) fn new(dim: usize) -> Self {
        Self { dim, data: Vec::new() }
    }

    pub(crate) fn with_capacity(dim: usize, rows: usize) -> Self {
        Self { dim, data: Vec::with_capacity(dim * rows) }
    }

    /// Takes `data` as rows of `dim` values; `None` when the length is not a multiple of `dim`.
    pub fn from_vec(dim: usize, data: Vec<f32>) -> Option<Self> {
        (dim > 0 && data.len().is_multiple_of(dim)).then_some(Self { dim, data })
    }

    #[cfg(test)]
    pub(crate) fn zeros(dim: usize, rows: usize) -> Self {
        Self { dim, data: vec![0.0; dim * rows] }
    }

    /// Values of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.data.len().checked_div(self.dim).unwrap_or(0)
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// One row, from 0.
    ///
    /// # Panics
    /// When there are fewer rows.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.dim..(row + 1) * self.dim]
    }

    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.data[row * self.dim..(row + 1) * self.dim]
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> + Clone {
        self.data.chunks_exact(self.dim.max(1))
    }

    /// Appends a row; the caller has checked its length.
    pub(crate) fn push(&mut self, row: &[f32]) {
        debug_assert_eq!(row.len(), self.dim);
        self.data.extend_from_slice(row);
    }

    /// Appends a row of exactly `dim` values; the caller has checked that there are that many.
    pub(crate) fn push_iter(&mut self, row: impl Iterator<Item = f32>) {
        self.data.extend(row);
        debug_assert!(self.data.len().is_multiple_of(self.dim));
    }

    pub(crate) fn extend(&mut self, other: &Matrix) {
        debug_assert_eq!(other.dim, self.dim);
        self.data.extend_from_slice(&other.data);
    }

    /// All values, row after row.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.data
    }
}

/// Checks a caller's vector and brings it into the form the metric stores: unit length for cosine, as it is otherwise.
/// `row` is the vector's place in its batch, for the error.
///
/// The squares are summed in f64, so that no finite vector overflows or vanishes.
pub(crate) fn validate(vector: &[f32], dim: usize, metric: Metric, row: usize) -> Result<Vec<f32>> {
    if vector.len() != dim {
        return Err(Error::VectorLength { row, expected: dim, got: vector.len() });
    }
    if let Some(at) = vector.iter().position(|x| !x.is_finite()) {
        return Err(Error::VectorNotFinite { row, at, value: vector[at] });
    }
    let norm = length(vector);
    if metric != Metric::Cosine {
        if let Some(at) = too_long(vector, metric) {
            return Err(Error::VectorTooLong { row, at, value: vector[at], length: norm, limit: LONGEST });
        }
        return Ok(vector.to_vec());
    }
    if norm == 0.0 {
        return Err(Error::ZeroVector { row });
    }
    Ok(vector.iter().map(|&x| (f64::from(x) / norm) as f32).collect())
}

/// The place of the largest element of a vector that is longer than [`LONGEST`], where the metric minds.
pub(crate) fn too_long(vector: &[f32], metric: Metric) -> Option<usize> {
    if metric == Metric::Cosine || length(vector) <= LONGEST {
        return None;
    }
    (0..vector.len()).max_by(|&a, &b| vector[a].abs().total_cmp(&vector[b].abs()))
}

/// Length of a vector. In f64 neither squares nor sums of f32 values overflow or vanish.
pub(crate) fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_metric_can_take() {
        assert_eq!(validate(&[3.0, 4.0], 2, Metric::Cosine, 0).unwrap(), [0.6, 0.8]);
        assert_eq!(validate(&[3.0, 4.0], 2, Metric::InnerProduct, 0).unwrap(), [3.0, 4.0]);
        assert!(matches!(validate(&[3.0], 2, Metric::InnerProduct, 7), Err(Error::VectorLength { row: 7, expected: 2, got: 1 })));
        assert!(matches!(validate(&[3.0, f32::NAN], 2, Metric::InnerProduct, 1), Err(Error::VectorNotFinite { row: 1, at: 1, .. })));
        assert!(matches!(validate(&[0.0, 0.0], 2, Metric::Cosine, 0), Err(Error::ZeroVector { row: 0 })));
        assert_eq!(validate(&[1e-45, 0.0], 2, Metric::Cosine, 0).unwrap(), [1.0, 0.0]);
        assert!(validate(&[f32::MAX, f32::MAX], 2, Metric::Cosine, 0).unwrap().iter().all(|x| (x - 0.70710677).abs() < 1e-6));
    }

    #[test]
    fn refuses_what_the_arithmetic_does_not_carry() {
        let limit = LONGEST as f32;
        for metric in [Metric::InnerProduct, Metric::L2] {
            assert!(validate(&[0.0, -limit], 2, metric, 0).is_ok());
            for (vector, at) in [([limit.next_up(), 0.0], 0), ([limit, -limit], 1), ([1.0, f32::MIN], 1), ([2e19, 0.0], 0)] {
                let error = validate(&vector, 2, metric, 3).unwrap_err();
                let found = matches!(error, Error::VectorTooLong { row: 3, at: place, value, .. } if place == at && value == vector[at]);
                assert!(found, "{error}");
            }
            // Each element is carried, all of them together are not.
            assert!(matches!(validate(&vec![limit / 64.0; 8192], 8192, metric, 0), Err(Error::VectorTooLong { .. })));
        }
        assert!(validate(&[2e19, 0.0], 2, Metric::Cosine, 0).is_ok());
    }
}
