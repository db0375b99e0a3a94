//! How hard a scan looks: lists and candidates, and the recall to expect of them.

use crate::index::{Behind, Goal};
use crate::query::options::{Effort, SearchOptions};
use crate::segment::{Snapshot, Trained};

/// Lists to visit and candidates to refine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Setting {
    pub(crate) nprobe: usize,
    pub(crate) candidates: usize,
    /// The share of what is wanted that the lists hold, where a recall target chose them.
    share: Option<f32>,
    /// The recall to expect of it in the segments; `None` without a calibration.
    expected: Option<f32>,
}

/// Without a calibration: candidates for each row wanted, and the share of the lists that is visited.
const CANDIDATES_PER_HIT: usize = 10;
const SHARE_OF_LISTS: usize = 16;
const FEWEST_LISTS: usize = 8;

/// Up to so many items left out, calibration, which leaves none out, says what to expect.
pub(crate) const LEFT_OUT: usize = 5;

impl Setting {
    /// What the options come to for the rows of this snapshot.
    pub(crate) fn new(trained: &Trained, snapshot: &Snapshot, depth: usize, options: &SearchOptions) -> Self {
        let lists = trained.engine.quantizer().lists();
        let guess = depth.saturating_mul(CANDIDATES_PER_HIT);
        let (nprobe, candidates, share) = match (options.effort, &trained.calibration) {
            (Effort::Nprobe(nprobe), Some(known)) => (nprobe, known.candidates(nprobe, depth, snapshot.live()), None),
            (Effort::Nprobe(nprobe), None) => (nprobe, guess, None),
            (Effort::Recall(target), Some(known)) => {
                let setting = known.pick(target, depth, snapshot.live());
                (setting.nprobe, setting.candidates, Some(known.by_lists(setting.nprobe, depth)))
            }
            (Effort::Recall(_) | Effort::Exact, _) => ((lists / SHARE_OF_LISTS).max(FEWEST_LISTS), guess, None),
        };
        let candidates = options.refine_factor.map_or(candidates, |factor| depth.saturating_mul(factor));
        let expected = trained.calibration.as_ref().map(|known| known.expected(nprobe, candidates, depth, snapshot.live()));
        Self { nprobe, candidates, share: share.filter(|_| options.refine_factor.is_none()), expected }
    }

    /// The same for a batch that looks at all rows of its lists: fewer lists reach a recall target.
    pub(crate) fn by_lists(self, trained: &Trained, depth: usize, options: &SearchOptions) -> Self {
        match (options.effort, &trained.calibration) {
            (Effort::Recall(target), Some(known)) if options.refine_factor.is_none() => {
                let setting = known.pick_lists(target, depth);
                Self { nprobe: setting.nprobe, expected: Some(setting.expected), ..self }
            }
            _ => self,
        }
    }

    /// What a query is to reach that may not return all rows; `None` where nothing is known of where rows lie, or the caller has chosen.
    pub(crate) fn goal<'t>(&self, trained: &'t Trained, depth: usize) -> Option<Goal<'t>> {
        let density = trained.calibration.as_ref()?.density()?;
        let Self { nprobe, candidates, .. } = *self;
        Some(Goal { density, k: depth, nprobe, candidates, share: self.share? })
    }

    /// The same where rows are left out by their ids alone; `None` where calibration knows nothing of so many, or the caller has chosen.
    pub(crate) fn behind<'t>(
        &self,
        trained: &'t Trained,
        snapshot: &Snapshot,
        (depth, left_out): (usize, usize),
        options: &SearchOptions,
    ) -> Option<Behind<'t>> {
        let calibration = trained.calibration.as_ref()?;
        let (Effort::Recall(target), None) = (options.effort, options.refine_factor) else { return None };
        calibration.knows_behind(left_out).then_some(Behind { calibration, target, k: depth, rows: snapshot.live() })
    }

    /// The recall in segments to expect where the lists visited hold this share of what is wanted, as candidates are lost as they usually are.
    pub(crate) fn recall_of(&self, kept: f32) -> Option<f32> {
        Some(kept * (self.expected? / self.share?).min(1.0))
    }

    /// The recall to expect where the lists visited hold this share of what is wanted, as candidates are lost as they usually are.
    pub(crate) fn expected_of(&self, snapshot: &Snapshot, kept: f32) -> Option<f32> {
        Some(with_tail(snapshot, self.recall_of(kept)?))
    }

    /// The recall to expect of a query that leaves out so many rows; `None` where calibration does not say. Where the tail is searched by lists
    /// it is found no worse than segments.
    pub(crate) fn expected(&self, snapshot: &Snapshot, left_out: usize) -> Option<f32> {
        let recall = self.expected.filter(|_| left_out <= LEFT_OUT)?;
        Some(if snapshot.is_tail_listed() { recall } else { with_tail(snapshot, recall) })
    }
}

/// The recall where that in the segments is this: rows of the tail are always found.
pub(crate) fn with_tail(snapshot: &Snapshot, recall: f32) -> f32 {
    let tail = snapshot.tail() as f32 / snapshot.live().max(1) as f32;
    recall + (1.0 - recall) * tail
}
