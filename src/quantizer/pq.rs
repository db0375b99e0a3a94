//! Trains the product quantizer: k-means in each part of the residuals, then the arrangement in groups.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use super::kmeans::Members;
use super::rng::Rng;
use super::{CENTROIDS, GROUPS, ProductQuantizer, choose, groups};
use crate::error::{Error, Result};
use crate::kernel::train::{PartTable, choose_nearest};
use crate::progress::{Progress, Stage};
use crate::vector::Matrix;

/// Residuals that are enough to train on.
pub(crate) const TRAIN_ROWS: usize = 256 * CENTROIDS;
const ITERATIONS: usize = 25;
/// Rounds in which centroids and groups' centres are moved together.
const ROUNDS: usize = 4;
/// An iteration that moves less than this share of the residuals is the last.
const SETTLED: f64 = 0.002;

/// How to train one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PqParams {
    /// Number of sub-quantizers, 1 to the dimension.
    pub(crate) m: usize,
    pub(crate) seed: u64,
    /// See [`Quantizer::group_weight`](super::Quantizer::group_weight).
    pub(crate) group_weight: u8,
    /// See [`TrainParams::rounds`](super::TrainParams::rounds).
    pub(crate) rounds: usize,
}

impl ProductQuantizer {
    /// Number of sub-quantizers: bytes of a code.
    pub(crate) fn m(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// First dimension and width of a part.
    pub(crate) fn part(&self, part: usize) -> (usize, usize) {
        let from = self.bounds[part] as usize;
        (from, self.bounds[part + 1] as usize - from)
    }

    /// A part's 256 centroids, row after row.
    pub(crate) fn centroids(&self, part: usize) -> &[f32] {
        &self.codebook[CENTROIDS * self.bounds[part] as usize..CENTROIDS * self.bounds[part + 1] as usize]
    }

    /// The centres of a part's 16 groups, row after row.
    pub(crate) fn centres(&self, part: usize) -> &[f32] {
        &self.groups[GROUPS * self.bounds[part] as usize..GROUPS * self.bounds[part + 1] as usize]
    }

    /// One centroid of a part.
    pub(crate) fn centroid(&self, part: usize, code: u8) -> &[f32] {
        let (from, width) = self.part(part);
        let start = CENTROIDS * from + usize::from(code) * width;
        &self.codebook[start..start + width]
    }

    /// Trains on residuals (at least one). The same seed gives the same result on any number of threads.
    pub(crate) fn train(residuals: &Matrix, params: PqParams, progress: &dyn Progress) -> Result<Self> {
        let PqParams { m, seed, group_weight, rounds } = params;
        let bounds = choose::part_bounds(residuals.dim(), m);
        let done = AtomicU64::new(0);
        let stopped = AtomicBool::new(false);
        progress.update(Stage::TrainCodebooks, 0, Some(m as u64));
        let parts: Vec<groups::Arranged> = (0..m)
            .into_par_iter()
            .map(|part| {
                let (from, to) = (bounds[part] as usize, bounds[part + 1] as usize);
                let values: Vec<f32> = residuals.iter().flat_map(|row| &row[from..to]).copied().collect();
                let stop = || {
                    if progress.cancelled() {
                        stopped.store(true, Ordering::Relaxed);
                    }
                    stopped.load(Ordering::Relaxed)
                };
                let mut arranged = train_part(&values, to - from, rounds, Rng::new(seed, 100 + part as u64), stop);
                if group_weight > 0 {
                    move_together(&mut arranged, &values, to - from, f32::from(group_weight), stop);
                }
                progress.update(Stage::TrainCodebooks, done.fetch_add(1, Ordering::Relaxed) + 1, Some(m as u64));
                arranged
            })
            .collect();
        if stopped.into_inner() {
            return Err(Error::Interrupted);
        }
        let mut quantizer = Self { bounds, codebook: Vec::new(), groups: Vec::new() };
        for part in parts {
            quantizer.codebook.extend(part.centroids);
            quantizer.groups.extend(part.centres);
        }
        Ok(quantizer)
    }
}

/// K-means with 256 centroids over `values` (rows of `width`). With fewer rows than centroids every row is one, and the places left
/// repeat them.
fn train_part(values: &[f32], width: usize, rounds: usize, mut rng: Rng, stop: impl Fn() -> bool) -> groups::Arranged {
    let rows = values.len() / width;
    let row = |at: usize| &values[at * width..(at + 1) * width];
    let first = rng.sample(rows, CENTROIDS);
    let mut centroids: Vec<f32> = (0..CENTROIDS).flat_map(|c| row(first[c % first.len()] as usize)).copied().collect();
    let mut codes = vec![0u8; rows];
    let mut uses = vec![0u32; CENTROIDS];
    for iteration in 0..ITERATIONS {
        if stop() {
            break;
        }
        let before = codes.clone();
        choose_nearest(&PartTable::new(width, &centroids), values, &mut codes);
        uses = to_means(&mut centroids, values, width, codes.iter().map(|&code| u32::from(code)));
        let moved = codes.iter().zip(&before).filter(|(a, b)| a != b).count();
        if iteration > 0 && (moved as f64) < SETTLED * rows as f64 {
            break;
        }
        if rows > CENTROIDS {
            repair(&mut centroids, width, &uses);
        }
    }
    groups::arrange(&centroids, width, &uses, rounds, rng.next())
}

/// Moves every centroid to the mean of the rows with its label, as far as there are any; answers how many each has.
fn to_means(centroids: &mut [f32], values: &[f32], width: usize, labels: impl Iterator<Item = u32>) -> Vec<u32> {
    let labels: Vec<u32> = labels.collect();
    let members = Members::new(&labels, centroids.len() / width);
    let mut uses = Vec::with_capacity(centroids.len() / width);
    for (c, centroid) in centroids.chunks_exact_mut(width).enumerate() {
        let members = members.of(c);
        for (d, x) in centroid.iter_mut().enumerate() {
            if !members.is_empty() {
                let sum: f64 = members.iter().map(|&at| f64::from(values[at as usize * width + d])).sum();
                *x = (sum / members.len() as f64) as f32;
            }
        }
        uses.push(members.len() as u32);
    }
    uses
}

/// Lets centroids and groups' centres follow the rows that are given to them when a group's error weighs too.
fn move_together(arranged: &mut groups::Arranged, values: &[f32], width: usize, weight: f32, stop: impl Fn() -> bool) {
    let groups::Arranged { centroids, centres } = arranged;
    let mut codes = vec![0u8; values.len() / width];
    for _ in 0..ROUNDS {
        if stop() {
            return;
        }
        choose_nearest(&PartTable::with_groups(width, centroids, centres, weight), values, &mut codes);
        to_means(centroids, values, width, codes.iter().map(|&code| u32::from(code)));
        to_means(centres, values, width, codes.iter().map(|&code| u32::from(code) / (CENTROIDS / GROUPS) as u32));
    }
}

/// Puts every unused centroid beside one of the most used.
fn repair(centroids: &mut [f32], width: usize, uses: &[u32]) {
    let mut crowded: Vec<usize> = (0..CENTROIDS).collect();
    crowded.sort_by_key(|&c| (std::cmp::Reverse(uses[c]), c));
    let unused: Vec<usize> = (0..CENTROIDS).filter(|&c| uses[c] == 0).collect();
    for (empty, large) in unused.into_iter().zip(crowded) {
        for d in 0..width {
            let x = centroids[large * width + d];
            centroids[empty * width + d] = x * (1.0 + 1.0 / 512.0);
            centroids[large * width + d] = x * (1.0 - 1.0 / 512.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::NoProgress;
    use crate::quantizer::testing::noise;

    #[test]
    fn few_rows_are_kept_exactly() {
        for rows in [1, 2, 100, 256] {
            let residuals = noise(rows, 7, 1);
            let quantizer =
                ProductQuantizer::train(&residuals, PqParams { m: 3, seed: 1, group_weight: 0, rounds: groups::ROUNDS }, &NoProgress)
                    .unwrap();
            assert_eq!((quantizer.m(), quantizer.codebook.len(), quantizer.groups.len()), (3, 256 * 7, 16 * 7));
            for part in 0..3 {
                let (from, width) = quantizer.part(part);
                for row in residuals.iter() {
                    assert!(quantizer.centroids(part).chunks_exact(width).any(|c| c == &row[from..from + width]));
                }
            }
        }
    }

    #[test]
    fn repeats_on_any_number_of_threads() {
        let residuals = noise(3000, 10, 2);
        let runs: Vec<ProductQuantizer> = [1, 4]
            .into_iter()
            .map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    ProductQuantizer::train(&residuals, PqParams { m: 4, seed: 9, group_weight: 2, rounds: groups::ROUNDS }, &NoProgress)
                        .unwrap()
                })
            })
            .collect();
        assert!(runs[0] == runs[1]);
    }
}
