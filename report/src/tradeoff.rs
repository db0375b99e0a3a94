//! What more memory buys: quality by size of the vectors and by how they are coded, and where more is not worth it.

use serde::Serialize;

use crate::Measure;
use crate::{Comparison, Interval, Latency, Scores};

/// Differences below this share of the best are not worth speaking of.
const NEGLIGIBLE: f64 = 0.005;

/// One way to store vectors, measured.
#[derive(Clone, PartialEq, Debug)]
pub struct Setting {
    /// Width of the vectors.
    pub dim: usize,
    /// How they are stored: `f32`, `int8`, `PQ 16`.
    pub code: String,
    /// What each held-out user scores.
    pub scores: Scores,
    /// The same measure on what was trained on, where it was measured: how much is learned by heart.
    pub trained: Option<f64>,
    /// Bytes of a row in memory.
    pub bytes_per_row: f64,
    /// Times of single queries.
    pub latency: Latency,
    /// Seconds that training took.
    pub train_seconds: f64,
}

/// A setting as it is told.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SettingReport {
    /// Width of the vectors.
    pub dim: usize,
    /// How they are stored.
    pub code: String,
    /// The measure with its 95 % interval.
    pub quality: Interval,
    /// The measure on what was trained on.
    pub trained_quality: Option<f64>,
    /// Bytes of a row in memory.
    pub bytes_per_row: f64,
    /// MB of a million rows.
    pub megabytes_per_million: f64,
    /// GB of a hundred million rows.
    pub gigabytes_per_hundred_million: f64,
    /// Times of single queries.
    #[serde(flatten)]
    pub latency: Latency,
    /// Seconds that training took.
    pub train_seconds: f64,
    /// Against the best setting; none for that itself.
    pub against_best: Option<Comparison>,
}

/// All settings, and which one to take.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TradeOff {
    /// What quality is, as `ndcg@10`.
    pub measure: String,
    /// Held-out users.
    pub users: usize,
    /// In the order in which they were measured.
    pub settings: Vec<SettingReport>,
    /// What stands beside: name and quality.
    pub baselines: Vec<(String, f64)>,
    /// Place of the setting to take.
    pub sweet_spot: Option<usize>,
    /// Why, in sentences.
    pub reasons: Vec<String>,
}

impl TradeOff {
    /// Compares the settings, user by user; `measure` decides. Settings without users are left out.
    pub fn new(settings: &[Setting], measure: Measure, baselines: Vec<(String, f64)>, seed: u64) -> Self {
        let measured: Vec<(&Setting, Interval)> =
            settings.iter().filter_map(|setting| Some((setting, setting.scores.interval(measure, seed)?))).collect();
        let best = (0..measured.len()).max_by(|&a, &b| measured[a].1.mean.total_cmp(&measured[b].1.mean).then(b.cmp(&a)));
        let report = |at: usize| {
            let (setting, quality) = &measured[at];
            let best = best.filter(|best| *best != at).map(|best| measured[best].0);
            SettingReport {
                dim: setting.dim,
                code: setting.code.clone(),
                quality: *quality,
                trained_quality: setting.trained,
                bytes_per_row: setting.bytes_per_row,
                megabytes_per_million: setting.bytes_per_row,
                gigabytes_per_hundred_million: setting.bytes_per_row / 10.0,
                latency: setting.latency,
                train_seconds: setting.train_seconds,
                against_best: best.and_then(|best| setting.scores.compare(&best.scores, measure, seed)),
            }
        };
        let reports: Vec<SettingReport> = (0..measured.len()).map(report).collect();
        let (sweet_spot, reasons) = decide(&reports, best);
        let first = measured.first().map(|(setting, _)| &setting.scores);
        Self {
            measure: first.map_or_else(String::new, |scores| format!("{}@{}", measure.name(), scores.k())),
            users: first.map_or(0, Scores::users),
            settings: reports,
            baselines,
            sweet_spot,
            reasons,
        }
    }
}

/// The smallest setting that is not told from the best, or hardly differs from it.
fn decide(settings: &[SettingReport], best: Option<usize>) -> (Option<usize>, Vec<String>) {
    let Some(best) = best else { return (None, vec!["no held-out user: nothing was measured".to_owned()]) };
    let top = &settings[best];
    let loss = |setting: &SettingReport| 1.0 - setting.quality.mean / top.quality.mean.max(1e-12);
    let as_good =
        |setting: &SettingReport| loss(setting) < NEGLIGIBLE || setting.against_best.is_none_or(|against| !against.is_significant());
    let least = |a: &usize, b: &usize| settings[*a].bytes_per_row.total_cmp(&settings[*b].bytes_per_row);
    let chosen = (0..settings.len()).filter(|&at| as_good(&settings[at])).min_by(least).unwrap_or(best);
    let name = |setting: &SettingReport| format!("{} dimensions as {}", setting.dim, setting.code);
    let sweet = &settings[chosen];
    let mut reasons = Vec::new();
    if chosen == best {
        reasons.push(format!("{}: the best, {:.4}, and nothing smaller comes near", name(sweet), sweet.quality.mean));
    } else {
        let p = sweet.against_best.map_or(1.0, |against| against.p_value);
        let noise = if p >= 0.05 { "within noise" } else { "hardly worth it" };
        reasons.push(format!(
            "{} costs {:.1}x the memory of {} for {:+.1} %: {noise} (p {p:.2})",
            name(top),
            top.bytes_per_row / sweet.bytes_per_row.max(1e-9),
            name(sweet),
            100.0 * (top.quality.mean / sweet.quality.mean.max(1e-12) - 1.0),
        ));
    }
    if let Some(next) = (0..settings.len()).filter(|&at| settings[at].bytes_per_row < sweet.bytes_per_row).max_by(least) {
        let below = &settings[next];
        let against = below.against_best.map_or(1.0, |against| against.p_value);
        reasons.push(format!("the next smaller, {}, loses {:.1} % against the best (p {against:.2})", name(below), 100.0 * loss(below)));
    }
    let by_heart = settings.iter().filter_map(|setting| Some((setting, setting.trained_quality? / setting.quality.mean.max(1e-12))));
    let worst = by_heart.filter(|(setting, _)| setting.code == sweet.code || setting.code == "f32").max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((setting, ratio)) = worst.filter(|(_, ratio)| *ratio > 3.0) {
        reasons
            .push(format!("{} dimensions score {ratio:.1} times as much on what they were trained on: they learn by heart", setting.dim));
    }
    (Some(chosen), reasons)
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    /// A setting that finds what is relevant for so many of 300 users.
    pub(crate) fn setting(dim: usize, code: &str, found: usize, bytes_per_row: f64) -> Setting {
        let mut scores = Scores::new(10);
        (0..300_usize).for_each(|user| scores.add(&[usize::from(user * 7 % 300 < found)], &[1]));
        let latency = Latency::of(&[Duration::from_micros(dim as u64)]);
        Setting { dim, code: code.to_owned(), scores, trained: Some(0.9), bytes_per_row, latency, train_seconds: dim as f64 }
    }

    #[test]
    fn the_sweet_spot_is_the_smallest_that_is_not_told_from_the_best() {
        let settings = [
            setting(32, "f32", 120, 128.0),
            setting(64, "f32", 199, 256.0),
            setting(128, "f32", 200, 512.0),
            setting(64, "int8", 198, 70.0),
        ];
        let report = TradeOff::new(&settings, Measure::Ndcg, vec![], 1);
        assert_eq!((report.sweet_spot, report.measure.as_str(), report.users), (Some(3), "ndcg@10", 300));
        assert!(
            report.reasons[0].starts_with("128 dimensions as f32 costs 7.3x the memory of 64 dimensions as int8 for +1.0 %"),
            "{:?}",
            report.reasons
        );
        assert!(report.settings[0].against_best.unwrap().is_significant());
        assert_eq!(report.settings[2].against_best, None);
    }

    #[test]
    fn the_best_is_taken_where_nothing_smaller_comes_near() {
        let report = TradeOff::new(&[setting(8, "f32", 40, 32.0), setting(16, "f32", 250, 64.0)], Measure::Ndcg, vec![], 1);
        assert_eq!(report.sweet_spot, Some(1));
        assert!(
            report.reasons[0].contains("nothing smaller comes near") && report.reasons[1].contains("loses 84.0 %"),
            "{:?}",
            report.reasons
        );
        let none = TradeOff::new(&[], Measure::Ndcg, vec![], 1);
        assert_eq!((none.sweet_spot, none.users), (None, 0));
    }
}
