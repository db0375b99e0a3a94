//! What kind of items are shown, whatever their worth: how many different ones, how known, how alike.

use std::collections::HashSet;

use serde::Serialize;

/// Means over the lists of hits; `None` where there is nothing to take them of.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Exposure {
    /// Distinct items shown, over all items.
    pub coverage: Option<f64>,
    /// Mean self-information of what is shown, in bits: -log2 of the item's share of the users (Zhou et al. 2010), one user added to each so
    /// that new items count.
    pub novelty: Option<f64>,
    /// Mean number of users of what is shown, over that of what users chose: above 1, popular items are pushed (Jannach et al. 2015).
    pub popularity_lift: Option<f64>,
    /// Mean over the lists of 1 - the cosine of two of their items (Ziegler et al. 2005); `None` without vectors.
    pub diversity: Option<f64>,
}

/// Adds up the lists.
#[derive(Clone, Debug)]
pub struct ExposureCount<'a> {
    counts: &'a [u32],
    users: usize,
    shown: HashSet<u32>,
    information: Mean,
    popularity: Mean,
    chosen: Mean,
    diversity: Mean,
}

#[derive(Clone, Copy, Default, Debug)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn get(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl<'a> ExposureCount<'a> {
    /// `counts`: users of each item before the held-out time; `users`: how many users there were.
    pub fn new(counts: &'a [u32], users: usize) -> Self {
        let none = Mean::default();
        Self { counts, users, shown: HashSet::new(), information: none, popularity: none, chosen: none, diversity: none }
    }

    /// Adds a list: the items shown and the items chosen, by number, and the shown items' vectors where they are known.
    pub fn add(&mut self, shown: &[u32], chosen: &[u32], vectors: Option<&[&[f32]]>) {
        for &item in shown {
            let count = f64::from(self.count(item));
            self.shown.insert(item);
            self.information.add(-((count + 1.0) / (self.users as f64 + 1.0)).log2());
            self.popularity.add(count);
        }
        for &item in chosen {
            self.chosen.add(f64::from(self.count(item)));
        }
        if let Some(diversity) = vectors.and_then(diversity) {
            self.diversity.add(diversity);
        }
    }

    /// The means so far.
    pub fn get(&self) -> Exposure {
        let lift = self.popularity.get().zip(self.chosen.get()).filter(|(_, chosen)| *chosen > 0.0);
        Exposure {
            coverage: (!self.counts.is_empty() && !self.shown.is_empty()).then(|| self.shown.len() as f64 / self.counts.len() as f64),
            novelty: self.information.get(),
            popularity_lift: lift.map(|(shown, chosen)| shown / chosen),
            diversity: self.diversity.get(),
        }
    }

    fn count(&self, item: u32) -> u32 {
        self.counts.get(item as usize).copied().unwrap_or(0)
    }
}

/// 1 - the mean cosine of all pairs; `None` of less than two vectors. A vector of zeros is like no other.
fn diversity(vectors: &[&[f32]]) -> Option<f64> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let mut cosines = Mean::default();
    for (at, a) in vectors.iter().enumerate() {
        for b in &vectors[..at] {
            let lengths = (dot(a, a) * dot(b, b)).sqrt();
            cosines.add(if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 });
        }
    }
    cosines.get().map(|mean| 1.0 - mean)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn exposure_by_hand() {
        let counts = [3, 1, 0, 7];
        let mut exposure = ExposureCount::new(&counts, 7);
        assert_eq!(exposure.get(), Exposure { coverage: None, novelty: None, popularity_lift: None, diversity: None });
        exposure.add(&[0, 3], &[1], Some(&[&[1.0, 0.0], &[0.0, 2.0]]));
        exposure.add(&[3, 2], &[0], Some(&[&[0.0, 2.0], &[0.0, 1.0]]));
        let got = exposure.get();
        assert_eq!(got.coverage, Some(3.0 / 4.0));
        // Shares with one added: 4/8, 8/8, 8/8, 1/8: 1, 0, 0 and 3 bits.
        assert!((got.novelty.unwrap() - 1.0).abs() < 1e-12);
        assert!((got.popularity_lift.unwrap() - ((3.0 + 7.0 + 7.0) / 4.0) / 2.0).abs() < 1e-12);
        assert!((got.diversity.unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn lists_of_one_have_no_diversity_and_unknown_items_nobody() {
        let mut exposure = ExposureCount::new(&[], 3);
        exposure.add(&[9], &[9], Some(&[&[1.0]]));
        let got = exposure.get();
        assert_eq!((got.coverage, got.popularity_lift, got.diversity), (None, None, None));
        assert_eq!(got.novelty, Some(2.0));
        assert_eq!(diversity(&[&[0.0], &[1.0]]), Some(1.0));
    }
}
