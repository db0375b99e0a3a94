//! Files of hits: what each user of many gets, a user after another.

mod csv;
mod error;
mod file;
mod jsonl;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod unfinished;
mod writer;

pub use error::{HitError, HitProblem};
pub use file::HitFile;
pub use writer::{HitOptions, UserHits};

#[cfg(test)]
mod tests;
