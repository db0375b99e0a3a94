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
    /// The recall to expect of it; `None` without a calibration.
    pub(crate) expected: Option<f32>,
}

/// Without a calibration: candidates for each row wanted, and the share of the lists that is visited.
const CANDIDATES_PER_HIT: usize = 10;
const SHARE_OF_LISTS: usize = 16;
const FEWEST_LISTS: usize = 8;

/// What the options come to for the rows of this snapshot.
pub(crate) fn setting(trained: &Trained, snapshot: &Snapshot, depth: usize, options: &Options) -> Setting {
    let lists = trained.engine.quantizer().lists();
    let guess = depth.saturating_mul(CANDIDATES_PER_HIT);
    let (nprobe, candidates) = match (options.effort, &trained.calibration) {
        (Effort::Nprobe(nprobe), Some(known)) => (nprobe, known.candidates(nprobe, depth, snapshot.live())),
        (Effort::Nprobe(nprobe), None) => (nprobe, guess),
        (Effort::Recall(target), Some(known)) => {
            let setting = known.pick(target, depth, snapshot.live());
            (setting.nprobe, setting.candidates)
        }
        (Effort::Recall(_) | Effort::Exact, _) => ((lists / SHARE_OF_LISTS).max(FEWEST_LISTS), guess),
    };
    let candidates = options.refine_factor.map_or(candidates, |factor| depth.saturating_mul(factor));
    let expected = trained.calibration.as_ref().map(|known| known.expected(nprobe, candidates, depth, snapshot.live()));
    Setting { nprobe, candidates, mode: ScanMode::Filter, expected }
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
