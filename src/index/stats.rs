//! What a search did, and where its time went.

use std::time::{Duration, Instant};

/// Where a query's time went; zero unless asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct StageTimes {
    pub(crate) coarse: Duration,
    pub(crate) table: Duration,
    pub(crate) scan: Duration,
    /// Choosing R of the candidates that the scan kept.
    pub(crate) select: Duration,
    pub(crate) refine: Duration,
    /// Choosing and ordering k of the refined ones.
    pub(crate) top: Duration,
    /// Saying how many lists and candidates a restricted query takes.
    pub(crate) forecast: Duration,
}

impl StageTimes {
    /// All of them.
    pub(super) fn sum(&self) -> Duration {
        let Self { coarse, table, scan, select, refine, top, forecast } = *self;
        coarse + table + scan + select + refine + top + forecast
    }
}

/// What a query did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SearchStats {
    pub(crate) lists_probed: usize,
    /// Codes of the probed lists, without those of lists that could not reach the threshold.
    pub(crate) codes_scanned: usize,
    pub(crate) candidates_refined: usize,
    /// Rows of the lists that a restricted query looked at, and those that it may return; 0 for another query.
    pub(crate) rows_counted: usize,
    pub(crate) rows_passing: usize,
    /// So few rows may be returned that all were scored by their refine vectors.
    pub(crate) gathered: bool,
    pub(crate) times: StageTimes,
}

/// Takes the time between marks, when asked to.
pub(super) struct Clock(Option<Instant>);

impl Clock {
    pub(super) fn new(on: bool) -> Self {
        Self(on.then(Instant::now))
    }

    pub(super) fn mark(&mut self, stage: &mut Duration) {
        if let Some(last) = &mut self.0 {
            let now = Instant::now();
            *stage += now - *last;
            *last = now;
        }
    }
}
