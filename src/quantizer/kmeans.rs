//! K-means for the coarse quantizer: Lloyd's iterations over a growing random sample.
//!
//! The first iterations, which only have to spread the centroids out, see few vectors a centroid, the last ones many. Under the metric
//! cosine the centroids are kept at unit length: as many lists probed find more, and the lists are probed by the same order that
//! assigned the vectors. Sums are made
//! centroid by centroid over members in ascending order, so the result does not depend on the number of threads.

use rayon::prelude::*;

use super::nearest::{Nearest, Rows, dot};
use super::rng::Rng;
use crate::error::{Error, Result};
use crate::progress::{Progress, Stage};
use crate::vector::Matrix;

/// (vectors a centroid, iterations), in order. Long runs on few vectors are cheaper but leave lists of very uneven size, whose
/// probes cost more than they find.
const SCHEDULE: [(usize, u64); 2] = [(64, 3), (256, 7)];
/// An iteration that moves less than this share of the vectors ends its step of the schedule.
const SETTLED: f64 = 0.005;

/// What to train.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KmeansParams {
    /// Number of centroids, at most the number of vectors.
    pub(crate) centroids: usize,
    pub(crate) seed: u64,
    /// Keep the centroids at unit length (vectors are).
    pub(crate) spherical: bool,
}

/// Trains centroids; `vectors` must hold at least as many.
pub(crate) fn train(vectors: &Matrix, params: KmeansParams, progress: &dyn Progress) -> Result<Matrix> {
    let total: u64 = SCHEDULE.iter().map(|step| step.1).sum();
    let mut rng = Rng::new(params.seed, 1);
    let largest = SCHEDULE.iter().map(|step| step.0).max().unwrap_or(1);
    let sample = rng.sample(vectors.rows(), largest * params.centroids);
    let mut centroids = Matrix::with_capacity(vectors.dim(), params.centroids);
    for &row in sample.iter().take(params.centroids) {
        centroids.push(vectors.row(row as usize));
    }
    let mut done = 0;
    for (per_centroid, iterations) in SCHEDULE {
        let mut rows = sample[..sample.len().min(per_centroid * params.centroids)].to_vec();
        rows.sort_unstable();
        let mut before: Vec<u32> = Vec::new();
        for iteration in 0..iterations {
            progress.update(Stage::TrainCoarse, done + iteration, Some(total));
            if progress.cancelled() {
                return Err(Error::Interrupted);
            }
            let labels = Nearest::new(&centroids).of(Rows::Some(vectors, &rows));
            let moved = if before.is_empty() { rows.len() } else { labels.iter().zip(&before).filter(|(a, b)| a != b).count() };
            update(vectors, &rows, &labels, params, &mut rng, &mut centroids);
            before = labels;
            if (moved as f64) < SETTLED * rows.len() as f64 {
                break;
            }
        }
        done += iterations;
    }
    progress.update(Stage::TrainCoarse, total, Some(total));
    Ok(centroids)
}

/// Moves every centroid to the mean of its members; one without members takes half of a large cluster.
fn update(vectors: &Matrix, rows: &[u32], labels: &[u32], params: KmeansParams, rng: &mut Rng, centroids: &mut Matrix) {
    let dim = vectors.dim();
    let members = Members::new(labels, params.centroids);
    centroids.as_mut_slice().par_chunks_exact_mut(dim).enumerate().for_each_init(
        || vec![0.0f64; dim],
        |sum, (list, centroid)| {
            let of = members.of(list);
            if of.is_empty() {
                return;
            }
            sum.fill(0.0);
            for &at in of {
                for (sum, &x) in sum.iter_mut().zip(vectors.row(rows[at as usize] as usize)) {
                    *sum += f64::from(x);
                }
            }
            for (c, &sum) in centroid.iter_mut().zip(sum.iter()) {
                *c = (sum / of.len() as f64) as f32;
            }
        },
    );
    let mut sizes: Vec<usize> = (0..params.centroids).map(|list| members.of(list).len()).collect();
    for empty in 0..params.centroids {
        if sizes[empty] == 0 {
            split(empty, &mut sizes, rows.len(), rng, centroids);
        }
    }
    if params.spherical {
        for centroid in centroids.as_mut_slice().chunks_exact_mut(dim) {
            let length = dot(centroid, centroid).sqrt();
            if length > 0.0 {
                centroid.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
            }
        }
    }
}

/// Gives the centroid `empty` half of a cluster drawn with a chance that grows with its size: both centroids step a little aside, in
/// opposite directions.
fn split(empty: usize, sizes: &mut [usize], rows: usize, rng: &mut Rng, centroids: &mut Matrix) {
    let mut ticket = rng.below(rows.saturating_sub(sizes.iter().filter(|&&size| size > 0).count()));
    let Some(large) = (0..sizes.len()).find(|&list| {
        let chance = sizes[list].saturating_sub(1);
        let drawn = ticket < chance;
        ticket = ticket.saturating_sub(chance);
        drawn
    }) else {
        return;
    };
    let row = centroids.row(large).to_vec();
    for (d, &x) in row.iter().enumerate() {
        let aside = if (d + empty).is_multiple_of(2) { 1.0 / 512.0 } else { -1.0 / 512.0 };
        centroids.row_mut(empty)[d] = x * (1.0 + aside);
        centroids.row_mut(large)[d] = x * (1.0 - aside);
    }
    sizes[empty] = sizes[large] / 2;
    sizes[large] -= sizes[empty];
}

/// The vectors of each cluster, in ascending order.
pub(crate) struct Members {
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl Members {
    pub(crate) fn new(labels: &[u32], clusters: usize) -> Self {
        let mut starts = vec![0u32; clusters + 1];
        for &label in labels {
            starts[label as usize + 1] += 1;
        }
        for cluster in 0..clusters {
            starts[cluster + 1] += starts[cluster];
        }
        let mut next = starts.clone();
        let mut order = vec![0u32; labels.len()];
        for (at, &label) in labels.iter().enumerate() {
            order[next[label as usize] as usize] = at as u32;
            next[label as usize] += 1;
        }
        Self { starts, order }
    }

    pub(crate) fn of(&self, cluster: usize) -> &[u32] {
        &self.order[self.starts[cluster] as usize..self.starts[cluster + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::NoProgress;
    use crate::quantizer::testing::{clustered, noise};

    fn params(centroids: usize) -> KmeansParams {
        KmeansParams { centroids, seed: 5, spherical: false }
    }

    #[test]
    fn finds_separate_clusters() {
        let mut vectors = clustered(3000, 8, 20, 1);
        vectors.as_mut_slice().iter_mut().for_each(|x| *x *= 10.0);
        let centroids = train(&vectors, params(64), &NoProgress).unwrap();
        let labels = Nearest::new(&centroids).of(Rows::All(&vectors));
        let error: f64 = vectors
            .iter()
            .zip(&labels)
            .map(|(v, &l)| v.iter().zip(centroids.row(l as usize)).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>())
            .sum::<f64>()
            / 3000.0;
        let spread: f64 = vectors.iter().map(|v| dot(v, v)).sum::<f64>() / 3000.0;
        assert!(error < 0.25 * spread, "{error} of {spread}");
        assert!((0..64).all(|list| !Members::new(&labels, 64).of(list).is_empty()));
    }

    #[test]
    fn repeats_on_any_number_of_threads() {
        let vectors = clustered(5000, 12, 30, 2);
        let runs: Vec<Matrix> = [1, 2, 5]
            .into_iter()
            .map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| train(&vectors, params(37), &NoProgress).unwrap())
            })
            .collect();
        assert!(runs[0] == runs[1] && runs[1] == runs[2]);
    }

    #[test]
    fn twins_leave_no_centroid_unused_for_want_of_repair() {
        let mut vectors = noise(400, 4, 3);
        for row in 0..300 {
            vectors.row_mut(row).copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        }
        let centroids = train(&vectors, params(50), &NoProgress).unwrap();
        let labels = Nearest::new(&centroids).of(Rows::All(&vectors));
        let used = (0..50).filter(|&list| !Members::new(&labels, 50).of(list).is_empty()).count();
        assert!(used > 30, "{used}");
    }

    #[test]
    fn stops_when_asked() {
        struct Stop;
        impl Progress for Stop {
            fn update(&self, _: Stage, _: u64, _: Option<u64>) {}
            fn cancelled(&self) -> bool {
                true
            }
        }
        assert!(matches!(train(&noise(100, 4, 1), params(3), &Stop), Err(Error::Interrupted)));
    }
}
