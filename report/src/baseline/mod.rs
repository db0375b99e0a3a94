//! What a model has to beat: recommendations that take no training worth the name. All are computed from [`Histories`](crate::Histories).

mod cholesky;
mod ease;
mod neighbours;
mod popularity;

pub use ease::Ease;
pub use neighbours::Neighbours;
pub use popularity::Popularity;

/// Scores all items for somebody with a history.
pub trait Baseline: Sync {
    /// As reports call it.
    fn name(&self) -> &'static str;

    /// Each item's score, higher is better; `history` are items' numbers.
    fn scores(&self, history: &[u32]) -> Vec<f32>;

    /// The `k` best items that are not in `seen`, best first, equal ones by number.
    fn recommend(&self, history: &[u32], seen: &[u32], k: usize) -> Vec<u32> {
        let mut scores = self.scores(history);
        for &item in seen {
            if let Some(score) = scores.get_mut(item as usize) {
                *score = f32::NEG_INFINITY;
            }
        }
        best(&scores, k)
    }
}

/// The `k` best, without those that are ruled out (minus infinity).
fn best(scores: &[f32], k: usize) -> Vec<u32> {
    let order = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
    let mut items: Vec<u32> = (0..).zip(scores).filter(|(_, score)| **score > f32::NEG_INFINITY).map(|(item, _)| item).collect();
    if k < items.len() {
        items.select_nth_unstable_by(k, order);
        items.truncate(k);
    }
    items.sort_unstable_by(order);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_in_order_and_equal_ones_by_number() {
        let scores = [1.0, f32::NEG_INFINITY, 3.0, 1.0, 2.0, -5.0];
        assert_eq!(best(&scores, 4), [2, 4, 0, 3]);
        assert_eq!(best(&scores, 99), [2, 4, 0, 3, 5]);
        assert_eq!(best(&scores, 0), [0_u32; 0]);
        assert_eq!(best(&[], 3), [0_u32; 0]);
    }
}
