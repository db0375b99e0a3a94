//! The vectors kept beside the codes, from which candidates are scored again.

use half::f16;

use crate::kernel::{IntQuery, Kernel, Lines};
use crate::types::{Metric, Refine};

use super::flat::precise_score;
use crate::quantizer::scale::largest;

/// A record a row, in scan order, without gaps:
/// - int8: scale (f32); for L2 the sum of the squared integers (u32); `dim` signed bytes; a value is byte x scale;
/// - f16, f32: `dim` values; a row with a value that f16 does not reach is kept as f32 beside the records.
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
            Refine::None => 0,
            Refine::Int8 => dim + if metric == Metric::L2 { 8 } else { 4 },
            Refine::F16 => 2 * dim,
            Refine::F32 => 4 * dim,
        }
    }

    pub(crate) fn kind(&self) -> Refine {
        self.kind
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.lines.bytes()[..self.length]
    }

    /// Takes stored records; the caller has checked their length. False when an int8 scale is not finite.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        self.length = bytes.len();
        self.lines = Lines::from_bytes(bytes);
        let stride = Self::stride(self.kind, self.dim, self.metric);
        self.kind != Refine::Int8 || bytes.chunks_exact(stride).all(|record| le_f32(record).is_finite())
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
            Refine::None => {}
            Refine::Int8 => {
                let (head, values) = record.split_at_mut(record.len() - dim);
                let most = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
                let scale = most / 127.0;
                let inverse = if scale > 0.0 { 127.0 / most } else { 0.0 };
                if inverse.is_finite() {
                    for (byte, x) in values.iter_mut().zip(vector) {
                        *byte = ((x * inverse).round_ties_even() as i8).cast_unsigned();
                    }
                } else {
                    let inverse = 127.0 / f64::from(most);
                    for (byte, &x) in values.iter_mut().zip(vector) {
                        *byte = ((f64::from(x) * inverse).round_ties_even() as i8).cast_unsigned();
                    }
                }
                let scale = if metric == Metric::L2 { scale } else { along(vector, values).unwrap_or(scale) };
                head[..4].copy_from_slice(&scale.to_le_bytes());
                if metric == Metric::L2 {
                    let squares = values.iter().map(|&x| i32::from(x as i8).pow(2).cast_unsigned()).fold(0u32, u32::saturating_add);
                    head[4..].copy_from_slice(&squares.to_le_bytes());
                }
            }
            Refine::F16 if largest(vector) > F16_MAX => {
                record.as_chunks_mut::<2>().0.fill(f16::NAN.to_le_bytes());
                self.wide.push((position as u32, vector.to_vec()));
            }
            Refine::F16 => {
                for (bytes, &x) in record.as_chunks_mut::<2>().0.iter_mut().zip(vector) {
                    *bytes = f16::from_f32(x).to_le_bytes();
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

    /// Writes the stored vector's values; false when nothing is stored.
    pub(crate) fn vector(&self, position: usize, out: &mut [f32]) -> bool {
        let record = self.record(position);
        match self.kind {
            Refine::None => return false,
            Refine::Int8 => {
                let scale = le_f32(record);
                let values = &record[record.len() - self.dim..];
                for (out, byte) in out.iter_mut().zip(values) {
                    *out = f32::from(*byte as i8) * scale;
                }
            }
            Refine::F16 if self.wide(position).is_some() => out.copy_from_slice(self.wide(position).unwrap_or_default()),
            Refine::F16 => {
                for (out, bytes) in out.iter_mut().zip(record.as_chunks::<2>().0) {
                    *out = f16::from_le_bytes(*bytes).to_f32();
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
            Refine::None => f32::NEG_INFINITY,
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
                    kernel.dot_f16(query, record)
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
    /// The stored vector's score in f64, for scores that f32 or half precision have no digits for.
    #[cold]
    pub(crate) fn precise_score(&self, query: &[f32], position: usize) -> f64 {
        let mut row = vec![0.0; self.dim];
        self.vector(position, &mut row);
        precise_score(self.metric, query, &row)
    }
}

/// The scale that gives the rounded values the vector's own length along the vector: the queries that matter point that way, so
/// it is there that rounding does harm. `None` when no such scale is a number.
fn along(vector: &[f32], values: &[u8]) -> Option<f32> {
    let squares: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let product: f64 = vector.iter().zip(values).map(|(&x, &v)| f64::from(x) * f64::from(v as i8)).sum();
    let scale = (squares / product) as f32;
    (product > 0.0 && scale.is_finite()).then_some(scale)
}

/// The score of two vectors under a metric.
#[inline]
pub(crate) fn float_score(kernel: Kernel, metric: Metric, query: &[f32], row: &[f32]) -> f32 {
    if metric == Metric::L2 { -kernel.l2(query, row) } else { kernel.dot(query, row) }
}

impl RefineQuery {
    pub(crate) fn set(&mut self, query: &[f32], kind: Refine) {
        match kind {
            Refine::None | Refine::F16 => {}
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
