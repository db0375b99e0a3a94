//! The way out: a user, a vector or an item becomes a vector, the snapshot is scanned, hits come back.

mod answer;
mod builder;
mod encode;
mod exact;
mod options;
mod plan;
mod run;

pub use answer::{Answer, Explain, Hit, StageTime};
pub(crate) use builder::Source;
pub use builder::{Query, QueryBatch};
