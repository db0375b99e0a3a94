//! The few rows among which all are that pass a filter, found by the order of values and by what is known of ids.

use super::ordered::Ordered;
use super::prepared::Plan;
use super::scan::Scan;
use crate::segment::column::Bits;

/// Rows among which all are that pass.
pub(super) struct Few<'a> {
    /// Positions, each in one run at most.
    runs: Vec<&'a [u32]>,
    /// Rows whose values may have changed since the runs were made: they are not what the runs say, and may pass.
    changed: Option<&'a Bits>,
    /// Positions that no order has.
    others: Vec<u32>,
    rows: usize,
    /// All of them pass.
    exact: bool,
}

impl<'a> Few<'a> {
    fn none() -> Self {
        Self::of(Vec::new(), true)
    }

    fn of(others: Vec<u32>, exact: bool) -> Self {
        Self { runs: Vec::new(), changed: None, rows: others.len(), others, exact }
    }

    fn ordered(ordered: Ordered<'a>, most: usize) -> Option<Self> {
        let changed = ordered.order.changed();
        let rows = changed.map_or(0, Bits::count);
        if rows > most {
            return None;
        }
        let runs = ordered.runs(most - rows)?;
        let rows = rows + runs.iter().map(|run| run.len()).sum::<usize>();
        Some(Self { runs, changed, others: Vec::new(), rows, exact: changed.is_none() })
    }

    /// Whether all of these rows pass.
    pub(super) fn is_exact(&self) -> bool {
        self.exact
    }

    /// Their positions, each once.
    pub(super) fn positions(&self) -> Vec<u32> {
        let mut all = Vec::with_capacity(self.rows);
        match self.changed {
            None => self.runs.iter().for_each(|run| all.extend_from_slice(run)),
            Some(changed) => {
                all.extend(self.runs.iter().copied().flatten().copied().filter(|&at| !changed.get(at as usize)));
                all.extend(changed.positions());
            }
        }
        all.extend_from_slice(&self.others);
        all
    }
}

impl<'a> Plan<'a> {
    /// Rows among which all are of which the condition is true; `None` where there may be more than `most`.
    pub(super) fn few(&self, most: usize) -> Option<Few<'a>> {
        let marked = |bits: &Bits| (bits.count() <= most).then(|| Few::of(bits.positions().collect(), true));
        match self {
            Self::And(parts) => {
                let few = parts.iter().filter_map(|part| part.few(most)).min_by_key(|few| few.rows)?;
                Some(Few { exact: few.exact && parts.len() == 1, ..few })
            }
            Self::Or(parts) => {
                let (mut all, mut exact) = (Vec::new(), true);
                for part in parts {
                    let few = part.few(most)?;
                    all.extend(few.positions());
                    exact &= few.exact;
                }
                all.sort_unstable();
                all.dedup();
                (all.len() <= most).then(|| Few::of(all, exact))
            }
            Self::Certain(inner) => inner.few(most),
            Self::Scan { scan: Scan::Known(false), .. } | Self::Null(None) | Self::OnList(None) => Some(Few::none()),
            Self::Scan { ordered: Some(ordered), .. } => Few::ordered(*ordered, most),
            Self::Null(Some(bits)) | Self::OnList(Some(bits)) => marked(bits),
            Self::Positions(bits) => marked(bits),
            Self::Not(_) | Self::Scan { .. } | Self::Ids(_) | Self::Within { .. } => None,
        }
    }
}
