//! The way in: rows become vectors and codes, and are committed, sealed, compacted.

mod build;
mod calibrate;
mod compact;
mod fold;
mod group;
mod index_field;
mod listed;
mod op;
mod patch;
mod poison;
mod policies;
mod prepare;
mod rankers;
mod recalibrate;
mod replace;
mod resolve;
mod seal;
mod sweep;
mod writer;

pub(crate) use build::{BuildParams, Built, build, wants_build};
pub(crate) use compact::{Size, compact, pick};
pub(crate) use fold::fold;
pub(crate) use index_field::{add_index, drop_index};
pub use op::Changes;
pub(crate) use op::{NewRow, Op, Version};
pub(crate) use policies::{drop_policy, put_policy, read_policy};
pub use prepare::Item;
pub(crate) use prepare::Preparer;
pub(crate) use rankers::{attach, detach, read_ranker};
pub(crate) use recalibrate::{recalibrate, store_sample};
pub(crate) use seal::{SEAL_ROWS, seal};
pub(crate) use sweep::{Dead, SWEEP_ROWS, Sweep, sweep};
pub(crate) use writer::{Outcome, State, Writer};
