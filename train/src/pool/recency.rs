//! A mean in which newer items weigh more.

use crate::entities::Lists;

/// What the item `back` places from the newest weighs: a half every `half_life` places.
pub(crate) fn recency_weight(back: usize, half_life: f32) -> f32 {
    (-(back as f32) / half_life).exp2()
}

/// The lists with weights that sum up to 1; lists are oldest first.
pub(crate) fn recency(lists: &Lists, half_life: f32) -> Lists {
    let mut weights = Vec::with_capacity(lists.indexes.len());
    for pair in lists.starts.windows(2) {
        let count = pair[1] - pair[0];
        let sum: f32 = (0..count).map(|back| recency_weight(back, half_life)).sum();
        weights.extend((0..count).rev().map(|back| recency_weight(back, half_life) / sum));
    }
    Lists { weights: Some(weights), ..lists.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_items_weigh_more() {
        let lists = Lists { starts: vec![0, 0, 1, 4], indexes: vec![9, 1, 2, 3], weights: None };
        let weights = recency(&lists, 1.0).weights.unwrap();
        for (got, expected) in weights.iter().zip([1.0, 1.0 / 7.0, 2.0 / 7.0, 4.0 / 7.0]) {
            assert!((got - expected).abs() < 1e-6);
        }
    }
}
