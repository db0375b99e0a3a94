//! What recommendations and searches are worth, in one vocabulary: measures, their definitions and the files that cases come from; how sure
//! a number is, and what it has to be compared with.
//!
//! A measure among the first k hits is named `recall@k`, `ndcg@k`, `hit_rate@k` or `map@k`; a time ends in its unit, `p50_us` in microseconds.

mod baseline;
mod cases;
mod contest;
mod cutoff;
mod dice;
mod evaluation;
mod exposure;
mod gain;
mod histories;
mod interval;
mod latency;
mod list;
mod page;
mod percentile;
mod scores;
mod segment;
mod tradeoff;

pub use baseline::{Baseline, Ease, Neighbours, Popularity};
pub use cases::{CaseError, EvalCase, read_cases};
pub use contest::{Contest, Entry, HeldOut, SegmentEntry};
pub use cutoff::{Cutoff, Cutoffs};
pub use evaluation::{Evaluation, Report};
pub use exposure::{Exposure, ExposureCount};
pub use histories::Histories;
pub use interval::{Comparison, Interval};
pub use latency::Latency;
pub use list::intra_list_distance;
pub use page::{bars, drawings, page};
pub use percentile::percentile;
pub use scores::{Measure, Scores};
pub use segment::{Segment, Segmented};
pub use tradeoff::{Setting, SettingReport, TradeOff};
