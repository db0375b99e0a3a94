//! One measured point as a JSON line, in the format that the scripts for other libraries write.

use std::collections::BTreeMap;

use serde::Serialize;

use super::measure::Timing;

#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub(super) kind: &'static str,
    pub(super) peer: &'static str,
    pub(super) version: &'static str,
    pub(super) data: &'a str,
    pub(super) config: &'a str,
    pub(super) threads: usize,
    pub(super) build_s: f64,
    pub(super) build_cpu_s: f64,
    pub(super) rss_mb: Option<f64>,
    pub(super) rss_anon_mb: Option<f64>,
    /// By the index's own count.
    pub(super) index_mb: f64,
    pub(super) disk_mb: f64,
    pub(super) open_s: f64,
    pub(super) first_query_s: f64,
    pub(super) mode: &'static str,
    pub(super) k: usize,
    pub(super) param: Param,
    #[serde(rename = "recall@10")]
    pub(super) recall10: Option<f64>,
    #[serde(rename = "recall@100")]
    pub(super) recall100: Option<f64>,
    /// Queries timed, and queries that recall is the mean of.
    pub(super) nq: usize,
    pub(super) nq_recall: usize,
    pub(super) reps: usize,
    #[serde(flatten)]
    pub(super) timing: Timing,
    pub(super) load1: f64,
    /// Mean codes scanned a query.
    pub(super) codes_scanned: f64,
    /// Mean microseconds a query spends in each stage, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stages_us: Option<BTreeMap<&'static str, f64>>,
}

/// The settings of a point.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Param {
    pub(super) scan: &'static str,
    pub(super) refine_factor: usize,
    pub(super) nprobe: usize,
}
