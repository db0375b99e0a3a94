//! One side of the data: its rows, encoded as serving encodes them.

use rayon::prelude::*;
use torre_features::{EncodeOptions, FeatureSpec, Row, Tensor, TensorData};

use crate::error::TrainError;
use crate::layout::Layout;

/// Rows that are encoded together.
const BATCH: usize = 64;
/// Batches that are there at once.
const GROUP: usize = 32;
/// Rows that are kept as they came, to compare the exported tower with the trained one.
const SAMPLES: usize = 1000;

/// Lists of indexes, one a row, without padding; one index is a list of one.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Lists {
    /// Row `r` has places `starts[r]..starts[r + 1]`.
    pub starts: Vec<usize>,
    /// Rows of an embedding table.
    pub indexes: Vec<u32>,
    /// What each counts (of a `bag`).
    pub weights: Option<Vec<f32>>,
}

impl Lists {
    /// The indexes of a row.
    #[must_use]
    pub fn of(&self, row: usize) -> &[u32] {
        &self.indexes[self.starts[row]..self.starts[row + 1]]
    }

    /// The weights of a row's indexes, if there are any.
    #[must_use]
    pub fn weights_of(&self, row: usize) -> Option<&[f32]> {
        self.weights.as_ref().map(|weights| &weights[self.starts[row]..self.starts[row + 1]])
    }
}

/// One input of a tower, for all rows.
#[derive(Clone, PartialEq, Debug)]
pub enum Column {
    /// Indexes of an embedding table.
    Lists(Lists),
    /// Numbers, `width` a row.
    Numbers {
        /// Numbers of a row.
        width: usize,
        /// Row after row.
        values: Vec<f32>,
    },
    /// The weights that belong to the lists before it.
    Weights,
}

/// Items or users: ids, and the inputs of their tower for every row.
#[derive(Clone, Debug)]
pub struct Entities {
    /// What they are called, row by row.
    pub ids: Vec<String>,
    /// How rows become inputs.
    pub spec: FeatureSpec,
    /// In the order of the spec's inputs. The history of users is empty here: it comes from the events.
    pub columns: Vec<Column>,
    /// Evenly chosen rows as they came, by their numbers.
    pub samples: Vec<(u32, Row)>,
}

impl Entities {
    /// Encodes rows by the spec; `lenient` lets rows have fields that the spec does not name. Rows may outnumber the ids (users whose
    /// features change have a row for each time).
    ///
    /// # Errors
    /// [`TrainError::Row`] names the field and the row; [`TrainError::Unsupported`] an input that cannot be trained.
    pub fn encode(ids: Vec<String>, spec: FeatureSpec, rows: &[Row], lenient: bool) -> Result<Self, TrainError> {
        let side = spec.tower().name();
        let layouts = Layout::of(&spec)?;
        let options = EncodeOptions { lenient, ..EncodeOptions::default() };
        let mut columns: Vec<Column> = layouts.iter().map(empty).collect();
        // A list that is padded takes much more than what it holds: not all rows are there at once.
        for (group, rows) in rows.chunks(GROUP * BATCH).enumerate() {
            let parts: Vec<Vec<Tensor>> = rows
                .par_chunks(BATCH)
                .enumerate()
                .map(|(n, rows)| {
                    let rows: Vec<&Row> = rows.iter().collect();
                    let options = EncodeOptions { first_row: (group * GROUP + n) * BATCH, ..options };
                    spec.encode(&rows, &options).map_err(|source| TrainError::Row { side, source })
                })
                .collect::<Result<_, _>>()?;
            for (input, (layout, column)) in layouts.iter().zip(&mut columns).enumerate() {
                parts.iter().for_each(|part| append(column, layout, input, part));
            }
        }
        let every = rows.len().div_ceil(SAMPLES).max(1);
        let samples = rows.iter().enumerate().step_by(every).map(|(n, row)| (n as u32, row.clone())).collect();
        Ok(Self { ids, spec, columns, samples })
    }

    /// Number of ids.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// A column of no rows.
fn empty(layout: &Layout) -> Column {
    match layout.numbers {
        Some(width) => Column::Numbers { width, values: Vec::new() },
        None if layout.weights_of.is_some() => Column::Weights,
        None => Column::Lists(Lists { starts: vec![0], indexes: Vec::new(), weights: layout.weights.map(|_| Vec::new()) }),
    }
}

/// Adds one input of a batch to its column.
fn append(column: &mut Column, layout: &Layout, input: usize, batch: &[Tensor]) {
    match (column, batch.get(input).map(|tensor| &tensor.data)) {
        (Column::Numbers { values, .. }, Some(TensorData::F32(data))) => values.extend_from_slice(data),
        (Column::Lists(lists), Some(TensorData::I64(data))) => {
            let counts = layout.weights.and_then(|at| batch.get(at)).and_then(|tensor| match &tensor.data {
                TensorData::F32(data) => Some(data),
                TensorData::I64(_) => None,
            });
            for (row, indexes) in data.chunks_exact(layout.length).enumerate() {
                for (at, &index) in indexes.iter().enumerate().filter(|(_, index)| layout.padding != Some(**index)) {
                    lists.indexes.push(index as u32);
                    if let (Some(weights), Some(counts)) = (&mut lists.weights, counts) {
                        weights.push(counts[row * layout.length + at]);
                    }
                }
                lists.starts.push(lists.indexes.len());
            }
        }
        _ => {}
    }
}
