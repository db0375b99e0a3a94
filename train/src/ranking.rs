//! Exact full ranking: every item against every user, and what of it is right.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use torre_kernel::{Into, View};

use crate::dataset::Case;
use crate::loops::KERNEL;

/// Users that are ranked together.
const USERS: usize = 24;

/// Mean measures of cases at a cut-off: a share of what is relevant, and nDCG with binary gains (Järvelin and Kekäläinen 2002).
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Quality {
    /// The cut-off.
    pub k: usize,
    /// Users that were measured.
    pub users: usize,
    /// Mean of the relevant items among the first k, over all relevant ones.
    pub recall: f64,
    /// Mean of the discounted gain of the first k over the best there could be.
    pub ndcg: f64,
}

/// The best `k` items of each user, best first; what was seen is left out. Ties go to the lower row.
pub(crate) fn rank(users: &[f32], items: &[f32], dim: usize, cases: &[Case], k: usize) -> Vec<Vec<u32>> {
    let chunks: Vec<Vec<Vec<u32>>> = users
        .par_chunks(USERS * dim)
        .zip(cases.par_chunks(USERS))
        .map(|(users, cases)| {
            let count = items.len() / dim;
            let mut scores = vec![0f32; cases.len() * count];
            // Items are the panel: they are read once for all of these users.
            KERNEL.multiply(View::new(users, dim), View::new(items, dim).transposed(), &mut scores, count, Into::Set);
            let mut places = vec![0u32; count];
            let best = cases.iter().zip(scores.chunks_exact_mut(count)).map(|(case, scores)| {
                case.seen.iter().for_each(|&item| scores[item as usize] = f32::NEG_INFINITY);
                top(scores, k, &mut places)
            });
            best.collect()
        })
        .collect();
    chunks.into_iter().flatten().collect()
}

/// The best `k` of some scores. `places` is as long as the scores.
fn top(scores: &[f32], k: usize, places: &mut [u32]) -> Vec<u32> {
    /// Scores between two looks at the bound.
    const STRIPE: usize = 2048;
    let mut best: Vec<(f32, u32)> = Vec::with_capacity(4 * k + STRIPE);
    let mut bound = f32::MIN;
    let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    for (stripe, scores) in scores.chunks(STRIPE).enumerate() {
        let found = KERNEL.at_least(scores, bound, &mut places[..scores.len()]);
        best.extend(places[..found].iter().map(|&place| (scores[place as usize], (stripe * STRIPE) as u32 + place)));
        if best.len() > k {
            best.select_nth_unstable_by(k - 1, order);
            best.truncate(k);
            bound = best.iter().fold(f32::INFINITY, |least, (score, _)| least.min(*score));
        }
    }
    best.sort_unstable_by(order);
    best.into_iter().map(|(_, item)| item).collect()
}

/// What the rankings are worth.
pub(crate) fn quality(rankings: &[Vec<u32>], cases: &[Case], k: usize) -> Quality {
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let (mut recall, mut ndcg) = (0.0, 0.0);
    for (ranking, case) in rankings.iter().zip(cases) {
        let hits = ranking.iter().take(k).enumerate().filter(|(_, item)| case.relevant.binary_search(item).is_ok());
        let (count, gained) = hits.fold((0usize, 0.0), |(count, gained), (place, _)| (count + 1, gained + gain(place)));
        let ideal: f64 = (0..k.min(case.relevant.len())).map(gain).sum();
        recall += count as f64 / case.relevant.len().max(1) as f64;
        ndcg += if ideal > 0.0 { gained / ideal } else { 0.0 };
    }
    let users = cases.len();
    let mean = |sum: f64| if users > 0 { sum / users as f64 } else { 0.0 };
    Quality { k, users, recall: mean(recall), ndcg: mean(ndcg) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng};

    #[test]
    fn ranks_as_sorting_does() {
        for (users, items, dim, k) in [(1, 1, 1, 1), (30, 7, 3, 20), (50, 5000, 8, 20)] {
            let mut rng = Rng::new(1, Purpose::Cases, 0);
            // Few values, so that there are ties.
            let mut draw = |n: usize| (0..n).map(|_| rng.below(3) as f32 - 1.0).collect::<Vec<f32>>();
            let (u, i) = (draw(users * dim), draw(items * dim));
            let case = |user: usize| Case {
                user: user as u32,
                profile: 0,
                history: vec![],
                seen: (0..items as u32).filter(|item| (item + user as u32) % 5 == 0).collect(),
                relevant: (0..items as u32).filter(|item| (item + user as u32) % 5 == 1).collect(),
            };
            let cases: Vec<Case> = (0..users).map(case).collect();
            let got = rank(&u, &i, dim, &cases, k);
            for (user, got) in got.iter().enumerate() {
                let score = |item: u32| -> f32 { (0..dim).map(|d| u[user * dim + d] * i[item as usize * dim + d]).sum() };
                let mut all: Vec<u32> = (0..items as u32).filter(|item| cases[user].seen.binary_search(item).is_err()).collect();
                all.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
                all.truncate(k);
                assert_eq!(got, &all);
            }
        }
    }

    #[test]
    fn measures_by_hand() {
        let case = Case { user: 0, profile: 0, history: vec![], seen: vec![], relevant: vec![1, 4, 9] };
        let quality = quality(&[vec![4, 2, 9, 1]], &[case], 3);
        let expected = (1.0 + 0.5) / (1.0 + 1.0 / 3f64.log2() + 0.5);
        assert!((quality.recall - 2.0 / 3.0).abs() < 1e-12 && (quality.ndcg - expected).abs() < 1e-12);
    }
}
