//! Trees as the file has them, in one form for all operators: branches that link to branches and leaves.

use super::super::limits;
use super::super::proto::too_large;
use crate::model_error::ModelError;

/// What a branch asks of its feature's value `x`. A NaN passes none of these but `Neq`, unless the branch says that missing values pass.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Test {
    /// x <= t.
    Leq(f32),
    /// x < t.
    Lt(f32),
    /// x >= t.
    Gte(f32),
    /// x > t.
    Gt(f32),
    /// x == t.
    Eq(f32),
    /// x != t.
    Neq(f32),
    /// x is one of `members[from..to]`.
    Member {
        /// The first member.
        from: u32,
        /// After the last one.
        to: u32,
    },
}

impl Test {
    /// By its name in the older operators; `None` for a leaf.
    pub(super) fn named(mode: &[u8], threshold: f32) -> Result<Option<Self>, String> {
        Ok(Some(match mode {
            b"LEAF" => return Ok(None),
            b"BRANCH_LEQ" => Self::Leq(threshold),
            b"BRANCH_LT" => Self::Lt(threshold),
            b"BRANCH_GTE" => Self::Gte(threshold),
            b"BRANCH_GT" => Self::Gt(threshold),
            b"BRANCH_EQ" => Self::Eq(threshold),
            b"BRANCH_NEQ" => Self::Neq(threshold),
            other => return Err(format!("the unknown mode {:?}", String::from_utf8_lossy(other))),
        }))
    }

    /// The threshold, where there is one.
    pub(super) fn threshold(self) -> Option<f32> {
        match self {
            Self::Leq(t) | Self::Lt(t) | Self::Gte(t) | Self::Gt(t) | Self::Eq(t) | Self::Neq(t) => Some(t),
            Self::Member { .. } => None,
        }
    }
}

/// Where a path goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Link {
    /// At a branch.
    Branch(u32),
    /// It ends at a leaf.
    Leaf(u32),
}

/// One decision.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Branch {
    /// The column that is asked.
    pub(super) feature: u32,
    /// What is asked.
    pub(super) test: Test,
    /// Whether a missing value (NaN) passes.
    pub(super) missing: bool,
    /// Where it goes on when the test is passed.
    pub(super) yes: Link,
    /// Where it goes on when not.
    pub(super) no: Link,
}

/// What a leaf adds to one target.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Weight {
    /// The leaf.
    pub(super) leaf: u32,
    /// The target, or class.
    pub(super) target: u32,
    /// What it adds.
    pub(super) value: f32,
}

/// How the leaves of the trees become one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// All trees of an operator.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Ensemble {
    /// How many targets, or classes.
    pub(super) targets: usize,
    /// Where each tree begins, in the order of their sum.
    pub(super) roots: Vec<Link>,
    /// The branches of all trees.
    pub(super) branches: Vec<Branch>,
    /// How many leaves all trees have.
    pub(super) leaves: usize,
    /// What the leaves add, in the order of the leaves; a leaf adds to a target once at most.
    pub(super) weights: Vec<Weight>,
    /// The members of all sets.
    pub(super) members: Vec<f32>,
}

impl Ensemble {
    /// Sorts the weights by leaf, and refuses those that no sum can take.
    pub(super) fn order_weights(&mut self) -> Result<(), String> {
        self.weights.sort_by_key(|weight| (weight.leaf, weight.target));
        if let Some(weight) = self.weights.iter().find(|weight| !weight.value.is_finite()) {
            return Err(format!("a leaf's weight is {}; every weight must be finite", weight.value));
        }
        match self.weights.array_windows().find(|[a, b]| (a.leaf, a.target) == (b.leaf, b.target)) {
            Some([weight, _]) => Err(format!("a leaf has two weights for the target {}", weight.target)),
            None => Ok(()),
        }
    }
}

/// A count of the file, within its limit.
pub(super) fn within(what: &'static str, got: usize, limit: usize) -> Result<(), ModelError> {
    if got > limit { Err(too_large(what, got, limit)) } else { Ok(()) }
}

/// The number of targets or classes.
pub(in super::super) fn targets(count: i64) -> Result<usize, ModelError> {
    match usize::try_from(count) {
        Ok(count @ 1..=limits::TARGETS) => Ok(count),
        Ok(0) | Err(_) => Err(ModelError::graph("trees", format!("{count} targets; there must be one at least"))),
        Ok(count) => Err(too_large("targets", count, limits::TARGETS)),
    }
}
