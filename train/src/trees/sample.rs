//! The rows and features that a tree is grown on.

use super::options::TreeOptions;
use crate::rng::{Purpose, Rng};

/// Rows of a tree, ascending: each is drawn on its own.
pub(super) fn rows(options: &TreeOptions, tree: usize, count: usize) -> Vec<u32> {
    if options.row_share >= 1.0 {
        return (0..count as u32).collect();
    }
    let mut rng = Rng::new(options.seed, Purpose::Rows, tree as u64);
    (0..count as u32).filter(|_| rng.uniform() < options.row_share).collect()
}

/// Features of a tree, ascending: a share of them, one at least.
pub(super) fn features(options: &TreeOptions, tree: usize, count: usize) -> Vec<u32> {
    let mut all: Vec<u32> = (0..count as u32).collect();
    let kept = ((f64::from(options.feature_share) * count as f64).ceil() as usize).clamp(1, count.max(1));
    if kept < count {
        Rng::new(options.seed, Purpose::Features, tree as u64).shuffle(&mut all);
        all.truncate(kept);
        all.sort_unstable();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_drawn_and_repeat() {
        let options = TreeOptions { row_share: 0.3, feature_share: 0.5, ..TreeOptions::default() };
        let drawn = rows(&options, 4, 10_000);
        assert!((2_800..3_200).contains(&drawn.len()) && drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(drawn, rows(&options, 4, 10_000));
        assert_ne!(drawn, rows(&options, 5, 10_000));
        assert_eq!(rows(&TreeOptions { row_share: 1.0, ..options.clone() }, 4, 3), [0, 1, 2]);
        let some = features(&options, 1, 7);
        assert!(some.len() == 4 && some.windows(2).all(|pair| pair[0] < pair[1]) && some != features(&options, 2, 7));
        assert_eq!(features(&options, 1, 1), [0]);
    }
}
