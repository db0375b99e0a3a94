//! What recommendations and searches are worth, in one vocabulary: measures, their definitions and the files that cases come from.

mod cases;
mod evaluation;
mod percentile;

pub use cases::{CaseError, EvalCase, read_cases};
pub use evaluation::{Evaluation, Report};
pub use percentile::percentile;
