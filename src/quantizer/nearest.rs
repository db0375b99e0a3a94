//! The nearest centroid of each of many vectors, by blocked products.

use rayon::prelude::*;

use crate::kernel::Kernel;
use crate::kernel::train::product_error;
use crate::vector::Matrix;

/// Vectors that are worked on together, and centroids: their products (2 MB) stay near the core.
const BLOCK_ROWS: usize = 512;
const BLOCK_CENTROIDS: usize = 1024;

/// Centroids prepared for [`nearest`].
pub(crate) struct Nearest<'a> {
    centroids: &'a Matrix,
    half: Vec<f32>,
    /// Of the others than `far`.
    longest: f32,
    /// Centroids far longer than usual, with their lengths, ascending. What rounding may hide in products with them would hide the nearest of all
    /// others: they are compared by themselves.
    far: Vec<(u32, f64)>,
}

/// A centroid this many times as long as half of them is compared by itself.
const FAR: f64 = 32.0;

/// Which vectors to look up: all, or those named.
#[derive(Clone, Copy)]
pub(crate) enum Rows<'a> {
    All(&'a Matrix),
    Some(&'a Matrix, &'a [u32]),
}

impl Rows<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::All(matrix) => matrix.rows(),
            Self::Some(_, rows) => rows.len(),
        }
    }

    pub(crate) fn row(&self, at: usize) -> &[f32] {
        match self {
            Self::All(matrix) => matrix.row(at),
            Self::Some(matrix, rows) => matrix.row(rows[at] as usize),
        }
    }
}

impl<'a> Nearest<'a> {
    pub(crate) fn new(centroids: &'a Matrix) -> Self {
        let squares: Vec<f64> = centroids.iter().map(|c| dot(c, c)).collect();
        let mut half: Vec<f32> = squares.iter().map(|s| (0.5 * s) as f32).collect();
        let mut sorted = squares.clone();
        sorted.sort_by(f64::total_cmp);
        let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        let limit = if usual > 0.0 { FAR * FAR * usual } else { f64::INFINITY };
        let far: Vec<(u32, f64)> = (0..).zip(&squares).filter(|(_, s)| **s > limit).map(|(list, s)| (list, s.sqrt())).collect();
        far.iter().for_each(|&(list, _)| half[list as usize] = f32::INFINITY);
        let longest = squares.iter().filter(|s| **s <= limit).fold(0.0, |a: f64, &b| a.max(b)).sqrt() as f32;
        Self { centroids, half, longest, far }
    }

    /// The nearest centroid of each vector by squared distance, the lowest number where they tie.
    ///
    /// Blocked f32 products find every centroid that rounding could hide the nearest among; f64 in a fixed order decides. So the answer
    /// depends neither on the CPU nor on how the vectors are split into calls or over threads.
    pub(crate) fn of(&self, rows: Rows<'_>) -> Vec<u32> {
        let mut nearest = vec![0u32; rows.len()];
        if rows.len() <= BLOCK_ROWS {
            // One block is no work for threads, which may be long busy with other work.
            self.block(rows, 0, &mut Scratch::default(), &mut nearest);
            return nearest;
        }
        nearest.par_chunks_mut(BLOCK_ROWS).enumerate().for_each_init(Scratch::default, |scratch, (block, out)| {
            self.block(rows, block * BLOCK_ROWS, scratch, out);
        });
        nearest
    }

    fn block(&self, rows: Rows<'_>, first: usize, scratch: &mut Scratch, out: &mut [u32]) {
        let (dim, kernel) = (self.centroids.dim(), Kernel::detect());
        scratch.vectors.clear();
        for at in first..first + out.len() {
            scratch.vectors.extend_from_slice(rows.row(at));
        }
        scratch.best.clear();
        scratch.best.extend(scratch.vectors.chunks_exact(dim).map(|vector| Best::new(self.slack(vector))));
        let blocks = self.centroids.as_slice().chunks(BLOCK_CENTROIDS * dim).zip(self.half.chunks(BLOCK_CENTROIDS));
        for (number, (centroids, half)) in blocks.enumerate() {
            scratch.products.resize(out.len() * half.len(), 0.0);
            kernel.products(&scratch.vectors, centroids, dim, &mut scratch.products);
            for (products, best) in scratch.products.chunks_exact_mut(half.len()).zip(&mut scratch.best) {
                best.take(products, half, (number * BLOCK_CENTROIDS) as u32);
            }
        }
        for ((best, vector), out) in scratch.best.iter().zip(scratch.vectors.chunks_exact(dim)).zip(out) {
            *out = self.decide(best, vector);
            if !self.far.is_empty() {
                *out = self.with_far(*out, vector);
            }
        }
    }

    fn with_far(&self, nearest: u32, vector: &[f32]) -> u32 {
        let length = dot(vector, vector).sqrt();
        let mut best = (f64::NEG_INFINITY, nearest);
        for &(list, far) in &self.far {
            // It is at least far - length away, and the nearest of the others at most length + longest.
            if far <= 2.0 * length + f64::from(self.longest) {
                if best.0 == f64::NEG_INFINITY {
                    best.0 = self.exact(nearest, vector);
                }
                let score = self.exact(list, vector);
                if score > best.0 || (score == best.0 && list < best.1) {
                    best = (score, list);
                }
            }
        }
        best.1
    }

    fn exact(&self, list: u32, vector: &[f32]) -> f64 {
        let centroid = self.centroids.row(list as usize);
        dot(vector, centroid) - 0.5 * dot(centroid, centroid)
    }

    /// How much nearer than it seems a centroid may be, compared with another.
    fn slack(&self, vector: &[f32]) -> f32 {
        let length = dot(vector, vector).sqrt() as f32;
        2.0 * product_error(vector.len()) * self.longest * (length + self.longest)
    }

    fn decide(&self, best: &Best, vector: &[f32]) -> u32 {
        let candidates = best.candidates.iter().filter(|candidate| candidate.score >= best.score - best.slack);
        if best.candidates.len() == 1 {
            return best.candidates[0].list;
        }
        let mut nearest = (f64::NEG_INFINITY, 0);
        for candidate in candidates {
            let score = self.exact(candidate.list, vector);
            if score > nearest.0 {
                nearest = (score, candidate.list);
            }
        }
        nearest.1
    }
}

#[derive(Default)]
struct Scratch {
    vectors: Vec<f32>,
    products: Vec<f32>,
    best: Vec<Best>,
}

struct Candidate {
    score: f32,
    list: u32,
}

/// One vector's best score so far and all that come within `slack` of it, in ascending order of list.
struct Best {
    slack: f32,
    score: f32,
    candidates: Vec<Candidate>,
}

impl Best {
    fn new(slack: f32) -> Self {
        Self { slack, score: f32::NEG_INFINITY, candidates: Vec::new() }
    }

    fn take(&mut self, products: &mut [f32], half: &[f32], first: u32) {
        let mut highest = [f32::NEG_INFINITY; 16];
        let mut chunks = products.chunks_exact_mut(16);
        let mut halves = half.chunks_exact(16);
        for (scores, half) in chunks.by_ref().zip(halves.by_ref()) {
            for ((score, &half), highest) in scores.iter_mut().zip(half).zip(&mut highest) {
                *score -= half;
                *highest = if *score > *highest { *score } else { *highest };
            }
        }
        for (score, &half) in chunks.into_remainder().iter_mut().zip(halves.remainder()) {
            *score -= half;
            highest[0] = highest[0].max(*score);
        }
        let highest = highest.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        if highest < self.score - self.slack {
            return;
        }
        if highest > self.score {
            self.score = highest;
            let bound = self.score - self.slack;
            self.candidates.retain(|candidate| candidate.score >= bound);
        }
        let bound = self.score - self.slack;
        for (at, &score) in products.iter().enumerate() {
            if score >= bound {
                self.candidates.push(Candidate { score, list: first + at as u32 });
            }
        }
    }
}

/// The inner product in f64, added in order of dimension.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantizer::testing::{clustered, noise};

    #[test]
    fn finds_the_nearest_at_awkward_sizes() {
        for (rows, lists, dim) in [(0, 1, 3), (1, 1, 1), (511, 7, 5), (513, 33, 20), (1025, 1030, 9)] {
            let (vectors, centroids) = (noise(rows, dim, 1), noise(lists, dim, 2));
            let found = Nearest::new(&centroids).of(Rows::All(&vectors));
            for (vector, &list) in vectors.iter().zip(&found) {
                let score = |c: usize| dot(vector, centroids.row(c)) - 0.5 * dot(centroids.row(c), centroids.row(c));
                let best = (0..lists).fold(0, |best, c| if score(c) > score(best) { c } else { best });
                assert_eq!(list as usize, best);
            }
        }
    }

    #[test]
    fn ties_go_to_the_lowest_and_splitting_changes_nothing() {
        let vectors = clustered(1500, 24, 9, 3);
        let mut centroids = noise(1040, 24, 4);
        for twin in 0..400 {
            let row = centroids.row(twin).to_vec();
            centroids.row_mut(twin + 600).copy_from_slice(&row);
        }
        let nearest = Nearest::new(&centroids);
        let whole = nearest.of(Rows::All(&vectors));
        assert!(whole.iter().all(|&list| !(600..1000).contains(&list)));
        let single: Vec<u32> = (0..1500).flat_map(|row| nearest.of(Rows::Some(&vectors, &[row]))).collect();
        assert_eq!(whole, single);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(whole, pool.install(|| nearest.of(Rows::All(&vectors))));
    }

    #[test]
    fn far_centroids_hide_nothing() {
        let vectors = clustered(600, 8, 9, 3);
        for factor in [40.0, 1e9, 1e15] {
            let mut centroids = noise(40, 8, 4);
            for far in [0, 7, 39] {
                centroids.row_mut(far).iter_mut().for_each(|x| *x *= factor);
            }
            let mut all = vectors.clone();
            all.push(centroids.row(7));
            all.push(&centroids.row(39).iter().map(|x| x * 0.4).collect::<Vec<f32>>());
            let found = Nearest::new(&centroids).of(Rows::All(&all));
            for (vector, &list) in all.iter().zip(&found) {
                let score = |c: usize| dot(vector, centroids.row(c)) - 0.5 * dot(centroids.row(c), centroids.row(c));
                let best = (0..40).fold(0, |best, c| if score(c) > score(best) { c } else { best });
                assert_eq!(list as usize, best, "{factor:e}");
            }
            assert_eq!(found[600], 7);
        }
    }

    #[test]
    fn huge_values_do_not_stop_it() {
        let vectors = Matrix::from_vec(2, vec![f32::MAX, f32::MAX, -f32::MAX, 1.0]).unwrap();
        let centroids = Matrix::from_vec(2, vec![f32::MAX, 0.0, 1.0, 1.0]).unwrap();
        assert_eq!(Nearest::new(&centroids).of(Rows::All(&vectors)).len(), 2);
    }
}
