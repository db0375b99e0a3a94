//! What an input of a tower becomes: some columns of its wide layer.

use super::tables::Tables;
use crate::config::{Combine, Towers};
use crate::dataset::History;
use crate::error::TrainError;
use crate::layout::Layout;
use crate::pool::Pool;
use crate::rng::Rng;
use crate::table::Pooling;

/// An input, and what it becomes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Field {
    /// Its place among the spec's inputs.
    pub(crate) input: usize,
    pub(crate) width: usize,
    /// What it counts in a sum.
    pub(crate) scale: f32,
    pub(crate) part: Part,
}

/// What an input becomes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Part {
    /// Rows of a table, pooled; one row of one index.
    Embedding { table: usize, pooling: Pooling },
    /// The items chosen before.
    History { table: usize, pool: Box<Pool> },
    /// Numbers as they are.
    Numbers,
}

/// What a field is built from.
pub(super) struct FieldOptions<'a> {
    pub(super) towers: &'a Towers,
    pub(super) dim: usize,
    pub(super) history: Option<&'a History>,
    /// The name of the table of items.
    pub(super) main: Option<&'a str>,
    /// Whether it is the only input.
    pub(super) alone: bool,
}

impl Field {
    /// `None` of an input that holds weights: it belongs to the one before it.
    pub(super) fn new(
        input: usize,
        layout: &Layout,
        options: &FieldOptions<'_>,
        tables: &mut Tables,
        rng: &mut Rng,
    ) -> Result<Option<Self>, TrainError> {
        if layout.weights_of.is_some() {
            return Ok(None);
        }
        if let Some(width) = layout.numbers {
            return Ok(Some(Self { input, width, scale: 1.0, part: Part::Numbers }));
        }
        let history = options.history.is_some_and(|history| history.input == input);
        let main = history || options.main == Some(&layout.table);
        let sum = options.towers.combine == Combine::Sum;
        let width = match tables.width_before(&layout.table) {
            _ if main || sum || options.alone => options.dim,
            Some(width) => width,
            None => side_width(layout.rows, options.dim),
        };
        let table = tables.find_or_add(&layout.table, layout.rows, width, rng)?;
        let pooling = if layout.weights.is_some() { Pooling::Sum } else { Pooling::Mean };
        let part = if history {
            Part::History { table, pool: Box::new(Pool::new(options.towers, width, layout.length, rng)) }
        } else {
            Part::Embedding { table, pooling }
        };
        let scale = if sum && !main { options.towers.side_scale } else { 1.0 };
        Ok(Some(Self { input, width, scale, part }))
    }
}

/// How wide the embeddings of a field are that is not a tower's main one: 4 times the fourth root of its rows, in fours.
fn side_width(rows: usize, dim: usize) -> usize {
    let wide = (4.0 * (rows as f64).powf(0.25) / 4.0).round() as usize * 4;
    wide.clamp(4, dim.max(4))
}
