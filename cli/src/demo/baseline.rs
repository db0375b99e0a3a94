//! What any shop can do without a model: show what sells.

use std::cmp::Reverse;

use super::names::CATEGORIES;
use super::report::K;
use super::shop::Shop;

/// Products by how often they were clicked before the held-out days.
#[derive(Clone, Debug)]
pub(super) struct Popularity {
    /// Clicks by product.
    counts: Vec<u32>,
    /// All products, most clicked first; equal ones by number.
    ranking: Vec<usize>,
    /// The same by category, with the clicks of the whole category.
    categories: Vec<(Vec<usize>, u32)>,
    category_of: Vec<usize>,
}

impl Popularity {
    /// Counts the clicks of a shop.
    pub(super) fn new(shop: &Shop) -> Self {
        let counts = shop.popularity();
        let category_of: Vec<usize> = shop.catalogue.products.iter().map(|product| product.category).collect();
        let mut ranking: Vec<usize> = (0..counts.len()).collect();
        ranking.sort_by_key(|&number| (Reverse(counts[number]), number));
        let mut categories = vec![(Vec::new(), 0); CATEGORIES];
        for &number in &ranking {
            let (products, clicks) = &mut categories[category_of[number]];
            products.push(number);
            *clicks += counts[number];
        }
        Self { counts, ranking, categories, category_of }
    }

    /// The same ten for everybody, but for what a shopper has seen.
    pub(super) fn overall(&self, seen: &[usize]) -> Vec<usize> {
        self.ranking.iter().copied().filter(|number| !seen.contains(number)).take(K).collect()
    }

    /// What is popular in the categories that a shopper looks at, by their share of what they looked at.
    pub(super) fn own_categories(&self, seen: &[usize]) -> Vec<usize> {
        let mut looked = [0_u64; CATEGORIES];
        for &number in seen {
            looked[self.category_of[number]] += 1;
        }
        let mut best = Vec::new();
        for ((products, clicks), &times) in self.categories.iter().zip(&looked).filter(|(_, times)| **times > 0) {
            for &number in products.iter().filter(|number| !seen.contains(number)).take(K) {
                // The share of the category's clicks, in parts of a billion.
                let score = times * u64::from(self.counts[number]) * 1_000_000_000 / u64::from(*clicks).max(1);
                best.push((Reverse(score), number));
            }
        }
        best.sort_unstable();
        best.truncate(K);
        if best.is_empty() { self.overall(seen) } else { best.into_iter().map(|(_, number)| number).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_left_out_and_the_most_clicked_comes_first() {
        let shop = Shop::new(1, 500, 60);
        let popularity = Popularity::new(&shop);
        let top = popularity.overall(&[]);
        let clicks = shop.popularity();
        assert_eq!(clicks[top[0]], clicks.iter().copied().max().unwrap_or(0));
        assert!(!popularity.overall(&top[..1]).contains(&top[0]));
        let own = popularity.own_categories(&top[..1]);
        let category = |number: usize| shop.catalogue.products[number].category;
        assert!(own.iter().all(|&number| category(number) == category(top[0]) && number != top[0]));
        assert_eq!(popularity.own_categories(&[]), top);
    }
}
