//! The number of a commit, and when it returns.

use std::time::Duration;

/// The number of a commit: one more than the last, from 1.
pub type Sequence = u64;

/// When a commit returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// When it is durable.
    #[default]
    Commit,
    /// When it is applied; it is durable after at most about this long. A crash loses no more, and never half a commit.
    Batched(Duration),
}
