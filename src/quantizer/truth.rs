//! The exact nearest rows of sampled queries, gathered from vectors that pass by once.

use rayon::prelude::*;

use super::nearest::dot;
use super::rng::Rng;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::progress::{Progress, Stage};
use crate::types::Metric;
use crate::vector::Matrix;

/// Nearest rows kept of each query.
pub(crate) const DEPTH: usize = 100;
/// Queries, and rows, that are compared together.
const BLOCK_QUERIES: usize = 256;
const BLOCK_ROWS: usize = 1024;
/// Queries of which rows further down are kept, at most and at least.
const DEEP_QUERIES: usize = 256;
const FEWEST_DEEP: usize = 64;
/// Multiplications that finding the truth may take; bounds the number of queries.
const BUDGET: f64 = 1e11;
const MIN_QUERIES: usize = 512;
const MAX_QUERIES: usize = 4096;

/// Queries to calibrate with.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Queries {
    pub(crate) vectors: Matrix,
    /// The row that each query was taken from, which does not count as found; empty for queries from outside.
    pub(crate) own: Vec<u32>,
}

impl Queries {
    /// Places to take queries from among `sampled` vectors when no real ones are at hand, ascending: 512 to 4096, by the number and
    /// width of the vectors of the collection.
    pub(crate) fn sample(sampled: usize, rows: usize, dim: usize, seed: u64) -> Vec<u32> {
        let affordable = BUDGET / (rows.max(1) as f64 * dim.max(1) as f64);
        let count = (affordable as usize).clamp(MIN_QUERIES, MAX_QUERIES);
        let mut sample = Rng::new(seed, 3).sample(sampled, count);
        sample.sort_unstable();
        sample
    }
}

/// A row and its score for a query.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Near {
    pub(crate) score: f32,
    pub(crate) row: u32,
}

/// Collects the [`DEPTH`] best rows of every query. Rows are numbered as they are added.
pub(crate) struct Truth<'a> {
    queries: &'a Queries,
    metric: Metric,
    rows: u32,
    best: Vec<Vec<Near>>,
    /// Of some queries the nearest rows down to this depth.
    deep: Vec<Option<Deep>>,
    depth: usize,
}

/// The nearest rows of a query far down, and twice as many at most.
#[derive(Clone, Debug)]
struct Deep {
    near: Vec<Near>,
    /// No row that scores less is among them.
    bound: f32,
}

impl<'a> Truth<'a> {
    pub(crate) fn new(queries: &'a Queries, metric: Metric) -> Self {
        let none = queries.vectors.rows();
        Self { queries, metric, rows: 0, best: vec![Vec::new(); none], deep: vec![None; none], depth: 0 }
    }

    /// How far down rows can be kept in so many bytes.
    pub(crate) fn depth_within(bytes: usize) -> usize {
        bytes / (FEWEST_DEEP * Deep::bytes(1))
    }

    /// Collects besides the `depth` best rows of as many queries as so many bytes are enough for, some [`DEEP_QUERIES`] at most.
    pub(crate) fn deep(mut self, depth: usize, bytes: usize) -> Self {
        self.depth = depth;
        let queries = (bytes / Deep::bytes(depth).max(1)).clamp(FEWEST_DEEP, DEEP_QUERIES);
        let step = self.deep.len().div_ceil(queries).max(1);
        for deep in self.deep.iter_mut().step_by(step).filter(|_| depth > 0) {
            *deep = Some(Deep { near: Vec::with_capacity(2 * depth), bound: f32::NEG_INFINITY });
        }
        self
    }

    /// Compares the next rows with every query.
    pub(crate) fn add(&mut self, vectors: &Matrix, progress: &dyn Progress) -> Result<()> {
        let dim = self.queries.vectors.dim();
        if self.queries.vectors.is_empty() || vectors.is_empty() {
            return Ok(());
        }
        let half: Vec<f32> = match self.metric {
            Metric::L2 => vectors.iter().map(|v| (0.5 * dot(v, v)) as f32).collect(),
            Metric::InnerProduct | Metric::Cosine => vec![0.0; vectors.rows()],
        };
        let (first, kernel) = (self.rows, Kernel::detect());
        let own = |query: usize| self.queries.own.get(query).copied();
        let queries = self.queries.vectors.as_slice().par_chunks(BLOCK_QUERIES * dim);
        let (best, deep, depth) = (self.best.par_chunks_mut(BLOCK_QUERIES), self.deep.par_chunks_mut(BLOCK_QUERIES), self.depth);
        queries.zip(best.zip(deep)).enumerate().for_each_init(Vec::new, |scores, (block, (queries, (best, deep)))| {
            for (number, rows) in vectors.as_slice().chunks(BLOCK_ROWS * dim).enumerate() {
                if progress.cancelled() {
                    return;
                }
                let at = number * BLOCK_ROWS;
                let count = rows.len() / dim;
                scores.resize(best.len() * count, 0.0);
                kernel.products(queries, rows, dim, scores);
                for (query, (scores, (best, deep))) in scores.chunks_exact(count).zip(best.iter_mut().zip(&mut *deep)).enumerate() {
                    let own = own(block * BLOCK_QUERIES + query);
                    take(best, scores, &half[at..], first + at as u32, own);
                    if let Some(deep) = deep {
                        deep.take(depth, scores, &half[at..], first + at as u32, own);
                    }
                }
            }
        });
        if progress.cancelled() {
            return Err(Error::Interrupted);
        }
        self.rows += vectors.rows() as u32;
        progress.update(Stage::Calibrate, u64::from(self.rows), None);
        Ok(())
    }

    /// What [`finish`](Self::finish) would give now.
    pub(crate) fn best(&self) -> &[Vec<Near>] {
        &self.best
    }

    /// The queries of which rows further down are kept, with these; see [`finish`](Self::finish).
    pub(crate) fn finish_deep(&mut self) -> Vec<(usize, Vec<Near>)> {
        let depth = self.depth;
        let finish = |(query, deep): (usize, Option<Deep>)| {
            let mut deep = deep?;
            deep.cut(depth);
            deep.near.sort_unstable_by(nearer);
            Some((query, deep.near))
        };
        std::mem::take(&mut self.deep).into_par_iter().enumerate().filter_map(finish).collect()
    }

    /// For each query its nearest rows, best first; of equal scores the lower row first.
    pub(crate) fn finish(self) -> Vec<Vec<Near>> {
        let mut best = self.best;
        best.par_iter_mut().for_each(cut);
        best
    }
}

/// Adds the scores that may be among the best. The list grows to twice its depth before it is cut.
fn take(best: &mut Vec<Near>, scores: &[f32], half: &[f32], first: u32, own: Option<u32>) {
    let mut bound = if best.len() >= DEPTH { worst(best) } else { f32::NEG_INFINITY };
    for (at, (&product, &half)) in scores.iter().zip(half).enumerate() {
        let score = product - half;
        let row = first + at as u32;
        if score > bound && own != Some(row) {
            best.push(Near { score, row });
            if best.len() == 2 * DEPTH {
                cut(best);
                bound = worst(best);
            }
        }
    }
    cut(best);
}

impl Deep {
    /// What they take at most.
    fn bytes(depth: usize) -> usize {
        2 * depth * size_of::<Near>()
    }

    /// Adds the scores that may be among the best `depth`.
    fn take(&mut self, depth: usize, scores: &[f32], half: &[f32], first: u32, own: Option<u32>) {
        for (at, (&product, &half)) in scores.iter().zip(half).enumerate() {
            let near = Near { score: product - half, row: first + at as u32 };
            if near.score >= self.bound && own != Some(near.row) {
                self.near.push(near);
                if self.near.len() >= 2 * depth {
                    self.cut(depth);
                }
            }
        }
    }

    fn cut(&mut self, depth: usize) {
        if let Some(last) = depth.checked_sub(1).filter(|last| *last < self.near.len()) {
            self.bound = self.near.select_nth_unstable_by(last, nearer).1.score;
            self.near.truncate(depth);
        }
    }
}

/// The order of near rows.
fn nearer(a: &Near, b: &Near) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then(a.row.cmp(&b.row))
}

fn worst(best: &[Near]) -> f32 {
    best.iter().fold(f32::INFINITY, |worst, near| worst.min(near.score))
}

fn cut(best: &mut Vec<Near>) {
    best.sort_by(nearer);
    best.truncate(DEPTH);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::NoProgress;
    use crate::quantizer::testing::noise;

    #[test]
    fn finds_the_nearest_without_the_query_itself() {
        let vectors = noise(1500, 6, 1);
        for metric in [Metric::InnerProduct, Metric::L2] {
            let own: Vec<u32> = (0..300).map(|q| q * 5).collect();
            let mut chosen = Matrix::new(6);
            own.iter().for_each(|&row| chosen.push(vectors.row(row as usize)));
            let queries = Queries { vectors: chosen, own: own.clone() };
            let mut truth = Truth::new(&queries, metric).deep(700, usize::MAX);
            let (mut head, mut tail) = (Matrix::new(6), Matrix::new(6));
            vectors.iter().take(700).for_each(|v| head.push(v));
            vectors.iter().skip(700).for_each(|v| tail.push(v));
            truth.add(&head, &NoProgress).unwrap();
            truth.add(&tail, &NoProgress).unwrap();
            let deep = truth.finish_deep();
            let found = truth.finish();
            assert_eq!(deep.iter().map(|(query, _)| *query).collect::<Vec<_>>(), (0..300).step_by(2).collect::<Vec<_>>());
            let all = found.iter().map(|near| (DEPTH, near)).enumerate();
            for (query, (depth, near)) in all.chain(deep.iter().map(|(query, near)| (*query, (700, near)))) {
                assert_eq!(near.len(), depth);
                let q = queries.vectors.row(query);
                let score = |row: usize| {
                    let v = vectors.row(row);
                    dot(q, v) - if metric == Metric::L2 { 0.5 * dot(v, v) } else { 0.0 }
                };
                let mut all: Vec<(f64, usize)> = (0..1500).filter(|&row| row != own[query] as usize).map(|row| (score(row), row)).collect();
                all.sort_by(|a, b| b.0.total_cmp(&a.0));
                for (near, best) in near.iter().zip(&all) {
                    assert!((f64::from(near.score) - best.0).abs() < 1e-4 && near.row != own[query]);
                }
            }
        }
    }

    #[test]
    fn little_memory_keeps_rows_of_fewer_queries() {
        let queries = Queries { vectors: noise(2000, 4, 1), own: Vec::new() };
        let kept = |depth, bytes| Truth::new(&queries, Metric::InnerProduct).deep(depth, bytes).finish_deep().len();
        assert_eq!(kept(0, usize::MAX), 0);
        assert!((200..=256).contains(&kept(1000, usize::MAX)) && (55..=64).contains(&kept(1000, 0)));
        for bytes in [1 << 20, 2 << 20, 3 << 20] {
            let depth = Truth::depth_within(bytes);
            assert!(kept(depth, bytes) * Deep::bytes(depth) <= bytes && depth > 900, "{bytes}: {depth}");
        }
    }

    #[test]
    fn fewer_rows_than_asked_for_are_all_kept() {
        let queries = Queries { vectors: noise(3, 4, 1), own: Vec::new() };
        let mut truth = Truth::new(&queries, Metric::InnerProduct);
        truth.add(&noise(7, 4, 2), &NoProgress).unwrap();
        assert!(truth.finish().iter().all(|near| near.len() == 7));
        assert_eq!(Queries::sample(100, 100, 8, 1).len(), 100);
        assert_eq!(Queries::sample(1_000_000, 1_000_000, 768, 1).len(), 512);
    }
}
