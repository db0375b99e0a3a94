//! How hard a scan looks: lists and candidates, and the recall to expect of them.

use crate::query::options::{Effort, SearchOptions};
use crate::segment::{Snapshot, Trained};

/// Lists to visit and candidates to refine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Setting {
    pub(crate) nprobe: usize,
    pub(crate) candidates: usize,
    /// The recall to expect of it in the segments; `None` without a calibration.
    expected: Option<f32>,
}

/// Without a calibration: candidates for each row wanted, and the share of the lists that is visited.
const CANDIDATES_PER_HIT: usize = 10;
const SHARE_OF_LISTS: usize = 16;
const FEWEST_LISTS: usize = 8;

/// Up to so many items left out, calibration, which leaves none out, says what to expect.
const LEFT_OUT: usize = 5;

impl Setting {
    /// What the options come to for the rows of this snapshot.
    pub(crate) fn new(trained: &Trained, snapshot: &Snapshot, depth: usize, options: &SearchOptions) -> Self {
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
        Self { nprobe, candidates, expected }
    }

    /// The recall to expect of a query that leaves out so many rows; `None` where calibration does not say.
    pub(crate) fn expected(&self, snapshot: &Snapshot, left_out: usize) -> Option<f32> {
        // Rows of the tail are always found.
        let tail = snapshot.tail() as f32 / snapshot.live().max(1) as f32;
        self.expected.filter(|_| left_out <= LEFT_OUT).map(|recall| recall + (1.0 - recall) * tail)
    }
}
