//! One tree: the leaf of which a split gains most is split, again and again (leaf-wise growth; Shi 2007, "Best-first decision tree learning").

use super::bins::Binned;
use super::forest::{Branch, Next, Tree};
use super::histogram::{Histogram, Sum};
use super::lambda::Gradient;
use super::split::{Rule, Split, best};

/// What all trees are grown by.
pub(super) struct Ground<'b> {
    pub(super) binned: &'b Binned,
    pub(super) rule: Rule,
    pub(super) leaves: usize,
    pub(super) rate: f32,
}

/// A tree, and which rows came to which leaf.
pub(super) struct Grown {
    pub(super) tree: Tree,
    /// The rows that it was grown on, leaf after leaf.
    pub(super) rows: Vec<u32>,
    /// Where each leaf's rows begin in them, and how many there are.
    pub(super) ranges: Vec<(usize, usize)>,
    /// What the splits gained, by feature.
    pub(super) gains: Vec<(u32, f64)>,
}

/// A leaf that may still be split.
struct Leaf {
    /// Its rows: from where, and how many.
    from: usize,
    count: usize,
    sum: Sum,
    histogram: Histogram,
    split: Option<Split>,
    /// The branch that leads here, and whether by its left.
    parent: Option<(usize, bool)>,
}

impl Ground<'_> {
    /// Grows a tree on some rows (ascending) by some features (ascending). Without a split that is allowed and gains, it is a leaf.
    pub(super) fn grow(&self, gradients: &[Gradient], mut rows: Vec<u32>, features: &[u32]) -> Grown {
        let (mut tree, mut gains, mut right_rows, mut gathered) = (Tree::default(), Vec::new(), Vec::new(), Vec::new());
        let mut sum = Sum::default();
        rows.iter().for_each(|&row| sum.add(gradients[row as usize]));
        let histogram = self.histogram(gradients, &rows, features, &mut gathered);
        let split = best(self.binned, &histogram, features, sum, self.rule);
        let mut leaves = vec![Leaf { from: 0, count: rows.len(), sum, histogram, split, parent: None }];
        while leaves.len() < self.leaves {
            let Some((at, split)) = next(&leaves) else { break };
            let bins = &self.binned.bins[split.feature as usize];
            let leaf = leaves.swap_remove(at);
            let branch = tree.branches.len();
            tree.branches.push(Branch {
                feature: split.feature,
                threshold: bins.bound(split.bin),
                missing_left: split.missing_left,
                left: Next::Leaf(0),
                right: Next::Leaf(0),
            });
            link(&mut tree, leaf.parent, Next::Branch(branch as u32));
            gains.push((split.feature, split.gain));
            let codes = &self.binned.codes[split.feature as usize];
            let part = &mut rows[leaf.from..leaf.from + leaf.count];
            let lefts = partition(part, &mut right_rows, |row| split.goes_left(usize::from(codes[row as usize]), bins.missing()));
            let (left_part, right_part) = part.split_at(lefts);
            // The smaller one is counted, the larger one is the rest.
            let left_smaller = left_part.len() <= right_part.len();
            let smaller = self.histogram(gradients, if left_smaller { left_part } else { right_part }, features, &mut gathered);
            let larger = leaf.histogram.without(&smaller);
            let (left, right) = if left_smaller { (smaller, larger) } else { (larger, smaller) };
            let child = |histogram: Histogram, sum: Sum, from: usize, count: usize, is_left: bool| {
                let split = best(self.binned, &histogram, features, sum, self.rule);
                Leaf { from, count, sum, histogram, split, parent: Some((branch, is_left)) }
            };
            leaves.push(child(left, split.left, leaf.from, lefts, true));
            leaves.push(child(right, split.right, leaf.from + lefts, leaf.count - lefts, false));
        }
        leaves.sort_unstable_by_key(|leaf| leaf.from);
        for (number, leaf) in (0..).zip(&leaves) {
            link(&mut tree, leaf.parent, Next::Leaf(number));
            tree.leaves.push((self.rule.step(leaf.sum) * f64::from(self.rate)) as f32);
        }
        let ranges = leaves.iter().map(|leaf| (leaf.from, leaf.count)).collect();
        Grown { tree, rows, ranges, gains }
    }

    fn histogram(&self, gradients: &[Gradient], rows: &[u32], features: &[u32], gathered: &mut Vec<Gradient>) -> Histogram {
        gathered.clear();
        gathered.extend(rows.iter().map(|&row| gradients[row as usize]));
        Histogram::new(self.binned, features, rows, gathered)
    }
}

/// The leaf whose split gains most, of several such the one of the first rows.
fn next(leaves: &[Leaf]) -> Option<(usize, Split)> {
    let mut best: Option<(usize, Split)> = None;
    for (at, leaf) in leaves.iter().enumerate() {
        let Some(split) = leaf.split else { continue };
        let better = best.is_none_or(|(known, most)| split.gain > most.gain || (split.gain == most.gain && leaf.from < leaves[known].from));
        if better {
            best = Some((at, split));
        }
    }
    best
}

fn link(tree: &mut Tree, parent: Option<(usize, bool)>, to: Next) {
    if let Some((branch, is_left)) = parent {
        let branch = &mut tree.branches[branch];
        *(if is_left { &mut branch.left } else { &mut branch.right }) = to;
    }
}

/// Brings the rows that go left to the front, all in the order in which they were; how many those are.
fn partition(rows: &mut [u32], right: &mut Vec<u32>, goes_left: impl Fn(u32) -> bool) -> usize {
    right.clear();
    let mut lefts = 0;
    for at in 0..rows.len() {
        let row = rows[at];
        if goes_left(row) {
            rows[lefts] = row;
            lefts += 1;
        } else {
            right.push(row);
        }
    }
    rows[lefts..].copy_from_slice(right);
    lefts
}
