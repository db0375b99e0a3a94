//! All rows of the index by their refine vectors: those that may be among the nearest by the vectors that were stored.

use crate::kernel::Kernel;
use crate::types::{Metric, Refine};

use super::candidate::Candidate;
use super::narrow::Narrow;
use super::params::Part;
use super::refine::RefineQuery;

/// Kept at most, as a multiple of those wanted and a number besides: beyond that too many are too near to each other for reading them one by one.
const KEPT: usize = 4;
const MORE: usize = 4096;

/// Who asks for the rows nearest to a query, and what of them may be returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nearest<'a> {
    pub(crate) parts: &'a [Part<'a>],
    pub(crate) metric: Metric,
    /// In the quantizer's scale.
    pub(crate) query: &'a [f32],
    pub(crate) k: usize,
    pub(crate) narrow: Option<&'a dyn Narrow>,
}

impl Nearest<'_> {
    /// The k rows that are nearest by their stored vectors, and whatever others rounding leaves open, in the order of parts and positions; scores are
    /// those of refine vectors. `None` where these do not tell: they are of 8 bits, under L2 halves, or too much is open.
    pub(crate) fn run(&self, kernel: Kernel) -> Option<Vec<Candidate>> {
        let slack = self.slack(kernel)?;
        let most = self.k.saturating_mul(KEPT).saturating_add(MORE);
        let (mut found, mut words, mut forms) = (Vec::<Candidate>::new(), Vec::new(), RefineQuery::default());
        let mut floor = f64::NEG_INFINITY;
        for (at, part) in self.parts.iter().enumerate() {
            let layout = &part.index.layout;
            forms.set(self.query, part.index.refine());
            for list in 0..layout.lists() {
                let rows = layout.rows_of(list);
                words.clear();
                words.extend(layout.blocks_of(list).map(|block| part.selection.word(block)));
                if let Some(narrow) = self.narrow {
                    narrow.narrow(at, rows.clone(), &mut words);
                }
                for lane in super::survey::lanes(&words) {
                    let position = rows.start + lane;
                    let score = f64::from(part.index.refine_score(kernel, self.query, &mut forms, position));
                    if !score.is_finite() {
                        return None;
                    }
                    if score >= floor {
                        found.push(Candidate { part: at as u32, position: position as u32, score });
                        if found.len() >= 2 * most {
                            floor = self.cut(&mut found, slack);
                            if found.len() > most {
                                return None;
                            }
                        }
                    }
                }
            }
        }
        self.cut(&mut found, slack);
        found.sort_unstable_by_key(|hit| (hit.part, hit.position));
        (found.len() <= most).then_some(found)
    }

    /// Leaves out what is certainly not among the k nearest; answers the least score that may be.
    fn cut(&self, found: &mut Vec<Candidate>, slack: f64) -> f64 {
        let Some(last) = self.k.checked_sub(1).filter(|last| *last < found.len()) else { return f64::NEG_INFINITY };
        let (_, kth, _) = found.select_nth_unstable_by(last, |a, b| b.score.total_cmp(&a.score));
        let floor = kth.score - slack;
        found.retain(|hit| hit.score >= floor);
        floor
    }

    /// Twice the most by which a row's score by its refine vector differs from that by its stored one.
    fn slack(&self, kernel: Kernel) -> Option<f64> {
        /// A sum of f32 products, for each of them.
        const SUM: f64 = 1.2e-7;
        /// A half and the row's scale: two roundings of 2^-11, and a little.
        const HALF: f64 = 1.1e-3;
        let length = f64::from(kernel.dot(self.query, self.query)).sqrt();
        let longest = self.parts.iter().map(|part| f64::from(part.index.longest())).fold(0.0, f64::max);
        let of_sums = SUM * (self.query.len() + 4) as f64;
        let kinds = self.parts.iter().map(|part| match (part.index.refine(), self.metric) {
            (Refine::F32, Metric::L2) => Some(of_sums * (length + longest) * (length + longest)),
            (Refine::F32, _) => Some(of_sums * length * longest),
            (Refine::F16, Metric::InnerProduct | Metric::Cosine) => Some((HALF + of_sums) * length * longest),
            _ => None,
        });
        let most = kinds.collect::<Option<Vec<f64>>>()?.into_iter().fold(0.0, f64::max);
        (2.0 * most).is_finite().then_some(2.0 * most)
    }
}
