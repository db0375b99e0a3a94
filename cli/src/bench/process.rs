//! What Linux says of this process and of the cores it may run on; zeros where there is no /proc.

use std::fs;

/// Kernel ticks a second, which Linux fixes for its reports.
const TICKS: f64 = 100.0;

/// Seconds of CPU taken by all threads of this process.
pub(super) fn cpu_seconds() -> f64 {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return 0.0 };
    let nanoseconds: u64 = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next().and_then(|first| first.parse::<u64>().ok()))
        .sum();
    nanoseconds as f64 / 1e9
}

/// Busy seconds of the cores this process may run on, all processes together.
pub(super) fn busy_seconds() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let cores = field(&status, "Cpus_allowed_list:").map(core_list).unwrap_or_default();
    let Ok(stat) = fs::read_to_string("/proc/stat") else { return 0.0 };
    let mut ticks = 0u64;
    for line in stat.lines() {
        let mut words = line.split_whitespace();
        let core = words.next().and_then(|name| name.strip_prefix("cpu")).and_then(|number| number.parse::<usize>().ok());
        if core.is_some_and(|core| cores.contains(&core)) {
            // user nice system idle iowait irq softirq steal: all but the two that are idle.
            ticks += words
                .take(8)
                .enumerate()
                .filter(|(at, _)| !matches!(at, 3 | 4))
                .filter_map(|(_, word)| word.parse::<u64>().ok())
                .sum::<u64>();
        }
    }
    ticks as f64 / TICKS
}

/// Resident megabytes: `VmRSS`, or `RssAnon` without mapped files.
pub(super) fn resident_mb(what: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    field(&status, &format!("{what}:")).and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// The one-minute load average.
pub(super) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

fn field<'t>(status: &'t str, name: &str) -> Option<&'t str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The cores of `0,2-4`.
fn core_list(text: &str) -> Vec<usize> {
    let range = |piece: &str| {
        let (from, to) = piece.split_once('-').unwrap_or((piece, piece));
        Some(from.trim().parse::<usize>().ok()?..=to.trim().parse::<usize>().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_lists_and_fields_are_read() {
        assert_eq!(core_list("0,2-4"), [0, 2, 3, 4]);
        assert!(core_list("").is_empty());
        assert_eq!(field("Name:\tx\nVmRSS:\t  12 kB\n", "VmRSS:"), Some("12 kB"));
    }
}
