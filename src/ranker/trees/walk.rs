//! Trees laid out to be walked by a block of rows.
//!
//! Rows do not branch: which way a row goes is added to its place, so that the CPU has nothing to guess and walks many rows at once.

use super::block::{Block, NEAR};
use super::ensemble::Link;
use super::key::{HIGHEST, LOWEST};
use super::lower::Node;

/// Levels that complete trees have at least; these are walked by all rows of a block in the same instructions.
const TOP: u32 = 3;
/// Levels that complete trees have at most: 256 leaves.
const MOST: u32 = 8;

/// One tree.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tree {
    /// All leaves are `levels` below the root: `2^levels` entries each of [`Layout::complete`] and [`Layout::values`] from `at` on.
    Complete { levels: u32, at: u32 },
    /// Branches that link to each other.
    Linked { root: u32 },
}

/// A branch of a complete tree: keys above `key` go right.
#[derive(Clone, Copy, Debug, Default)]
struct Split {
    key: i32,
    /// Below [`NEAR`].
    column: u32,
}

/// A branch that links to others, or, where `steps` is none, a leaf that links to itself.
#[derive(Clone, Copy, Debug)]
struct Step {
    column: u32,
    /// The keys from here on...
    from: i32,
    /// ... and so many after it go to `to[1]`, all others to `to[0]`.
    span: u32,
    to: [u32; 2],
}

/// All trees of an ensemble.
pub(super) struct Layout {
    trees: Vec<Tree>,
    /// Complete trees, each breadth-first from entry 1 on: below entry i stand 2i and 2i + 1.
    complete: Vec<Split>,
    /// Their leaves' values, from left to right.
    values: Vec<f32>,
    /// Linked trees: first a step for each leaf of the ensemble, then the branches.
    steps: Vec<Step>,
    leaves: usize,
}

impl Layout {
    /// Lays the trees out; `depths` has the longest path of each. `values`, the one number of each leaf, is there for ensembles with one target:
    /// only they may be complete.
    pub(super) fn new(nodes: &[Node], roots: &[Link], depths: &[u32], leaves: usize, values: Option<&[f32]>) -> Self {
        let step_of = |link: Link| match link {
            Link::Leaf(leaf) => leaf,
            Link::Branch(node) => leaves as u32 + node,
        };
        let mut layout = Self { trees: Vec::new(), complete: Vec::new(), values: Vec::new(), steps: Vec::new(), leaves };
        for (&root, &depth) in roots.iter().zip(depths) {
            let complete = values.and_then(|values| layout.complete(nodes, root, depth, values));
            layout.trees.push(complete.unwrap_or(Tree::Linked { root: step_of(root) }));
        }
        if layout.trees.iter().any(|tree| matches!(tree, Tree::Linked { .. })) {
            let leaf = |at: u32| Step { column: 0, from: LOWEST, span: u32::MAX, to: [at; 2] };
            layout.steps.extend((0..leaves as u32).map(leaf));
            layout.steps.extend(nodes.iter().map(|node| {
                let (from, to) = (*node.range.start(), *node.range.end());
                let span = to.wrapping_sub(from).cast_unsigned();
                Step { column: node.column, from, span, to: [step_of(node.no), step_of(node.yes)] }
            }));
        }
        layout
    }

    pub(super) fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// Adds a tree in complete form: shorter paths are filled up with branches that all rows pass to the left. `None` where that does not pay,
    /// or a test has two ends.
    fn complete(&mut self, nodes: &[Node], root: Link, depth: u32, values: &[f32]) -> Option<Tree> {
        if depth == 0 || depth > MOST {
            return None;
        }
        let levels = depth.max(TOP);
        let size = 1usize << levels;
        let at = self.complete.len();
        self.complete.resize(at + size, Split { key: HIGHEST, column: 0 });
        self.values.resize(at + size, 0.0);
        // The place of a link: in the level above the leaves' the places of leaves follow.
        let mut todo = vec![(root, 1usize)];
        let mut paths = 0;
        while let Some((link, place)) = todo.pop() {
            match link {
                Link::Branch(node) => {
                    let node = &nodes[node as usize];
                    let split = one_sided(node).filter(|split| (split.0.column as usize) < NEAR);
                    let Some((split, left, right)) = split else {
                        self.complete.truncate(at);
                        self.values.truncate(at);
                        return None;
                    };
                    self.complete[at + place] = split;
                    todo.extend([(left, 2 * place), (right, 2 * place + 1)]);
                }
                Link::Leaf(leaf) => {
                    let leftmost = place << (levels - place.ilog2());
                    self.values[at + leftmost - size] = values[leaf as usize];
                    paths += 1;
                }
            }
        }
        // Up to 64 leaves cost less than they look: the filling is never loaded.
        if levels > 6 && size > 4 * paths {
            self.complete.truncate(at);
            self.values.truncate(at);
            return None;
        }
        Some(Tree::Complete { levels, at: at as u32 })
    }

    /// What the rows of a block get from a complete tree.
    #[inline]
    pub(super) fn values<const L: usize>(&self, levels: u32, at: u32, block: &Block<L>) -> [f32; L] {
        let (splits, values) = (&self.complete[at as usize..], &self.values[at as usize..]);
        match levels {
            3 => complete::<8, L>(splits, values, block),
            4 => complete::<16, L>(splits, values, block),
            5 => complete::<32, L>(splits, values, block),
            6 => complete::<64, L>(splits, values, block),
            7 => complete::<128, L>(splits, values, block),
            _ => complete::<256, L>(splits, values, block),
        }
    }

    /// The leaves at which the rows of a block end in a linked tree.
    #[inline]
    pub(super) fn leaves<const L: usize>(&self, root: u32, block: &Block<L>) -> [u32; L] {
        let keys = block.columns();
        let mut at = [root; L];
        // At a leaf a row stays, so rows need not be looked at after every step.
        while at.iter().any(|&at| at as usize >= self.leaves) {
            for _ in 0..3 {
                for (lane, at) in at.iter_mut().enumerate() {
                    let step = &self.steps[*at as usize];
                    let above = keys[step.column as usize][lane].wrapping_sub(step.from).cast_unsigned();
                    *at = step.to[usize::from(above <= step.span)];
                }
            }
        }
        at
    }
}

/// A node as a split at one key, with what is left and right of it; `None` for a range with two ends.
fn one_sided(node: &Node) -> Option<(Split, Link, Link)> {
    (*node.range.start() == LOWEST).then(|| (Split { key: *node.range.end(), column: node.column }, node.yes, node.no))
}

/// Walks a complete tree with `SIZE` leaves, level by level.
#[inline]
fn complete<const SIZE: usize, const L: usize>(splits: &[Split], values: &[f32], block: &Block<L>) -> [f32; L] {
    let (Some(splits), Some(values)) = (splits.first_chunk::<SIZE>(), values.first_chunk::<SIZE>()) else { return [0.0; L] };
    let keys = block.near();
    let mut at = top(splits, keys);
    for _ in TOP..SIZE.ilog2() {
        for (lane, at) in at.iter_mut().enumerate() {
            let split = splits[*at as usize % SIZE];
            *at = 2 * *at + u32::from(keys[split.column as usize % NEAR][lane] > split.key);
        }
    }
    at.map(|at| values[at as usize % SIZE])
}

/// The first three levels, in which all branches are asked for all rows: a few instructions for the whole block, and nothing to wait for.
/// Gives the places on the fourth level, 8 to 15. Answers are masks of all bits or none, which vectors are compared and mixed with.
#[inline]
fn top<const SIZE: usize, const L: usize>(splits: &[Split; SIZE], keys: &[[i32; L]; NEAR]) -> [u32; L] {
    let right = |at: usize| -> [i32; L] {
        let split = splits[at % SIZE];
        keys[split.column as usize % NEAR].map(|key| -i32::from(key > split.key))
    };
    let pick = |mask: &[i32; L], no: &[i32; L], yes: &[i32; L]| -> [i32; L] {
        std::array::from_fn(|lane| no[lane] ^ ((no[lane] ^ yes[lane]) & mask[lane]))
    };
    let first = right(1);
    let second = pick(&first, &right(2), &right(3));
    let third = pick(&first, &pick(&second, &right(4), &right(5)), &pick(&second, &right(6), &right(7)));
    std::array::from_fn(|lane| (8 + (4 & first[lane]) + (2 & second[lane]) + (1 & third[lane])).cast_unsigned())
}
