//! Repeats of one measurement, and their medians.

use std::time::Instant;

use serde::Serialize;

use super::process::{busy_seconds, cpu_seconds};
use torre_report::{Latency, percentile};

/// A core is another's when it takes more than this share of it.
const FOREIGN: f64 = 0.1;
/// Repeats added at most while the core is shared.
const MORE_REPEATS: usize = 2;

/// Medians over the repeats.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Timing {
    pub(super) qps: f64,
    pub(super) qps_max: f64,
    /// Queries over CPU seconds: it survives a busy machine.
    pub(super) cpu_qps: f64,
    pub(super) cpu_frac: f64,
    /// Share of the core that other processes took.
    pub(super) foreign: f64,
    #[serde(flatten)]
    pub(super) latency: Latency,
}

/// One repeat.
struct Repeat {
    qps: f64,
    cpu_qps: f64,
    cpu_frac: f64,
    foreign: f64,
    /// Seconds of each call, where there is more than one.
    latencies: Vec<f64>,
}

/// Runs `once` `repeats` times, and up to 2 more while others use the core; the least disturbed ones count. `once` makes `queries` queries
/// and pushes each call's seconds.
pub(super) fn repeats<E>(queries: usize, repeats: usize, mut once: impl FnMut(&mut Vec<f64>) -> Result<(), E>) -> Result<Timing, E> {
    let mut done: Vec<Repeat> = Vec::new();
    while done.len() < repeats || (done.len() < repeats + MORE_REPEATS && done.iter().filter(|r| r.foreign < FOREIGN).count() < repeats) {
        let mut latencies = Vec::with_capacity(queries);
        let (busy, cpu, start) = (busy_seconds(), cpu_seconds(), Instant::now());
        once(&mut latencies)?;
        let wall = start.elapsed().as_secs_f64().max(1e-9);
        let cpu = cpu_seconds() - cpu;
        let foreign = ((busy_seconds() - busy - cpu) / wall).max(0.0);
        done.push(Repeat { qps: queries as f64 / wall, cpu_qps: queries as f64 / cpu.max(1e-9), cpu_frac: cpu / wall, foreign, latencies });
    }
    done.sort_by(|a, b| a.foreign.total_cmp(&b.foreign));
    let qps_max = done.iter().map(|r| r.qps).fold(0.0, f64::max);
    done.truncate(repeats);
    let median = |value: &dyn Fn(&Repeat) -> f64, digits: i32| {
        let values: Vec<f64> = done.iter().map(value).collect();
        round(percentile(&values, 50.0).unwrap_or(0.0), digits)
    };
    let latency = |p: f64| {
        let known = done.iter().all(|r| !r.latencies.is_empty());
        known.then(|| median(&|r| percentile(&r.latencies, p).unwrap_or(0.0) * 1e6, 1))
    };
    Ok(Timing {
        qps: median(&|r| r.qps, 1),
        qps_max: round(qps_max, 1),
        cpu_qps: median(&|r| r.cpu_qps, 1),
        cpu_frac: median(&|r| r.cpu_frac, 3),
        foreign: median(&|r| r.foreign, 3),
        latency: Latency { p50_us: latency(50.0), p99_us: latency(99.0) },
    })
}

pub(super) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn medians_of_the_asked_repeats() {
        let mut runs = 0;
        let once = |latencies: &mut Vec<f64>| {
            runs += 1;
            latencies.extend([1e-3, 3e-3]);
            Ok::<(), ()>(())
        };
        let timing = repeats(2, 3, once).unwrap();
        assert!((3..=5).contains(&runs), "{runs}");
        assert_eq!(timing.latency.p50_us, Some(2000.0));
        assert!(timing.latency.p99_us.unwrap() > 2900.0 && timing.qps <= timing.qps_max);
        assert_eq!(repeats(2, 1, |_| Ok::<(), ()>(())).unwrap().latency.p50_us, None, "a batch has no time of its single queries");
    }

    #[test]
    fn rounding_keeps_the_asked_digits() {
        assert_eq!(round(1.23456, 3), 1.235);
        assert_eq!(round(1234.56, 1), 1234.6);
    }
}
