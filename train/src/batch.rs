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

    /// Puts the rows of another batch of the same tower behind these.
    pub(crate) fn append(&mut self, more: Self) {
        self.count += more.count;
        for (column, more) in self.columns.iter_mut().zip(more.columns) {
            match (column, more) {
                (Column::Lists(lists), Column::Lists(more)) => lists.append(more),
                (Column::Numbers { values, .. }, Column::Numbers { values: more, .. }) => values.extend(more),
                _ => {}
            }
        }
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
    fn append(&mut self, more: Self) {
        let before = self.indexes.len();
        self.starts.extend(more.starts.iter().skip(1).map(|start| before + start));
        self.indexes.extend(more.indexes);
        if let (Some(weights), Some(more)) = (&mut self.weights, more.weights) {
            weights.extend(more);
        }
    }

    /// Some of the lists.
    fn select(&self, rows: &[u32]) -> Self {
        let mut out =
            Self { starts: Vec::with_capacity(rows.len() + 1), indexes: Vec::new(), weights: self.weights.as_ref().map(|_| Vec::new()) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_and_another_are_the_batch_of_all_rows() {
        let entities = crate::trainer_tests::shop(true, true).items;
        let rows: Vec<u32> = (0..entities.ids.len() as u32).rev().collect();
        for cut in [0, 1, 17, rows.len()] {
            let mut batch = Batch::gather(&entities, &rows[..cut]);
            batch.append(Batch::gather(&entities, &rows[cut..]));
            assert_eq!(batch, Batch::gather(&entities, &rows));
        }
    }
}
