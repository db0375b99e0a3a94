//! The way out: a user, a vector or an item becomes a vector, the snapshot is searched, hits come back.
//!
//! [`pipeline`] names the stages: each is a function over [`candidates`] and knows no other. What they all may look at is a [`request`].

mod all;
mod all_report;
#[cfg(test)]
mod all_tests;
mod answer;
mod batch;
mod builder;
mod candidates;
mod diverse;
mod diversify;
#[cfg(test)]
mod diversify_tests;
mod effort;
mod encode;
mod enrich;
mod exact;
mod exact_in_memory;
mod exclude;
mod field;
mod fields;
mod filter_lists;
mod gather;
#[cfg(test)]
mod narrowed_tests;
mod options;
mod page;
mod pipeline;
mod plan;
mod pool;
mod prepared;
mod rank;
#[cfg(test)]
mod rank_tests;
mod recipient;
mod report;
mod request;
mod rescore;
mod restriction;
mod retrieve;
mod rules;
mod sample;
mod segments;
mod source;
mod tail;
#[cfg(test)]
mod tail_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tile_tests;
mod together;
mod values;

pub use all::RecommendAll;
pub use all_report::{RecommendReport, Refusal};
pub use answer::{Answer, Explain, Hit, StageTime};
pub use builder::{Query, QueryBatch};
pub use diverse::{Calibrate, Diverse};
pub(crate) use filter_lists::ListRows;
pub use options::{Effort, Rerank, SearchOptions};
pub use prepared::PreparedFilter;
pub(crate) use prepared::bind;
pub use recipient::Recipient;
pub use report::{Contribution, MissingFeature, RankerExplain, RulesExplain};
pub(crate) use restriction::PartFilters;
pub(crate) use source::Source;
pub use values::CandidateValues;
