//! The same for everybody: what most have.

use super::Baseline;
use crate::Histories;

/// Items by their number of users.
#[derive(Clone, Debug)]
pub struct Popularity(Vec<f32>);

impl Popularity {
    /// Counts the users of each item.
    pub fn new(histories: &Histories) -> Self {
        Self(histories.counts().iter().map(|&count| count as f32).collect())
    }
}

impl Baseline for Popularity {
    fn name(&self) -> &'static str {
        "popularity"
    }

    fn scores(&self, _history: &[u32]) -> Vec<f32> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_popular_comes_first_but_for_what_was_seen() {
        let popularity = Popularity::new(&Histories::new(3, 4, [(0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (2, 3)]));
        assert_eq!(popularity.recommend(&[], &[], 3), [1, 2, 3]);
        assert_eq!(popularity.recommend(&[], &[1], 3), [2, 3, 0]);
    }
}
