//! Exact full ranking: every item against every user, and what of it is right.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use torre_kernel::{Into, View};

use crate::dataset::Case;
use crate::loops::KERNEL;

/// Users that are ranked together, and items whose scores are there at once.
const USERS: usize = 72;
const STRIPE: usize = 2048;

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
        .map_init(
            || (vec![0f32; USERS * STRIPE], vec![0u32; STRIPE]),
            |(scores, places), (users, cases)| {
                let mut best: Vec<Best> = cases.iter().map(|_| Best::new(k)).collect();
                for (items, first) in items.chunks(STRIPE * dim).zip((0u32..).step_by(STRIPE)) {
                    let count = items.len() / dim;
                    let scores = &mut scores[..cases.len() * count];
                    KERNEL.multiply(View::new(users, dim), View::new(items, dim).transposed(), scores, count, Into::Set);
                    for ((case, scores), best) in cases.iter().zip(scores.chunks_exact_mut(count)).zip(&mut best) {
                        let seen = &case.seen[case.seen.partition_point(|&item| item < first)..];
                        let seen = seen.iter().take_while(|&&item| item < first + count as u32);
                        seen.for_each(|&item| scores[(item - first) as usize] = f32::NEG_INFINITY);
                        best.take(scores, first, &mut places[..count]);
                    }
                }
                best.into_iter().map(Best::finish).collect()
            },
        )
        .collect();
    chunks.into_iter().flatten().collect()
}

/// The best items of a user so far.
struct Best {
    k: usize,
    list: Vec<(f32, u32)>,
    /// What a score has to reach to be among them.
    bound: f32,
}

impl Best {
    fn new(k: usize) -> Self {
        Self { k, list: Vec::with_capacity(2 * k), bound: f32::MIN }
    }

    /// The better score first, then the lower item.
    fn order(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
        b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
    }

    /// Takes the scores of items from `first` on. `places` is as long as they are.
    fn take(&mut self, scores: &[f32], first: u32, places: &mut [u32]) {
        let found = KERNEL.at_least(scores, self.bound, places);
        self.list.extend(places[..found].iter().map(|&place| (scores[place as usize], first + place)));
        if self.list.len() > self.k {
            self.list.select_nth_unstable_by(self.k - 1, Self::order);
            self.list.truncate(self.k);
            self.bound = self.list.iter().fold(f32::INFINITY, |least, (score, _)| least.min(*score));
        }
    }

    fn finish(mut self) -> Vec<u32> {
        self.list.sort_unstable_by(Self::order);
        // Copied: collecting would keep the room of all that once were candidates.
        self.list.iter().map(|(_, item)| *item).collect()
    }
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
                seen: (0..items as u32).filter(|item| (item + user as u32).is_multiple_of(5)).collect(),
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
