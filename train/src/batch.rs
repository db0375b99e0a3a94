//! The inputs of a tower for some rows.

use crate::config::Towers;
use crate::entities::{Column, Entities, Lists};
use crate::layout::Layout;
use crate::rng::Rng;

/// The inputs of a tower, `count` rows of each.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Batch {
    pub(crate) count: usize,
    pub(crate) columns: Vec<Column>,
}

impl Batch {
    /// Copies rows of the data.
    pub(crate) fn gather(entities: &Entities, rows: &[u32]) -> Self {
        let columns = entities.columns.iter().map(|column| match column {
            Column::Lists(lists) => Column::Lists(lists.select(rows)),
            Column::Numbers { width, values } => {
                let values = rows.iter().flat_map(|&row| &values[row as usize * width..][..*width]).copied().collect();
                Column::Numbers { width: *width, values }
            }
            Column::Weights => Column::Weights,
        });
        Self { count: rows.len(), columns: columns.collect() }
    }

    /// Puts the histories in the place of an input.
    pub(crate) fn with_history(mut self, input: usize, history: Lists) -> Self {
        if let Some(column) = self.columns.get_mut(input) {
            *column = Column::Lists(history);
        }
        self
    }

    /// Takes a share of ids for unknown, as training does so that unknown ones work.
    pub(crate) fn forget(&mut self, layouts: &[Layout], towers: &Towers, rng: &mut Rng) {
        if towers.unknown_share == 0.0 {
            return;
        }
        for (column, layout) in self.columns.iter_mut().zip(layouts) {
            let Some(unknown) = layout.unknown.as_ref().filter(|_| layout.padding.is_none()) else { continue };
            let Column::Lists(lists) = column else { continue };
            for index in &mut lists.indexes {
                if rng.uniform() < towers.unknown_share {
                    *index = unknown.start + rng.below(unknown.len()) as u32;
                }
            }
        }
    }
}

impl Lists {
    /// Some of the lists.
    fn select(&self, rows: &[u32]) -> Self {
        let mut out = Self { starts: Vec::with_capacity(rows.len() + 1), indexes: Vec::new(), weights: self.weights.as_ref().map(|_| Vec::new()) };
        out.starts.push(0);
        // A column that comes from elsewhere (the history) has no rows.
        if self.starts.len() < 2 {
            out.starts.resize(rows.len() + 1, 0);
            return out;
        }
        for &row in rows {
            out.indexes.extend_from_slice(self.of(row as usize));
            if let (Some(weights), Some(more)) = (&mut out.weights, self.weights_of(row as usize)) {
                weights.extend_from_slice(more);
            }
            out.starts.push(out.indexes.len());
        }
        out
    }
}
