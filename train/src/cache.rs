//! Item vectors of the batches before, which are negatives once more (Wang, Zhu and He, "Cross-batch negative sampling for training two-tower
//! recommenders", 2021). They are as they were then, and nothing is learnt through them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The chosen items of the last batches, oldest first.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Cache {
    held: Held,
    /// One vector an item.
    vectors: Vec<f32>,
}

/// What a cache holds beside the vectors.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Items of each batch.
    sizes: VecDeque<usize>,
    /// Rows of the items.
    items: Vec<u32>,
}

impl Cache {
    /// What a checkpoint held, where it fits together: `items` are those of the data.
    pub(crate) fn new(held: Held, vectors: Vec<f32>, dim: usize, items: usize) -> Option<Self> {
        let count = held.sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size))?;
        let fits = count == held.items.len() && vectors.len() == count.checked_mul(dim)?;
        (fits && held.items.iter().all(|item| (*item as usize) < items)).then_some(Self { held, vectors })
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    pub(crate) fn items(&self) -> &[u32] {
        &self.held.items
    }

    pub(crate) fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// Takes a batch's chosen items, and lets go of the oldest batches beyond `most`.
    pub(crate) fn push(&mut self, items: &[u32], vectors: &[f32], most: usize) {
        if most == 0 || items.is_empty() {
            return;
        }
        let dim = vectors.len() / items.len();
        while self.held.sizes.len() >= most
            && let Some(size) = self.held.sizes.pop_front()
        {
            self.held.items.drain(..size);
            self.vectors.drain(..size * dim);
        }
        self.held.sizes.push_back(items.len());
        self.held.items.extend_from_slice(items);
        self.vectors.extend_from_slice(vectors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_batches_are_held() {
        for most in 0..4 {
            let mut cache = Cache::default();
            let mut batches: Vec<(Vec<u32>, Vec<f32>)> = Vec::new();
            for n in 0..9usize {
                let items: Vec<u32> = (0..[3, 1, 4][n % 3]).map(|at| (10 * n + at) as u32).collect();
                let vectors: Vec<f32> = items.iter().flat_map(|item| [*item as f32, -1.0]).collect();
                cache.push(&items, &vectors, most);
                batches.push((items, vectors));
                let kept = &batches[batches.len().saturating_sub(most)..];
                assert_eq!(cache.items(), kept.iter().flat_map(|(items, _)| items).copied().collect::<Vec<u32>>());
                assert_eq!(cache.vectors(), kept.iter().flat_map(|(_, vectors)| vectors).copied().collect::<Vec<f32>>());
                assert_eq!(Cache::new(cache.held().clone(), cache.vectors().to_vec(), 2, 90), Some(cache.clone()));
            }
            if most > 0 {
                let held = cache.held();
                for (dim, items) in [(1, 90), (3, 90), (2, 80)] {
                    assert_eq!(Cache::new(held.clone(), cache.vectors().to_vec(), dim, items), None);
                }
            }
        }
    }
}
