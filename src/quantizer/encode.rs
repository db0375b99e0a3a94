//! Encoding and decoding.
//!
//! Score-aware encoding (Guo et al., "Accelerating large-scale inference with anisotropic vector quantization", 2020): an error along
//! the vector moves its inner product with the queries near it, an error across hardly does. So a code minimises
//! `|e|^2 + (eta - 1) <e, x>^2 / |x|^2` for the error e of vector x: from the nearest centroids, one sub-quantizer after another is
//! chosen again with the others fixed.
//!
//! Where candidates are scored again by refine vectors, codes only have to find them, and a scan finds them by the codes' groups (see
//! `groups`). Then a code minimises its own error plus `group_weight` times that of its group's centres, in the same terms.

use rayon::prelude::*;

use super::{CENTROIDS, GROUPS, ProductQuantizer, Quantizer};
use crate::kernel::train::{Aware, PartTable, choose_aware, choose_nearest};
use crate::vector::Matrix;

/// Vectors that are encoded together.
const BLOCK: usize = 128;
/// Times that score-aware encoding passes over the sub-quantizers; more changes next to nothing.
const SWEEPS: usize = 2;

impl Quantizer {
    /// The codes of `vectors`, `m` bytes each, given the list of each. Neither the split into calls nor the number of threads matters.
    pub(crate) fn encode(&self, vectors: &Matrix, lists: &[u32]) -> Vec<u8> {
        let (dim, m) = (self.dim(), self.pq.m());
        let mut codes = vec![0u8; lists.len() * m];
        if vectors.dim() != dim || vectors.rows() != lists.len() {
            debug_assert!(vectors.is_empty() && lists.is_empty());
            return codes;
        }
        let encoder = Encoder::new(self);
        let blocks = codes.par_chunks_mut(BLOCK * m).zip(vectors.as_slice().par_chunks(BLOCK * dim)).zip(lists.par_chunks(BLOCK));
        blocks.for_each_init(Scratch::default, |scratch, ((codes, vectors), lists)| {
            scratch.residuals.clear();
            for (vector, &list) in vectors.chunks_exact(dim).zip(lists) {
                scratch.residuals.extend(vector.iter().zip(self.coarse.row(list as usize)).map(|(x, c)| x - c));
            }
            encoder.encode(vectors, scratch, codes);
        });
        codes
    }

    /// The vector that a code of `m` bytes in `list` stands for.
    pub(crate) fn decode(&self, list: u32, code: &[u8], out: &mut [f32]) {
        let centroid = self.coarse.row(list as usize);
        for (part, &code) in code.iter().enumerate() {
            let (from, width) = self.pq.part(part);
            for (d, x) in self.pq.centroid(part, code).iter().enumerate().take(width) {
                out[from + d] = centroid[from + d] + x;
            }
        }
    }

    /// The squared error of the codes as a share of the vectors' squared lengths (0 for no vectors): a measure of drift.
    pub(crate) fn error(&self, vectors: &Matrix, lists: &[u32], codes: &[u8]) -> f64 {
        let m = self.pq.m();
        let mut decoded = vec![0.0; self.dim()];
        let (mut error, mut square) = (0.0, 0.0);
        for ((vector, &list), code) in vectors.iter().zip(lists).zip(codes.chunks_exact(m)) {
            self.decode(list, code, &mut decoded);
            for (&x, &y) in vector.iter().zip(&decoded) {
                error += (f64::from(x) - f64::from(y)).powi(2);
                square += f64::from(x).powi(2);
            }
        }
        if square > 0.0 { error / square } else { 0.0 }
    }
}

struct Encoder<'a> {
    pq: &'a ProductQuantizer,
    tables: Vec<PartTable>,
    eta: f32,
}

/// Buffers of one block of vectors.
#[derive(Default)]
struct Scratch {
    residuals: Vec<f32>,
    directions: Vec<f32>,
    /// Errors along the directions: of the codes, of their groups.
    along: Vec<[f32; 2]>,
    part: Vec<f32>,
    part_directions: Vec<f32>,
    chosen: Vec<u8>,
}

impl<'a> Encoder<'a> {
    fn new(quantizer: &'a Quantizer) -> Self {
        let (pq, weight) = (&quantizer.pq, f32::from(quantizer.group_weight));
        let table = |part| PartTable::with_groups(pq.part(part).1, pq.centroids(part), pq.centres(part), weight);
        Self { pq, tables: (0..pq.m()).map(table).collect(), eta: quantizer.eta }
    }

    /// `scratch.residuals` holds the vectors' residuals.
    fn encode(&self, vectors: &[f32], scratch: &mut Scratch, codes: &mut [u8]) {
        let m = self.pq.m();
        let rows = codes.len() / m;
        let dim = vectors.len() / rows;
        scratch.chosen.resize(rows, 0);
        for (part, table) in self.tables.iter().enumerate() {
            gather(&scratch.residuals, dim, self.pq.part(part), &mut scratch.part);
            choose_nearest(table, &scratch.part, &mut scratch.chosen);
            for (code, &chosen) in codes.chunks_exact_mut(m).zip(&scratch.chosen) {
                code[part] = chosen;
            }
        }
        if self.eta > 1.0 {
            self.refine(vectors, dim, scratch, codes);
        }
    }

    fn refine(&self, vectors: &[f32], dim: usize, scratch: &mut Scratch, codes: &mut [u8]) {
        let m = self.pq.m();
        scratch.directions.clear();
        scratch.along.clear();
        for ((vector, residual), code) in vectors.chunks_exact(dim).zip(scratch.residuals.chunks_exact(dim)).zip(codes.chunks_exact(m)) {
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            let scale = if length > 0.0 && length.is_finite() { 1.0 / length } else { 0.0 };
            let start = scratch.directions.len();
            scratch.directions.extend(vector.iter().map(|x| x * scale));
            let direction = &scratch.directions[start..];
            let mut along = [residual.iter().zip(direction).map(|(r, x)| r * x).sum::<f32>(); 2];
            for (part, &code) in code.iter().enumerate() {
                for (along, share) in along.iter_mut().zip(self.shares(part, code, direction)) {
                    *along -= share;
                }
            }
            scratch.along.push(along);
        }
        for _ in 0..SWEEPS {
            for (part, table) in self.tables.iter().enumerate() {
                gather(&scratch.residuals, dim, self.pq.part(part), &mut scratch.part);
                gather(&scratch.directions, dim, self.pq.part(part), &mut scratch.part_directions);
                let rows = scratch.directions.chunks_exact(dim).zip(codes.chunks_exact(m));
                for ((direction, code), along) in rows.zip(&mut scratch.along) {
                    for (along, share) in along.iter_mut().zip(self.shares(part, code[part], direction)) {
                        *along += share;
                    }
                }
                let step = Aware { residuals: &scratch.part, directions: &scratch.part_directions, weight: 0.5 * (self.eta - 1.0) };
                choose_aware(table, &step, &mut scratch.along, &mut scratch.chosen);
                for (code, &chosen) in codes.chunks_exact_mut(m).zip(&scratch.chosen) {
                    code[part] = chosen;
                }
            }
        }
    }

    /// What one part's centroid adds along a direction, and what its group's centre does.
    fn shares(&self, part: usize, code: u8, direction: &[f32]) -> [f32; 2] {
        let (from, width) = self.pq.part(part);
        let group = usize::from(code) / (CENTROIDS / GROUPS);
        [self.pq.centroid(part, code), &self.pq.centres(part)[group * width..(group + 1) * width]]
            .map(|values| values.iter().zip(&direction[from..]).map(|(c, x)| c * x).sum())
    }
}

/// Copies one part of every row together.
fn gather(rows: &[f32], dim: usize, (from, width): (usize, usize), out: &mut Vec<f32>) {
    out.clear();
    for row in rows.chunks_exact(dim) {
        out.extend_from_slice(&row[from..from + width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::NoProgress;
    use crate::quantizer::TrainParams;
    use crate::quantizer::nearest::dot;
    use crate::quantizer::testing::{clustered, unit_length};
    use crate::types::Metric;

    fn trained(vectors: &Matrix, metric: Metric, m: usize, eta: f32) -> Quantizer {
        let params = TrainParams { lists: Some(8), m: Some(m), eta: Some(eta), ..TrainParams::new(metric) };
        Quantizer::train(vectors, &params, &NoProgress).unwrap()
    }

    #[test]
    fn decoding_comes_near_and_splitting_changes_nothing() {
        for (dim, m) in [(1, 1), (7, 3), (16, 8), (20, 5)] {
            let vectors = clustered(1000, dim, 10, 1);
            for (eta, group_weight) in [(1.0, 0), (4.0, 0), (1.0, 2), (4.0, 2)] {
                let params =
                    TrainParams { lists: Some(8), m: Some(m), eta: Some(eta), group_weight, ..TrainParams::new(Metric::InnerProduct) };
                let quantizer = Quantizer::train(&vectors, &params, &NoProgress).unwrap();
                let lists = quantizer.assign(&vectors);
                let codes = quantizer.encode(&vectors, &lists);
                assert_eq!(codes.len(), 1000 * m);
                let error = quantizer.error(&vectors, &lists, &codes);
                assert!(error < 0.05, "dim {dim} m {m} eta {eta}: {error}");
                for at in [0usize, 1, 127, 128, 999] {
                    let one = Matrix::from_vec(dim, vectors.row(at).to_vec()).unwrap();
                    assert_eq!(quantizer.encode(&one, &lists[at..=at]), codes[at * m..(at + 1) * m]);
                }
            }
        }
    }

    #[test]
    fn score_aware_codes_lose_less_along_the_vector() {
        let vectors = unit_length(clustered(2000, 24, 10, 2));
        let along = |eta: f32| {
            let quantizer = trained(&vectors, Metric::Cosine, 6, eta);
            let lists = quantizer.assign(&vectors);
            let codes = quantizer.encode(&vectors, &lists);
            let mut decoded = vec![0.0; 24];
            vectors
                .iter()
                .zip(&lists)
                .zip(codes.chunks_exact(6))
                .map(|((vector, &list), code)| {
                    quantizer.decode(list, code, &mut decoded);
                    (1.0 - dot(vector, &decoded)).powi(2)
                })
                .sum::<f64>()
        };
        assert!(along(4.0) < 0.7 * along(1.0), "{} of {}", along(4.0), along(1.0));
    }

    /// What encoding makes small: the errors of codes and of their groups, those along the vectors weighted.
    fn losses(quantizer: &Quantizer, vectors: &Matrix) -> [f64; 2] {
        let lists = quantizer.assign(vectors);
        let codes = quantizer.encode(vectors, &lists);
        let mut losses = [0.0; 2];
        for ((vector, &list), code) in vectors.iter().zip(&lists).zip(codes.chunks_exact(quantizer.pq.m())) {
            let length: f64 = vector.iter().map(|&x| f64::from(x).powi(2)).sum();
            let (mut squares, mut along) = ([0.0; 2], [0.0; 2]);
            for (part, &code) in code.iter().enumerate() {
                let (from, width) = quantizer.pq.part(part);
                let centre = &quantizer.pq.centres(part)[usize::from(code / 16) * width..];
                for d in 0..width {
                    let residual = vector[from + d] - quantizer.coarse.row(list as usize)[from + d];
                    for (at, near) in [quantizer.pq.centroid(part, code)[d], centre[d]].into_iter().enumerate() {
                        let error = f64::from(residual - near);
                        squares[at] += error * error;
                        along[at] += error * f64::from(vector[from + d]);
                    }
                }
            }
            for at in 0..2 {
                losses[at] += squares[at] + f64::from(quantizer.eta - 1.0) * along[at].powi(2) / length;
            }
        }
        losses
    }

    #[test]
    fn groups_come_nearer_where_they_weigh() {
        let vectors = clustered(4000, 24, 10, 2);
        for (metric, eta) in [(Metric::L2, 1.0), (Metric::InnerProduct, 4.0)] {
            let [codes, groups] = [0, 2].map(|group_weight| {
                let params = TrainParams { lists: Some(8), m: Some(6), eta: Some(eta), group_weight, ..TrainParams::new(metric) };
                losses(&Quantizer::train(&vectors, &params, &NoProgress).unwrap(), &vectors)
            });
            assert!(groups[1] < 0.95 * codes[1], "{metric:?}: {groups:?} beside {codes:?}");
            assert!(groups[0] < 1.6 * codes[0], "{metric:?}: {groups:?} beside {codes:?}");
        }
    }

    #[test]
    fn nothing_to_encode_is_fine() {
        let vectors = clustered(300, 6, 4, 3);
        let quantizer = trained(&vectors, Metric::L2, 3, 1.0);
        assert!(quantizer.encode(&Matrix::new(6), &[]).is_empty());
        assert_eq!(quantizer.error(&Matrix::new(6), &[], &[]), 0.0);
        let zeros = Matrix::zeros(6, 3);
        assert_eq!(quantizer.encode(&zeros, &quantizer.assign(&zeros)).len(), 9);
    }
}
