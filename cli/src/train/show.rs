//! What training came to, for a person and for a program.

use serde_json::{Value as Json, json};
use torre_report::{Entry, Interval};
use torre_train::{EpochReport, FieldChoice};

use super::saved::Saved;
use crate::repl::output::{Record, rounded};

/// Cut-offs of the measures, the one that decides first.
pub(super) const KS: [usize; 2] = [10, 20];

/// A line a model.
pub(super) fn records(entries: &[Entry]) -> Vec<Record> {
    let share = |value: Option<f64>, digits: usize| value.map_or(Json::Null, |value| Json::from(format!("{value:.digits$}")));
    let record = |entry: &Entry| -> Record {
        let at = |k: usize, name: &str| entry.measures.get(&k).and_then(|measures| measures.get(name)).copied();
        let mean = |k: usize, name: &str| share(at(k, name).map(|interval: Interval| interval.mean), 4);
        let ndcg = at(KS[0], "ndcg").map_or(Json::Null, |interval| Json::from(interval.to_string()));
        let against = entry.against_first.as_ref();
        vec![
            ("model".to_owned(), Json::from(entry.name.clone())),
            (format!("ndcg@{}", KS[0]), ndcg),
            (format!("recall@{}", KS[0]), mean(KS[0], "recall")),
            (format!("recall@{}", KS[1]), mean(KS[1], "recall")),
            (format!("hit rate@{}", KS[0]), mean(KS[0], "hit_rate")),
            ("coverage".to_owned(), share(entry.exposure.coverage, 3)),
            ("novelty".to_owned(), share(entry.exposure.novelty, 2)),
            ("popularity lift".to_owned(), share(entry.exposure.popularity_lift, 2)),
            ("p".to_owned(), against.map_or(Json::Null, |against| Json::from(format!("{:.3}", against.p_value)))),
        ]
    };
    entries.iter().map(record).collect()
}

/// What the first model reaches with segments, a line each.
pub(super) fn segments(entries: &[Entry]) -> Vec<String> {
    let line = |segment: &torre_report::SegmentEntry| {
        let ndcg = segment.ndcg.map_or_else(|| "-".to_owned(), |ndcg| ndcg.to_string());
        format!("{}: ndcg@{} {ndcg} ({} users)", segment.segment, KS[0], segment.users)
    };
    entries.first().into_iter().flat_map(|entry| entry.segments.iter().map(line)).collect()
}

/// What became of `--resume`.
pub(super) fn resumed(saved: &Saved, asked: bool) -> Option<String> {
    asked.then(|| if saved.resumed { "gone on from a checkpoint" } else { "there is no checkpoint: from the beginning" }.to_owned())
}

/// A line an epoch.
pub(super) fn epochs(epochs: &[EpochReport], best: usize) -> Vec<String> {
    let line = |epoch: &EpochReport| {
        let validation = epoch.validation.map_or_else(String::new, |quality| {
            format!(", validation ndcg@{} {:.4}, recall {:.4}", quality.k, quality.ndcg, quality.recall)
        });
        let kept = if epoch.epoch == best { " <- kept" } else { "" };
        let collapsed =
            if epoch.alike.iter().any(|alike| *alike > 0.99) { "; the vectors of a tower are all alike: it has collapsed" } else { "" };
        format!("epoch {}: loss {:.4}{validation}{collapsed}{kept}", epoch.epoch, epoch.loss)
    };
    epochs.iter().map(line).collect()
}

/// How fields are read, a line each.
pub(super) fn choices(choices: &[Vec<FieldChoice>; 2]) -> Vec<String> {
    let side = |(name, choices): (&'static str, &Vec<FieldChoice>)| {
        choices.iter().map(move |choice| format!("{name} field {:?}: {}", choice.field, choice.why)).collect::<Vec<_>>()
    };
    ["item", "user"].into_iter().zip(choices).flat_map(side).collect()
}

pub(super) fn seconds(seconds: f64) -> Json {
    json!(rounded(seconds, 3))
}
