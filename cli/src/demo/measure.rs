//! What recommendations are worth: hit rate and NDCG against held-out clicks.

use serde::Serialize;

/// Length of the lists that are judged.
pub(super) const K: usize = 10;

/// The mean over shoppers.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub(super) struct Quality {
    /// Share of shoppers of whom at least one of the ten was clicked.
    pub(super) hit_rate: f64,
    /// Normalised discounted cumulative gain at ten, binary relevance (Järvelin, Kekäläinen 2002).
    pub(super) ndcg: f64,
}

/// Sums up shopper by shopper.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    shoppers: usize,
    hits: usize,
    ndcg: f64,
}

impl Tally {
    /// Judges one shopper's list, best first; only its first ten count. `relevant` holds each product once.
    pub(super) fn add(&mut self, list: &[usize], relevant: &[usize]) {
        let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
        let (mut got, mut hit) = (0.0, false);
        for (rank, number) in list.iter().take(K).enumerate() {
            if relevant.contains(number) {
                got += gain(rank);
                hit = true;
            }
        }
        let best: f64 = (0..relevant.len().min(K)).map(gain).sum();
        self.shoppers += 1;
        self.hits += usize::from(hit);
        self.ndcg += if best > 0.0 { got / best } else { 0.0 };
    }

    /// The means; zeros without shoppers.
    pub(super) fn quality(&self) -> Quality {
        let shoppers = self.shoppers.max(1) as f64;
        Quality { hit_rate: self.hits as f64 / shoppers, ndcg: self.ndcg / shoppers }
    }
}

/// The value below which `percent` of a hundred lie (nearest rank); 0 of nothing.
pub(super) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1) - 1;
    values.get(rank).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_counts_more_the_higher_it_stands() {
        let ndcg = |list: &[usize], relevant: &[usize]| {
            let mut tally = Tally::default();
            tally.add(list, relevant);
            tally.quality().ndcg
        };
        assert!((ndcg(&[1, 2], &[2, 1]) - 1.0).abs() < 1e-12);
        assert!((ndcg(&[9, 1], &[1]) - 1.0 / 3_f64.log2()).abs() < 1e-12);
        assert!(ndcg(&[1, 9], &[1]) > ndcg(&[9, 1], &[1]));
        assert_eq!(ndcg(&[9], &[1]), 0.0);
        let beyond: Vec<usize> = (0..=K).collect();
        assert_eq!(ndcg(&beyond, &[K]), 0.0);
    }

    #[test]
    fn the_hit_rate_is_a_share_of_shoppers() {
        let mut tally = Tally::default();
        assert_eq!(tally.quality(), Quality::default());
        tally.add(&[1, 2], &[1, 2]);
        tally.add(&[3], &[1]);
        assert_eq!(tally.quality().hit_rate, 0.5);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut values = vec![4.0, 1.0, 3.0, 2.0];
        assert_eq!((percentile(&mut values, 50), percentile(&mut values, 99)), (2.0, 4.0));
        assert_eq!(percentile(&mut [], 50), 0.0);
    }
}
