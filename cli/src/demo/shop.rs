//! The whole shop: catalogue, shoppers and their visits, from one seed.

use rayon::prelude::*;

use super::catalogue::Catalogue;
use super::clicks::{Split, sessions};
use super::shopper::Shopper;
use super::time::HELD_OUT;

/// Everything that a seed makes.
#[derive(Clone, Debug)]
pub(super) struct Shop {
    /// The products.
    pub(super) catalogue: Catalogue,
    /// The shoppers, each with what they looked at.
    pub(super) shoppers: Vec<(Shopper, Split)>,
}

impl Shop {
    /// Makes a shop. The same on every machine and with any number of threads: each shopper has a stream of numbers of their own.
    pub(super) fn new(seed: u64, products: usize, shoppers: usize) -> Self {
        let catalogue = Catalogue::new(seed, products);
        let shoppers = (0..shoppers)
            .into_par_iter()
            .map(|number| {
                let shopper = Shopper::new(seed, number);
                let split = Split::new(sessions(seed, &catalogue, &shopper));
                (shopper, split)
            })
            .collect();
        Self { catalogue, shoppers }
    }

    /// How often each product was clicked before the held-out days.
    pub(super) fn popularity(&self) -> Vec<u32> {
        self.popularity_before(HELD_OUT)
    }

    /// The same before an earlier moment.
    pub(super) fn popularity_before(&self, moment: i64) -> Vec<u32> {
        let mut counts = vec![0; self.catalogue.products.len()];
        for (_, split) in &self.shoppers {
            for session in split.before.iter().filter(|session| session.at < moment) {
                session.clicks.iter().for_each(|&number| counts[number] += 1);
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_shop_for_ever() {
        let shop = Shop::new(1, 1000, 40);
        let clicks: Vec<usize> = shop.shoppers.iter().flat_map(|(_, split)| split.seen()).collect();
        // Pinned: the committed towers were trained on seed 1, so what it makes must not change.
        let sum = clicks.iter().enumerate().fold(0_u64, |sum, (at, &number)| sum.wrapping_mul(31).wrapping_add((at ^ number) as u64));
        assert_eq!((clicks.len(), sum), (1963, 11_292_591_726_801_002_469));
        assert_eq!(shop.popularity().iter().map(|&n| n as usize).sum::<usize>(), clicks.len());
    }
}
