//! What building an index takes.

use std::time::Instant;

use super::process::cpu_seconds;

/// Seconds of training, assigning, encoding and laying out; opening the files left out.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Cost {
    pub(super) build_s: f64,
    pub(super) build_cpu_s: f64,
}

impl Cost {
    /// What work makes, and what it took.
    pub(super) fn of<T>(work: impl FnOnce() -> T) -> (T, Self) {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let made = work();
        (made, Self { build_s: start.elapsed().as_secs_f64(), build_cpu_s: cpu_seconds() - cpu })
    }
}
