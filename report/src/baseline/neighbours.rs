//! Item-based nearest neighbours (Sarwar et al. 2001; Deshpande and Karypis 2004).

use std::collections::HashMap;

use super::Baseline;
use crate::Histories;

/// A user with more items than this adds nothing to what items have in common: it costs the square of them, and says least.
const LONGEST: usize = 2000;

/// Items by the cosine of their sets of users with those of the history: the sum over the history, each item's nearest neighbours only.
#[derive(Clone, Debug)]
pub struct Neighbours {
    /// By item: neighbours and similarities, nearest first.
    near: Vec<Vec<(u32, f32)>>,
}

impl Neighbours {
    /// Keeps the `neighbours` nearest of each item.
    pub fn new(histories: &Histories, neighbours: usize) -> Self {
        let users_of = histories.transposed();
        let counts = histories.counts();
        let near = (0..histories.items()).map(|item| {
            let mut common: HashMap<u32, u32> = HashMap::new();
            for &user in users_of.of(item) {
                let items = histories.of(user as usize);
                if items.len() <= LONGEST {
                    items.iter().for_each(|&other| *common.entry(other).or_default() += 1);
                }
            }
            let cosine = |other: u32, shared: u32| f64::from(shared) / (f64::from(counts[item]) * f64::from(counts[other as usize])).sqrt();
            let mut near: Vec<(u32, f32)> = common
                .into_iter()
                .filter(|(other, _)| *other as usize != item)
                .map(|(other, shared)| (other, cosine(other, shared) as f32))
                .collect();
            near.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            near.truncate(neighbours);
            near
        });
        Self { near: near.collect() }
    }
}

impl Baseline for Neighbours {
    fn name(&self) -> &'static str {
        "item-kNN (cosine)"
    }

    fn scores(&self, history: &[u32]) -> Vec<f32> {
        let mut scores = vec![0.0; self.near.len()];
        for near in history.iter().filter_map(|&item| self.near.get(item as usize)) {
            near.iter().for_each(|&(item, similarity)| scores[item as usize] += similarity);
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    #[test]
    fn similarities_are_cosines_of_columns() {
        let mut dice = Dice::new(5);
        let (users, items) = (40, 13);
        let table: Vec<Vec<bool>> = (0..users).map(|_| (0..items).map(|_| dice.below(3) == 0).collect()).collect();
        let pairs = table
            .iter()
            .enumerate()
            .flat_map(|(user, row)| row.iter().enumerate().filter(|(_, has)| **has).map(move |(item, _)| (user as u32, item as u32)));
        let neighbours = Neighbours::new(&Histories::new(users, items, pairs), items);
        for item in 0..items {
            let scores = neighbours.scores(&[item as u32]);
            for other in (0..items).filter(|&other| other != item) {
                let dot = table.iter().filter(|row| row[item] && row[other]).count() as f64;
                let norm = |at: usize| (table.iter().filter(|row| row[at]).count() as f64).sqrt();
                let cosine = dot / (norm(item) * norm(other)).max(1e-9);
                assert!((f64::from(scores[other]) - cosine).abs() < 1e-6, "{item} {other}");
            }
            assert_eq!(scores[item], 0.0, "an item is no neighbour of itself");
        }
    }

    #[test]
    fn only_the_nearest_are_kept() {
        let histories = Histories::new(3, 3, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 2)]);
        let scores = Neighbours::new(&histories, 1).scores(&[0]);
        assert!(scores[1] > 0.0 && scores[2] == 0.0, "{scores:?}");
    }
}
