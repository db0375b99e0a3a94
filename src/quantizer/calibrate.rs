//! Measures a [`Calibration`] on queries whose true neighbours are known:
//! - *lists*: the place of each true neighbour's list in the query's order of lists, which gives the recall of every nprobe at once,
//!   from all queries;
//! - *keep*: how much of that remains after scan and refinement, for some numbers of lists and of candidates, from a part of the
//!   queries, by the search itself. It changes slowly with both.

use rayon::prelude::*;

use super::calibration::{CANDIDATES, Calibration, Curve, KS, USUAL};
use super::density::Density;
use super::interpolate::least;
use super::picked::Picked;
use super::truth::{DEPTH, Near, Queries};
use super::{Quantizer, nearest::dot};
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::progress::{Progress, Stage};
use crate::types::Metric;

/// Recalls by lists alone (for 10 hits) at which candidates are tried.
const STOPS: [f32; 6] = [0.5, 0.75, 0.88, 0.95, 0.98, 0.995];
/// Queries that are searched for *keep*.
const SEARCHED: usize = 512;
/// From here on more candidates are not tried.
const NOTHING_LOST: f32 = 0.9998;
/// Unusually many candidates are tried where the last doubling found this much more of ten.
const STILL_RISING: f32 = 0.005;

/// The index as calibration asks it. Rows are numbered as they were given to [`Truth`](super::truth::Truth).
pub(crate) trait Searcher: Sync {
    /// The best rows of a query, best first, at most `k`, its own row left out.
    fn search(&self, query: usize, k: usize, nprobe: usize, candidates: usize) -> Vec<u32>;

    /// The exact score of a row (inner product; for L2 less half the row's squared length), so that rows as near as the true k-th
    /// count; `None` where it is not to be had, and then only the true rows count.
    fn score(&self, query: usize, row: u32) -> Option<f32>;

    /// For each of some rows in the first `nprobe` lists how many candidates come before it by their codes; rows `left_out` are none. From `most` on
    /// they are not counted.
    fn candidates_before(&self, query: usize, left_out: &[u32], wanted: &[u32], nprobe: usize, most: usize) -> Vec<usize>;
}

/// What to calibrate with.
pub(crate) struct Trial<'a> {
    pub(crate) quantizer: &'a Quantizer,
    pub(crate) queries: &'a Queries,
    /// Of each query, from [`Truth`](super::truth::Truth).
    pub(crate) truth: &'a [Vec<Near>],
    /// Of some queries, by their numbers, the nearest rows much further down.
    pub(crate) deep: &'a [(usize, Vec<Near>)],
    /// The list of each row.
    pub(crate) lists: &'a [u32],
    pub(crate) searcher: &'a dyn Searcher,
    /// What was fitted to the same.
    pub(crate) density: Option<Density>,
}

impl Calibration {
    /// Measures; takes seconds.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when `progress` says so.
    pub(crate) fn measure(trial: &Trial<'_>, progress: &dyn Progress) -> Result<Self> {
        let places = places(trial, &(0..trial.truth.len()).collect::<Vec<_>>());
        let mut curves = KS.map(|k| Curve { lists: by_lists(trial, &places, k), keep: Vec::new() });
        let (ten, probes) = (&curves[2].lists, trial.quantizer.lists());
        let mut stops: Vec<u32> = STOPS.iter().map(|&stop| least(probes, |nprobe| ten[nprobe - 1] >= stop) as u32).collect();
        stops.dedup();
        for (at, &nprobe) in stops.iter().enumerate() {
            progress.update(Stage::Calibrate, at as u64, Some(stops.len() as u64));
            for (curve, keep) in curves.iter_mut().zip(kept_at(trial, &places, nprobe as usize, progress)?) {
                curve.keep.push(keep);
            }
        }
        progress.update(Stage::Calibrate, stops.len() as u64, Some(stops.len() as u64));
        let (rows, quantizer) = (trial.lists.len() as u64, trial.quantizer);
        Ok(Self {
            rows,
            m: quantizer.pq.m() as u32,
            dim: quantizer.dim() as u32,
            stops,
            curves,
            density: trial.density.clone(),
            bands: Vec::new(),
            picked: Picked::default(),
            picked_behind: Picked::default(),
        })
    }
}

/// For each of some queries the place of each list in its order of probing.
pub(super) fn places(trial: &Trial<'_>, of: &[usize]) -> Vec<Vec<u32>> {
    let (coarse, queries) = (&trial.quantizer.coarse, &trial.queries.vectors);
    let half: Vec<f32> = match trial.quantizer.metric {
        Metric::L2 => coarse.iter().map(|c| (0.5 * dot(c, c)) as f32).collect(),
        Metric::InnerProduct | Metric::Cosine => vec![0.0; coarse.rows()],
    };
    let of_query = |&query: &usize| {
        let (query, mut scores) = (queries.row(query), vec![0.0; coarse.rows()]);
        Kernel::detect().dots(query, coarse.as_slice(), &mut scores);
        scores.iter_mut().zip(&half).for_each(|(score, half)| *score -= half);
        let mut lists: Vec<u32> = (0..coarse.rows() as u32).collect();
        lists.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
        let mut places = vec![0; lists.len()];
        for (place, &list) in lists.iter().enumerate() {
            places[list as usize] = place as u32;
        }
        places
    };
    of.par_iter().map(of_query).collect()
}

/// The recall of 1, 2, 3, ... probes if no candidate were lost.
fn by_lists(trial: &Trial<'_>, places: &[Vec<u32>], k: usize) -> Vec<f32> {
    let mut found = vec![0u64; trial.quantizer.lists()];
    for (places, near) in places.iter().zip(trial.truth) {
        for near in near.iter().take(k) {
            found[places[trial.lists[near.row as usize] as usize] as usize] += 1;
        }
    }
    let total = found.iter().sum::<u64>().max(1);
    let mut sum = 0;
    found
        .iter()
        .map(|&found| {
            sum += found;
            sum as f32 / total as f32
        })
        .collect()
}

/// What each number of candidates keeps at `nprobe`, for each k.
fn kept_at(trial: &Trial<'_>, places: &[Vec<u32>], nprobe: usize, progress: &dyn Progress) -> Result<[[f32; CANDIDATES.len()]; KS.len()]> {
    let mut keep = [[0.0f32; CANDIDATES.len()]; KS.len()];
    let mut most = [0.0f32; KS.len()];
    for (at, &candidates) in CANDIDATES.iter().enumerate() {
        if progress.cancelled() {
            return Err(Error::Interrupted);
        }
        let rising = at < USUAL || keep[2][at - 1] - keep[2][at - 2] > STILL_RISING;
        if rising && most.iter().any(|&kept| kept < NOTHING_LOST) {
            for ((most, kept), k) in most.iter_mut().zip(kept(trial, places, nprobe, candidates)).zip(KS) {
                // More candidates never lose what fewer found.
                *most = if k <= candidates { most.max(kept) } else { 0.0 };
            }
        }
        for (keep, &most) in keep.iter_mut().zip(&most) {
            keep[at] = most;
        }
    }
    Ok(keep)
}

/// For each k the share of the true neighbours in probed lists that a search returns.
fn kept(trial: &Trial<'_>, places: &[Vec<u32>], nprobe: usize, candidates: usize) -> [f32; KS.len()] {
    let step = (trial.truth.len() / SEARCHED).max(1);
    let counts = (0..trial.truth.len()).into_par_iter().step_by(step).map(|query| {
        let truth = &trial.truth[query];
        let hits = trial.searcher.search(query, DEPTH.min(candidates), nprobe, candidates);
        // How near each hit is: a true neighbour by its place, any other by its score.
        let scores: Vec<Option<f32>> = hits
            .iter()
            .map(|&hit| truth.iter().find(|near| near.row == hit).map(|near| near.score).or_else(|| trial.searcher.score(query, hit)))
            .collect();
        KS.map(|k| {
            let near = &truth[..truth.len().min(k)];
            let Some(last) = near.last() else { return (0u64, 0u64) };
            let found = scores.iter().take(near.len()).flatten().filter(|&&score| score >= last.score).count();
            let probed = near.iter().filter(|near| (places[query][trial.lists[near.row as usize] as usize] as usize) < nprobe).count();
            (found.min(probed) as u64, probed as u64)
        })
    });
    let sums = counts.reduce(|| [(0, 0); KS.len()], |a, b| std::array::from_fn(|k| (a[k].0 + b[k].0, a[k].1 + b[k].1)));
    sums.map(|(found, probed)| if probed == 0 { 1.0 } else { found as f32 / probed as f32 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::NoProgress;
    use crate::quantizer::TrainParams;
    use crate::quantizer::testing::{clustered, unit_length};
    use crate::quantizer::truth::Truth;
    use crate::vector::Matrix;

    /// Searches by the vectors themselves, and forgets the best row of some queries: the fewer candidates, the more of them.
    struct Exact<'a> {
        quantizer: &'a Quantizer,
        vectors: &'a Matrix,
        lists: &'a [u32],
        queries: &'a Queries,
    }

    impl Searcher for Exact<'_> {
        fn search(&self, query: usize, k: usize, nprobe: usize, candidates: usize) -> Vec<u32> {
            let q = self.queries.vectors.row(query);
            let mut lists: Vec<u32> = (0..self.quantizer.lists() as u32).collect();
            let score = |c: u32| dot(q, self.quantizer.coarse.row(c as usize));
            lists.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
            lists.truncate(nprobe);
            let own = self.queries.own.get(query);
            let mut rows: Vec<(f64, u32)> = (0..self.vectors.rows() as u32)
                .filter(|row| lists.contains(&self.lists[*row as usize]) && own != Some(row))
                .map(|row| (dot(q, self.vectors.row(row as usize)), row))
                .collect();
            rows.sort_by(|a, b| b.0.total_cmp(&a.0));
            let losing = 100.0 * (140.0 / candidates as f64).ln() / 7f64.ln();
            rows.into_iter().take(k).skip(usize::from(((query * 37 % 100) as f64) < losing)).map(|(_, row)| row).collect()
        }

        fn score(&self, query: usize, row: u32) -> Option<f32> {
            Some(dot(self.queries.vectors.row(query), self.vectors.row(row as usize)) as f32)
        }

        fn candidates_before(&self, query: usize, left_out: &[u32], wanted: &[u32], nprobe: usize, most: usize) -> Vec<usize> {
            let left: Vec<u32> =
                self.search(query, usize::MAX, nprobe, most.max(140)).into_iter().filter(|row| !left_out.contains(row)).collect();
            wanted.iter().map(|wanted| left.iter().position(|row| row == wanted).unwrap_or(most)).collect()
        }
    }

    #[test]
    fn what_was_picked_reaches_the_target() {
        let vectors = unit_length(clustered(3000, 12, 40, 1));
        let params = TrainParams { lists: Some(32), m: Some(4), ..TrainParams::new(Metric::Cosine) };
        let quantizer = Quantizer::train(&vectors, &params, &NoProgress).unwrap();
        let lists = quantizer.assign(&vectors);
        let own = Queries::sample(3000, 3000, 12, 1)[..300].to_vec();
        let mut chosen = Matrix::new(12);
        own.iter().for_each(|&row| chosen.push(vectors.row(row as usize)));
        let queries = Queries { vectors: chosen, own };
        let mut truth = Truth::new(&queries, Metric::Cosine);
        truth.add(&vectors, &NoProgress).unwrap();
        let truth = truth.finish();
        let searcher = Exact { quantizer: &quantizer, vectors: &vectors, lists: &lists, queries: &queries };
        let trial =
            Trial { quantizer: &quantizer, queries: &queries, truth: &truth, deep: &[], lists: &lists, searcher: &searcher, density: None };
        let calibration = Calibration::measure(&trial, &NoProgress).unwrap();
        for target in [0.7, 0.8, 0.9, 0.95, 0.99] {
            let setting = calibration.pick(target, 10, 3000);
            assert!(target < 0.99 || setting.candidates >= 100, "fewer lose one of ten: {setting:?}");
            let found: usize = (0..300)
                .map(|query| {
                    let hits = searcher.search(query, 10, setting.nprobe, setting.candidates);
                    truth[query][..10].iter().filter(|near| hits.contains(&near.row)).count()
                })
                .sum();
            let recall = found as f32 / 3000.0;
            assert!(recall >= target && setting.nprobe < 32, "{target}: {recall} by {setting:?}");
        }
    }

    #[test]
    fn rows_as_near_as_the_true_ones_count() {
        let mut vectors = unit_length(clustered(40, 6, 40, 1));
        for row in 0..2000 {
            let twin = vectors.row(row % 40).to_vec();
            vectors.push(&twin);
        }
        let params = TrainParams { lists: Some(8), m: Some(3), ..TrainParams::new(Metric::Cosine) };
        let quantizer = Quantizer::train(&vectors, &params, &NoProgress).unwrap();
        let lists = quantizer.assign(&vectors);
        let queries = Queries { vectors: unit_length(clustered(50, 6, 40, 9)), own: Vec::new() };
        let mut truth = Truth::new(&queries, Metric::Cosine);
        truth.add(&vectors, &NoProgress).unwrap();
        let truth = truth.finish();
        struct Last<'a>(Exact<'a>);
        impl Searcher for Last<'_> {
            fn search(&self, query: usize, k: usize, nprobe: usize, candidates: usize) -> Vec<u32> {
                let all = self.0.search(query, usize::MAX, nprobe, candidates.max(100));
                // Of equals, those with the highest numbers.
                let mut rows: Vec<(f32, u32)> = all.iter().map(|&row| (self.0.score(query, row).unwrap(), row)).collect();
                rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
                rows.into_iter().take(k).map(|(_, row)| row).collect()
            }
            fn score(&self, query: usize, row: u32) -> Option<f32> {
                self.0.score(query, row).map(|score| score + 1e-5)
            }
            fn candidates_before(&self, query: usize, left_out: &[u32], wanted: &[u32], nprobe: usize, most: usize) -> Vec<usize> {
                self.0.candidates_before(query, left_out, wanted, nprobe, most)
            }
        }
        let searcher = Last(Exact { quantizer: &quantizer, vectors: &vectors, lists: &lists, queries: &queries });
        let trial =
            Trial { quantizer: &quantizer, queries: &queries, truth: &truth, deep: &[], lists: &lists, searcher: &searcher, density: None };
        let calibration = Calibration::measure(&trial, &NoProgress).unwrap();
        assert!(calibration.pick(0.99, 10, 2040).expected > 0.98);
    }
}
