//! How hard a query looks: lists, candidates, mode.

use crate::index::{ScanMode, SearchStats};
use crate::query::Explain;
use crate::query::answer::StageTime;
use crate::query::options::{Effort, Options};
use crate::segment::{Snapshot, Trained};

/// Lists to visit and candidates to refine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Setting {
    pub(crate) nprobe: usize,
    pub(crate) candidates: usize,
    pub(crate) mode: ScanMode,
}

/// Candidates for each row wanted, when nothing else says.
const CANDIDATES_PER_HIT: usize = 10;

/// What the options come to for the rows of this snapshot.
pub(crate) fn setting(trained: &Trained, _snapshot: &Snapshot, depth: usize, options: &Options) -> Setting {
    let lists = trained.engine.quantizer().lists();
    let mut setting = match options.effort {
        Effort::Nprobe(nprobe) => Setting { nprobe, candidates: depth.saturating_mul(CANDIDATES_PER_HIT), mode: ScanMode::Filter },
        Effort::Recall(_) | Effort::Exact => {
            Setting { nprobe: (lists / 16).max(8), candidates: depth.saturating_mul(CANDIDATES_PER_HIT), mode: ScanMode::Filter }
        }
    };
    if let Some(factor) = options.refine_factor {
        setting.candidates = depth.saturating_mul(factor);
    }
    setting
}

/// Adds the index's account of a search to an explanation.
pub(crate) fn report(stats: &SearchStats, explain: &mut Explain) {
    explain.lists_probed += stats.lists_probed as u64;
    explain.codes_scanned += stats.codes_scanned as u64;
    explain.candidates_refined += stats.candidates_refined as u64;
    let times = &stats.times;
    let stages = [
        ("coarse", times.coarse),
        ("tables", times.table),
        ("scan", times.scan),
        ("select", times.select),
        ("refine", times.refine),
        ("top-k", times.top),
    ];
    explain.stages.extend(stages.into_iter().map(|(stage, time)| StageTime { stage, micros: time.as_secs_f64() * 1e6 }));
}
