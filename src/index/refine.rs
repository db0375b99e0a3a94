//! The vectors kept beside the codes, from which candidates are scored again.

use std::ops::Range;

use half::f16;

use crate::kernel::{ByteRows, IntQuery, Kernel, Lines, round};
use crate::types::{Metric, Refine};

use super::flat::precise_score;
use crate::quantizer::scale::largest;

/// A record a row, in scan order, without gaps:
/// - int8: scale (f32); for L2 the sum of the squared integers (u32); `dim` signed bytes; a value is byte x scale;
/// - f16: under L2 `dim` values, and a row with a value that f16 does not reach is kept as f32 beside the records; else scale (f32) and
///   `dim` values; a value is what stands there x scale;
/// - f32: `dim` values.
///
/// `Refine::Auto` is a setting, and nothing is stored for it: whoever builds has chosen one of the others.
///
/// All little-endian. A record holds all that one candidate needs, so that it costs as few cache lines as there can be.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct RefineStore {
    kind: Refine,
    dim: usize,
    metric: Metric,
    length: usize,
    lines: Lines,
    /// Rows that half precision does not carry, by position, ascending. Their records are not numbers.
    wide: Vec<(u32, Vec<f32>)>,
}

/// The largest number of half precision.
const F16_MAX: f32 = 65_504.0;

/// A query in the forms that refining needs.
#[derive(Default, Debug)]
pub(crate) struct RefineQuery {
    int: IntQuery,
    row: Vec<f32>,
}

impl RefineStore {
    /// Room for `rows` records.
    pub(crate) fn new(kind: Refine, dim: usize, metric: Metric, rows: usize) -> Self {
        let length = rows * Self::stride(kind, dim, metric);
        Self { kind, dim, metric, length, lines: Lines::zeros(length.div_ceil(64)), wide: Vec::new() }
    }

    /// Bytes of a record.
    pub(crate) fn stride(kind: Refine, dim: usize, metric: Metric) -> usize {
        match kind {
            Refine::None | Refine::Auto => 0,
            Refine::Int8 => dim + if metric == Metric::L2 { 8 } else { 4 },
            Refine::F16 => 2 * dim + if metric == Metric::L2 { 0 } else { 4 },
            Refine::F32 => 4 * dim,
        }
    }

    pub(crate) fn kind(&self) -> Refine {
        self.kind
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn metric(&self) -> Metric {
        self.metric
    }

    /// The values of int8 records at some positions.
    pub(super) fn byte_rows(&self, positions: Range<usize>) -> ByteRows<'_> {
        let stride = Self::stride(self.kind, self.dim, self.metric);
        let first = positions.start * stride + stride - self.dim;
        ByteRows { bytes: self.lines.bytes().get(first..).unwrap_or_default(), stride, count: positions.len() }
    }

    /// What a unit of an int8 record stands for, and under L2 the sum of its squared integers.
    pub(super) fn byte_head(&self, position: usize) -> (f32, u32) {
        let record = self.record(position);
        (le_f32(record), record.get(4..).and_then(|rest| rest.first_chunk::<4>()).map_or(0, |b| u32::from_le_bytes(*b)))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.lines.bytes()[..self.length]
    }

    /// Takes stored records; the caller has checked their length. False when a scale is not finite.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        self.length = bytes.len();
        self.lines = Lines::from_bytes(bytes);
        let stride = Self::stride(self.kind, self.dim, self.metric);
        let scaled = self.kind == Refine::Int8 || (self.kind == Refine::F16 && self.metric != Metric::L2);
        !scaled || bytes.chunks_exact(stride).all(|record| le_f32(record).is_finite())
    }

    /// The rows that half precision does not carry, each as its position (u32) and `dim` values; empty where there are none.
    pub(crate) fn wide_bytes(&self) -> Vec<u8> {
        let one = |(position, row): &(u32, Vec<f32>)| {
            let mut bytes = position.to_le_bytes().to_vec();
            bytes.extend(row.iter().flat_map(|x| x.to_le_bytes()));
            bytes
        };
        self.wide.iter().flat_map(one).collect()
    }

    /// Takes what [`wide_bytes`](Self::wide_bytes) gave, of an index of so many rows; false when it is not that.
    pub(crate) fn take_wide(&mut self, bytes: &[u8], rows: usize) -> bool {
        for row in bytes.chunks(4 + 4 * self.dim) {
            let Some((position, values)) = row.split_first_chunk::<4>().filter(|_| row.len() == 4 + 4 * self.dim) else { return false };
            let position = u32::from_le_bytes(*position);
            let values: Vec<f32> = values.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            let ascends = self.wide.last().is_none_or(|(before, _)| *before < position);
            if self.kind != Refine::F16 || !ascends || position as usize >= rows || !values.iter().all(|x| x.is_finite()) {
                return false;
            }
            self.wide.push((position, values));
        }
        true
    }

    fn wide(&self, position: usize) -> Option<&[f32]> {
        let at = self.wide.binary_search_by_key(&position, |(position, _)| *position as usize).ok()?;
        self.wide.get(at).map(|(_, row)| row.as_slice())
    }

    /// Bytes in memory.
    pub(crate) fn memory(&self) -> usize {
        self.length + self.wide.len() * (4 * self.dim + size_of::<(u32, Vec<f32>)>())
    }

    fn record_mut(&mut self, position: usize) -> &mut [u8] {
        let stride = Self::stride(self.kind, self.dim, self.metric);
        &mut self.lines.bytes_mut()[position * stride..(position + 1) * stride]
    }

    /// Stores a row's vector; positions ascend.
    pub(crate) fn set(&mut self, position: usize, vector: &[f32]) {
        let (kind, dim, metric) = (self.kind, self.dim, self.metric);
        let record = self.record_mut(position);
        match kind {
            Refine::None | Refine::Auto => {}
            Refine::Int8 => {
                let (head, values) = record.split_at_mut(record.len() - dim);
                let scale = bytes_of(vector, values);
                let rounded = values.iter().map(|&v| f64::from(v as i8));
                let scale = if metric == Metric::L2 { scale } else { along(vector, rounded).unwrap_or(scale) };
                head[..4].copy_from_slice(&scale.to_le_bytes());
                if metric == Metric::L2 {
                    let squares = values.iter().map(|&x| i32::from(x as i8).pow(2).cast_unsigned()).fold(0u32, u32::saturating_add);
                    head[4..].copy_from_slice(&squares.to_le_bytes());
                }
            }
            Refine::F16 if metric == Metric::L2 && largest(vector) > F16_MAX => {
                record.as_chunks_mut::<2>().0.fill(f16::NAN.to_le_bytes());
                self.wide.push((position as u32, vector.to_vec()));
            }
            Refine::F16 => {
                let (head, values) = record.split_at_mut(record.len() - 2 * dim);
                let unit = if metric == Metric::L2 { 1.0 } else { power_of_two(vector) };
                let values = values.as_chunks_mut::<2>().0;
                for (bytes, &x) in values.iter_mut().zip(vector) {
                    *bytes = f16::from_f64(f64::from(x) / unit).to_le_bytes();
                }
                if let Some(head) = head.first_chunk_mut::<4>() {
                    let rounded = values.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f64());
                    *head = along(vector, rounded).unwrap_or(unit as f32).to_le_bytes();
                }
            }
            Refine::F32 => {
                for (bytes, x) in record.as_chunks_mut::<4>().0.iter_mut().zip(vector) {
                    *bytes = x.to_le_bytes();
                }
            }
        }
    }

    /// Copies a record from a store of the same kind.
    pub(crate) fn copy(&mut self, position: usize, from: &Self, other: usize) {
        self.record_mut(position).copy_from_slice(from.record(other));
        if let Some(row) = from.wide(other) {
            self.wide.push((position as u32, row.to_vec()));
        }
    }

    #[inline(always)]
    pub(crate) fn record(&self, position: usize) -> &[u8] {
        let stride = Self::stride(self.kind, self.dim, self.metric);
        &self.lines.bytes()[position * stride..(position + 1) * stride]
    }

    /// The scale and the bytes of a stored vector; `None` where it is of another kind.
    pub(crate) fn int8(&self, position: usize) -> Option<(f32, &[u8])> {
        let record = self.record(position);
        (self.kind == Refine::Int8).then(|| (le_f32(record), &record[record.len() - self.dim..]))
    }

    /// The records at some positions.
    pub(super) fn records(&self, positions: Range<usize>) -> &[u8] {
        let stride = Self::stride(self.kind, self.dim, self.metric);
        &self.lines.bytes()[positions.start * stride..positions.end * stride]
    }

    /// Writes the stored vector's values; false when nothing is stored.
    pub(crate) fn vector(&self, position: usize, out: &mut [f32]) -> bool {
        let record = self.record(position);
        match self.kind {
            Refine::None | Refine::Auto => return false,
            Refine::Int8 => {
                let scale = le_f32(record);
                let values = &record[record.len() - self.dim..];
                for (out, byte) in out.iter_mut().zip(values) {
                    *out = f32::from(*byte as i8) * scale;
                }
            }
            Refine::F16 if self.wide(position).is_some() => out.copy_from_slice(self.wide(position).unwrap_or_default()),
            Refine::F16 => {
                let (head, values) = record.split_at(record.len() - 2 * self.dim);
                let scale = head.first_chunk::<4>().map_or(1.0, |b| f32::from_le_bytes(*b));
                for (out, bytes) in out.iter_mut().zip(values.as_chunks::<2>().0) {
                    *out = f16::from_le_bytes(*bytes).to_f32() * scale;
                }
            }
            Refine::F32 => {
                for (out, bytes) in out.iter_mut().zip(record.as_chunks::<4>().0) {
                    *out = f32::from_le_bytes(*bytes);
                }
            }
        }
        true
    }

    /// The stored vector's score; not a number for a row that half precision does not carry.
    #[inline]
    pub(crate) fn score(&self, kernel: Kernel, query: &[f32], forms: &mut RefineQuery, position: usize) -> f32 {
        let record = self.record(position);
        match self.kind {
            Refine::None | Refine::Auto => f32::NEG_INFINITY,
            Refine::Int8 => {
                let scale = le_f32(record);
                let dot = kernel.dot_i8(&forms.int, &record[record.len() - self.dim..]);
                if self.metric != Metric::L2 {
                    return dot as f32 * (scale * forms.int.scale);
                }
                // The distance of what both were rounded to: no cancellation between unlike roundings.
                let squares = record[4..].first_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b));
                let (x, q) = (f64::from(scale), f64::from(forms.int.scale));
                let distance = q * q * forms.int.squares as f64 - 2.0 * q * x * f64::from(dot) + x * x * f64::from(squares);
                -(distance.max(0.0) as f32)
            }
            Refine::F16 => {
                if self.metric == Metric::L2 {
                    -kernel.l2_f16(query, record)
                } else {
                    kernel.dot_f16(query, &record[4..]) * le_f32(record)
                }
            }
            Refine::F32 => {
                for (value, bytes) in forms.row.iter_mut().zip(record.as_chunks::<4>().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
                float_score(kernel, self.metric, query, &forms.row)
            }
        }
    }
}

impl RefineStore {
    /// The standard deviation of what rounding the stored vector adds to its score; 0 where nothing is rounded.
    pub(crate) fn rounding(&self, query: &[f32], position: usize) -> f64 {
        /// Of uniform errors up to half a step.
        const HALF_A_STEP: f64 = 0.288_675;
        /// Of a half's relative error.
        const HALF_PRECISION: f64 = 1.9e-4;
        let mut row = vec![0.0; self.dim];
        if !self.vector(position, &mut row) {
            return 0.0;
        }
        let l2 = self.metric == Metric::L2;
        // Under L2 an error of the row counts with twice its difference from the query.
        let weight = |q: f32, x: f32| if l2 { 2.0 * (f64::from(q) - f64::from(x)) } else { f64::from(q) };
        let pairs = || query.iter().zip(&row).map(|(&q, &x)| (weight(q, x), f64::from(x)));
        match self.kind {
            Refine::Int8 => {
                pairs().map(|(weight, _)| weight * weight).sum::<f64>().sqrt() * f64::from(le_f32(self.record(position))) * HALF_A_STEP
            }
            Refine::F16 if self.wide(position).is_none() => {
                pairs().map(|(weight, x)| (weight * x).powi(2)).sum::<f64>().sqrt() * HALF_PRECISION
            }
            Refine::F16 | Refine::F32 | Refine::None | Refine::Auto => 0.0,
        }
    }

    /// The stored vector's score in f64, for scores that f32 or half precision have no digits for.
    #[cold]
    pub(crate) fn precise_score(&self, query: &[f32], position: usize) -> f64 {
        let mut row = vec![0.0; self.dim];
        self.vector(position, &mut row);
        precise_score(self.metric, query, &row)
    }
}

/// Rounds a vector to signed bytes; answers what a unit stands for.
pub(super) fn bytes_of(vector: &[f32], bytes: &mut [u8]) -> f32 {
    let most = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
    let scale = most / 127.0;
    let inverse = if scale > 0.0 { 127.0 / most } else { 0.0 };
    if inverse.is_finite() {
        for (byte, x) in bytes.iter_mut().zip(vector) {
            *byte = (round(x * inverse) as i8).cast_unsigned();
        }
    } else {
        let inverse = 127.0 / f64::from(most);
        for (byte, &x) in bytes.iter_mut().zip(vector) {
            *byte = ((f64::from(x) * inverse).round_ties_even() as i8).cast_unsigned();
        }
    }
    scale
}

/// The scale that gives the rounded values the vector's own length along the vector: the queries that matter point that way, so
/// it is there that rounding does harm. `None` when no such scale is a number.
fn along(vector: &[f32], rounded: impl Iterator<Item = f64>) -> Option<f32> {
    let squares: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let product: f64 = vector.iter().zip(rounded).map(|(&x, v)| f64::from(x) * v).sum();
    let scale = (squares / product) as f32;
    (product > 0.0 && scale.is_finite()).then_some(scale)
}

/// The largest power of two that the largest value reaches: in units of it all values are below 2, so that halves neither overflow nor,
/// but for those that are nothing beside the largest, lose digits. 1 for a vector of zeros.
fn power_of_two(vector: &[f32]) -> f64 {
    let most = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
    if most > 0.0 { f64::from_bits(f64::from(most).to_bits() & !((1 << 52) - 1)) } else { 1.0 }
}

/// The score of two vectors under a metric.
#[inline]
pub(crate) fn float_score(kernel: Kernel, metric: Metric, query: &[f32], row: &[f32]) -> f32 {
    if metric == Metric::L2 { -kernel.l2(query, row) } else { kernel.dot(query, row) }
}

impl RefineQuery {
    pub(crate) fn set(&mut self, query: &[f32], kind: Refine) {
        match kind {
            Refine::None | Refine::F16 | Refine::Auto => {}
            Refine::Int8 => self.int.set(query),
            Refine::F32 => {
                self.row.resize(query.len(), 0.0);
            }
        }
    }
}

fn le_f32(bytes: &[u8]) -> f32 {
    bytes.first_chunk::<4>().map_or(0.0, |b| f32::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantizer::testing::noise;

    /// Root of the mean squared error of scores, in lengths of the vectors (L2: their squares), for queries that lie `apart` of a length
    /// from the vectors.
    fn error(kind: Refine, metric: Metric, (dim, size, apart): (usize, f32, f32)) -> f64 {
        let mut store = RefineStore::new(kind, dim, metric, 1);
        let (vectors, away) = (noise(300, dim, 5), noise(300, dim, 6));
        let mut sum = 0.0;
        for (vector, away) in vectors.iter().zip(away.iter()) {
            let length = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            let to = size / length(vector) as f32;
            let vector: Vec<f32> = vector.iter().map(|x| x * to).collect();
            let query: Vec<f32> = vector.iter().zip(away).map(|(x, a)| x + a * apart * size / (dim as f32).sqrt()).collect();
            store.set(0, &vector);
            let mut forms = RefineQuery::default();
            forms.set(&query, kind);
            let score = f64::from(store.score(Kernel::detect(), &query, &mut forms, 0));
            let pairs = || query.iter().zip(&vector).map(|(&q, &x)| (f64::from(q), f64::from(x)));
            let truth: f64 =
                if metric == Metric::L2 { -pairs().map(|(q, x)| (q - x).powi(2)).sum::<f64>() } else { pairs().map(|(q, x)| q * x).sum() };
            sum += ((score - truth) / f64::from(size).powi(2)).powi(2);
        }
        (sum / 300.0).sqrt()
    }

    #[test]
    fn more_bytes_never_score_worse() {
        for metric in [Metric::InnerProduct, Metric::L2] {
            for dim in [1, 2, 3, 16, 64, 100, 384] {
                for apart in [0.0, 3e-4, 0.001, 0.01, 0.3, 1.0] {
                    let [int8, f16, f32] = [Refine::Int8, Refine::F16, Refine::F32].map(|kind| error(kind, metric, (dim, 1.0, apart)));
                    let what = format!("{metric} {dim} {apart}: int8 {int8:e}, f16 {f16:e}, f32 {f32:e}");
                    // What f32 itself rounds away.
                    let least = 1e-7;
                    assert!(f16 <= int8 + least && f32 <= f16 + least, "{what}");
                    // As a byte has 8 bits and a half 11, it is a fraction.
                    assert!(dim < 16 || f16 <= 0.25 * int8 + least, "{what}");
                }
            }
        }
    }

    #[test]
    fn halves_keep_vectors_of_any_size() {
        for size in [1e-15, 1e-6, 1e5, 1e15] {
            for apart in [0.001, 0.3] {
                let [one, sized] = [1.0, size].map(|size| error(Refine::F16, Metric::InnerProduct, (32, size, apart)));
                assert!(sized < 1.1 * one + 1e-7, "{size} {apart}: {sized:e}, of length 1 {one:e}");
            }
        }
        let mut store = RefineStore::new(Refine::F16, 2, Metric::InnerProduct, 1);
        store.set(0, &[0.0, 0.0]);
        let mut out = [1.0, 1.0];
        assert!(store.vector(0, &mut out) && out == [0.0, 0.0]);
    }
}
