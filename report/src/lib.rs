//! What recommendations and searches are worth, in one vocabulary: measures, their definitions and the files that cases come from.
//!
//! A measure among the first k hits is named `recall@k`, `ndcg@k` or `hit_rate@k`; a time ends in its unit, `p50_us` in microseconds.

mod cases;
mod cutoff;
mod evaluation;
mod latency;
mod list;
mod percentile;

pub use cases::{CaseError, EvalCase, read_cases};
pub use cutoff::{Cutoff, Cutoffs};
pub use evaluation::{Evaluation, Report};
pub use latency::Latency;
pub use list::intra_list_distance;
pub use percentile::percentile;
