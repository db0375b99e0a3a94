//! The scores of rows that a query leaves out one by one: they say where the rows wanted lie.

use crate::kernel::Kernel;
use crate::types::{Metric, Refine};

use super::forecast::density_score;
use super::params::Part;
use super::refine::RefineQuery;

/// Records fetched ahead of the one that is scored.
const AHEAD: usize = 8;

/// Whose rows are scored, and for which query.
#[derive(Clone, Copy)]
pub(super) struct LeftOut<'a> {
    pub(super) kernel: Kernel,
    pub(super) metric: Metric,
    pub(super) parts: &'a [Part<'a>],
    /// In the quantizer's scale.
    pub(super) query: &'a [f32],
}

impl LeftOut<'_> {
    /// The scores of these rows, by part and position, best first, as a density has them. Rows of other parts have none.
    pub(super) fn scores(&self, rows: &[(u32, u32)], refine: &mut RefineQuery, scores: &mut Vec<f32>) {
        scores.clear();
        let squares = self.kernel.dot(self.query, self.query);
        let kind = self.parts.first().map_or(Refine::None, |part| part.index.refine());
        refine.set(self.query, kind);
        for (at, &(part, position)) in rows.iter().enumerate() {
            if let Some(&(part, position)) = rows.get(at + AHEAD)
                && let Some(part) = self.parts.get(part as usize)
            {
                self.kernel.prefetch(part.index.refine.record(position as usize));
            }
            let Some(part) = self.parts.get(part as usize) else { continue };
            // Without vectors to tell, all of them may be the nearest.
            let score = match kind {
                Refine::None => f32::INFINITY,
                _ => density_score(self.metric, squares, part.index.refine_score(self.kernel, self.query, refine, position as usize)),
            };
            scores.push(if score.is_nan() { f32::INFINITY } else { score });
        }
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
    }
}

/// How many of scores, best first, reach this one.
pub(super) fn reaching(scores: &[f32], score: f32) -> usize {
    scores.partition_point(|&other| other >= score)
}
