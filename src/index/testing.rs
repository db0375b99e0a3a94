//! For tests: small random indexes, and what a search of them is by its definition.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::kernel::Kernel;
use crate::quantizer::{CENTROIDS, GROUPS, ProductQuantizer, Quantizer};
use crate::types::{Metric, Refine};
use crate::vector::Matrix;

/// A small generator, so that a failure repeats.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    pub(super) fn matrix(&mut self, dim: usize, rows: usize) -> Matrix {
        Matrix::from_vec(dim, (0..dim * rows).map(|_| self.float()).collect()).unwrap()
    }
}

/// Random centroids: the search must be right whatever they are.
pub(super) fn quantizer(rng: &mut Rng, dim: usize, m: usize, lists: usize, metric: Metric) -> Quantizer {
    let bounds: Vec<u32> = (0..=m).map(|j| (j * dim / m) as u32).collect();
    let codebook: Vec<f32> = (0..CENTROIDS * dim).map(|_| rng.float() * 0.5).collect();
    let mut groups = vec![0f32; GROUPS * dim];
    for part in bounds.windows(2) {
        let (from, width) = (part[0] as usize, (part[1] - part[0]) as usize);
        for g in 0..GROUPS {
            for c in 16 * g..16 * g + 16 {
                for d in 0..width {
                    groups[GROUPS * from + g * width + d] += codebook[CENTROIDS * from + c * width + d] / 16.0;
                }
            }
        }
    }
    Quantizer {
        metric,
        coarse: rng.matrix(dim, lists),
        pq: ProductQuantizer { bounds, codebook, groups },
        eta: 1.0,
        group_weight: 0,
        exponent: 0,
    }
}

pub(super) struct Case {
    pub(super) quantizer: Arc<Quantizer>,
    pub(super) index: IvfIndex,
    pub(super) selection: Selection,
    pub(super) order: Vec<u32>,
    pub(super) vectors: Matrix,
    pub(super) codes: Vec<u8>,
    pub(super) assignment: Vec<u32>,
}

pub(super) fn case(rng: &mut Rng, quantizer: &Arc<Quantizer>, rows: usize, refine: Refine) -> Case {
    let (dim, m, lists) = (quantizer.dim(), quantizer.pq.m(), quantizer.lists());
    let vectors = rng.matrix(dim, rows);
    // Some lists stay empty, some get most.
    let assignment: Vec<u32> = (0..rows).map(|_| ((rng.next() % lists as u64) * (rng.next() % 3) / 2) as u32 % lists as u32).collect();
    let codes: Vec<u8> = (0..rows * m).map(|_| rng.next() as u8).collect();
    let (index, order) = IvfIndex::build(quantizer, &vectors, &assignment, &codes, refine).unwrap();
    let selection = index.all();
    Case { quantizer: Arc::clone(quantizer), index, selection, order, vectors, codes, assignment }
}

/// Score of a code by its f32 entries, as the definition says it.
pub(super) fn code_score(case: &Case, query: &[f32], row: usize) -> f32 {
    let q = &case.quantizer;
    let factor = if q.metric == Metric::L2 { 2.0 } else { 1.0 };
    let code = &case.codes[row * q.pq.m()..];
    let mut sums = [0f32; 4];
    for (j, part) in q.pq.bounds.windows(2).enumerate() {
        let (from, width) = (part[0] as usize, (part[1] - part[0]) as usize);
        let centroid = &q.pq.codebook[CENTROIDS * from + code[j] as usize * width..][..width];
        let entry = centroid.iter().enumerate().fold(0f32, |sum, (d, x)| (factor * query[from + d]).mul_add(*x, sum));
        sums[j % 4] += entry;
    }
    let product = Kernel::by_name("scalar").unwrap().dot(query, q.coarse.row(case.assignment[row] as usize));
    let base = if q.metric == Metric::L2 {
        let mut decoded = vec![0f32; q.dim()];
        let position = case.order.iter().position(|&r| r as usize == row).unwrap();
        case.index.decode(q, position, &mut decoded);
        2.0 * product + -(decoded.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() as f32)
    } else {
        product
    };
    base + ((sums[0] + sums[1]) + (sums[2] + sums[3]))
}

/// All hits of a case by a score of the input row, best first.
pub(super) fn ranked(case: &Case, part: u32, score: impl Fn(usize) -> f32) -> Vec<Candidate> {
    case.order
        .iter()
        .enumerate()
        .map(|(position, &row)| Candidate { part, position: position as u32, score: f64::from(score(row as usize)) })
        .collect()
}

pub(super) fn sort(hits: &mut [Candidate]) {
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.part.cmp(&b.part)).then(a.position.cmp(&b.position)));
}

pub(super) fn run(engine: &SearchEngine, parts: &[Part<'_>], query: &[f32], params: &SearchParams<'_>) -> Vec<Candidate> {
    let mut scratch = Scratch::default();
    search(engine, parts, query, params, &mut scratch);
    scratch.hits().to_vec()
}

pub(super) fn bits(hits: &[Candidate]) -> Vec<(u32, u32, u64)> {
    hits.iter().map(|hit| (hit.part, hit.position, hit.score.to_bits())).collect()
}

pub(super) const SHAPES: [(usize, usize, usize); 9] =
    [(1, 1, 1), (2, 1, 3), (7, 3, 5), (8, 8, 1), (16, 4, 20), (33, 5, 7), (100, 50, 40), (64, 16, 33), (300, 256, 4)];
