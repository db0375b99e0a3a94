//! Trees as they compute: in f32, as the exported ranker does.

use rayon::prelude::*;

/// Rows that are scored together.
const ROWS: usize = 512;

/// Where a branch leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// To another branch of the tree, by its number.
    Branch(u32),
    /// To a leaf, by its number.
    Leaf(u32),
}

/// A question about a feature.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Branch {
    /// The feature, by its place.
    pub feature: u32,
    /// What is at most this goes left, all else right; never NaN.
    pub threshold: f32,
    /// Whether a missing feature (NaN) goes left.
    pub missing_left: bool,
    /// Where left leads.
    pub left: Next,
    /// Where right leads.
    pub right: Next,
}

/// A tree: every branch leads to ones of higher numbers or to leaves, and the first branch is the root.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tree {
    /// Questions; a tree without any is its one leaf.
    pub branches: Vec<Branch>,
    /// What each leaf adds to the score.
    pub leaves: Vec<f32>,
}

impl Tree {
    /// What the tree adds to the score of a row.
    pub(super) fn value(&self, row: &[f32]) -> f32 {
        let mut next = if self.branches.is_empty() { Next::Leaf(0) } else { Next::Branch(0) };
        loop {
            match next {
                Next::Leaf(leaf) => return self.leaves.get(leaf as usize).copied().unwrap_or(0.0),
                Next::Branch(branch) => {
                    let branch = &self.branches[branch as usize];
                    let value = row[branch.feature as usize];
                    let left = if value.is_nan() { branch.missing_left } else { value <= branch.threshold };
                    next = if left { branch.left } else { branch.right };
                }
            }
        }
    }
}

/// A trained ranker: the score of a row is the sum of its trees, in their order.
#[derive(Clone, PartialEq, Debug)]
pub struct Forest {
    /// Names of the features, in the order of a row.
    pub features: Vec<String>,
    /// The trees.
    pub trees: Vec<Tree>,
    /// How much the splits by each feature lowered the cost, in all trees.
    pub gains: Vec<f64>,
}

impl Forest {
    /// Scores of rows of features, row after row; missing ones are NaN. Higher is better.
    #[must_use]
    pub fn scores(&self, rows: &[f32]) -> Vec<f32> {
        let width = self.features.len().max(1);
        let score = |row: &[f32]| self.trees.iter().fold(0f32, |sum, tree| sum + tree.value(row));
        rows.par_chunks(ROWS * width).flat_map_iter(|rows| rows.chunks_exact(width).map(score)).collect()
    }
}
