//! The tables of embeddings; fields that share a vocabulary share a table.

use std::collections::BTreeMap;

use crate::error::TrainError;
use crate::optimizer::{Rule, Step};
use crate::rng::Rng;
use crate::table::{Table, TableGradient};

/// All tables of a pair of towers.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Tables {
    pub(crate) list: Vec<Table>,
    rule: Rule,
    deviation: f32,
    /// Widths of tables that were there in an earlier training.
    widths: BTreeMap<String, usize>,
}

/// Their gradients, in the same order.
pub(crate) type TableGradients = Vec<TableGradient>;

impl Tables {
    pub(crate) fn new(rule: Rule, deviation: f32, widths: BTreeMap<String, usize>) -> Self {
        Self { list: Vec::new(), rule, deviation, widths }
    }

    /// How wide a table was in the training that is gone on from.
    pub(crate) fn width_before(&self, name: &str) -> Option<usize> {
        self.widths.get(name).copied()
    }

    /// The same tables without their rows.
    pub(crate) fn without_rows(&self) -> Self {
        let empty = |table: &Table| Table { name: table.name.clone(), width: table.width, values: vec![], first: vec![], second: vec![] };
        Self { list: self.list.iter().map(empty).collect(), widths: self.widths.clone(), ..*self }
    }

    /// The table of this name, made where there is none.
    ///
    /// # Errors
    /// [`TrainError::Data`] where it has another size: a shared vocabulary has to have the same buckets for unknown values on both sides.
    pub(crate) fn find_or_add(&mut self, name: &str, rows: usize, width: usize, rng: &mut Rng) -> Result<usize, TrainError> {
        if let Some(at) = self.list.iter().position(|table| table.name == name) {
            let (had, wide) = (self.list[at].rows(), self.list[at].width);
            if (had, wide) != (rows, width) {
                let reason = format!("vocabulary {name:?} is shared by tables of {had} x {wide} and of {rows} x {width}");
                return Err(TrainError::Data(format!("{reason}: its inputs have to agree in `oov` and `index`")));
            }
            return Ok(at);
        }
        self.list.push(Table::new(name, rows, width, self.deviation, self.rule, rng));
        Ok(self.list.len() - 1)
    }

    pub(crate) fn gradients(&self) -> TableGradients {
        vec![TableGradient::default(); self.list.len()]
    }

    /// Moves what the gradients name, and empties them.
    pub(crate) fn apply(&mut self, gradients: &mut TableGradients, rate: f32, l2: f32, t: u64) {
        let step = Step::new(self.rule, rate, l2, t);
        for (table, gradient) in self.list.iter_mut().zip(gradients) {
            table.apply(gradient, step);
        }
    }
}
