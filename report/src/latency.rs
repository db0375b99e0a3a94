//! Times of calls.

use std::time::Duration;

use serde::Serialize;

use crate::percentile;

/// Percentiles of the times of single calls, in microseconds; `None` where none was timed.
///
/// ```
/// use std::time::Duration;
/// use torre_report::Latency;
///
/// let latency = Latency::of(&[Duration::from_micros(100), Duration::from_micros(300)]);
/// assert_eq!(latency.p50_us, Some(200.0));
/// assert_eq!(latency.to_string(), "p50 200.0 us, p99 298.0 us");
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Latency {
    /// The median.
    #[serde(rename = "p50_micros")]
    pub p50_us: Option<f64>,
    /// The 99th percentile.
    #[serde(rename = "p99_micros")]
    pub p99_us: Option<f64>,
}

impl Latency {
    /// The percentiles of these times, rounded to a tenth of a microsecond.
    pub fn of(times: &[Duration]) -> Self {
        let times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
        let at = |p| percentile(&times, p).map(|us| (us * 10.0).round() / 10.0);
        Self { p50_us: at(50.0), p99_us: at(99.0) }
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), |us| format!("{us:.1}"));
        write!(f, "p50 {} us, p99 {} us", text(self.p50_us), text(self.p99_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_timed_is_no_time() {
        assert_eq!(Latency::of(&[]), Latency::default());
        assert_eq!(Latency::default().to_string(), "p50 - us, p99 - us");
    }
}
