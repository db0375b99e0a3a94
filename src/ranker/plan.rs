//! A ranker's graph as steps over a batch of rows.

use super::limits;
use super::ops::Op;

/// One operator: it reads values that are there, and makes the next one.
pub(super) struct Step {
    pub(super) op: Op,
    /// The values that it reads, by number: 0 is the input, n + 1 what step n makes.
    pub(super) inputs: Vec<usize>,
    /// Columns of what it makes.
    pub(super) width: usize,
}

/// A graph that was checked, ready to run on any number of threads.
pub(super) struct Plan {
    /// Features of a row.
    pub(super) width: usize,
    pub(super) steps: Vec<Step>,
    /// The value with the scores, by number, ...
    pub(super) output: usize,
    /// ... and the column of it that is the score.
    pub(super) column: usize,
}

impl Plan {
    /// Columns of a value.
    pub(super) fn width_of(&self, value: usize) -> usize {
        value.checked_sub(1).map_or(self.width, |step| self.steps[step].width)
    }

    /// The value with the scores, all its columns, of rows of features.
    pub(super) fn values(&self, rows: &[f32]) -> Vec<f32> {
        let mut made: Vec<Vec<f32>> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let value = |&at: &usize| match at.checked_sub(1) {
                None => (rows, self.width),
                Some(step) => (&made[step][..], self.steps[step].width),
            };
            let inputs: Vec<(&[f32], usize)> = step.inputs.iter().map(value).collect();
            let next = step.op.run(&inputs);
            made.push(next);
        }
        match self.output.checked_sub(1) {
            None => rows.to_vec(),
            Some(step) => made.swap_remove(step),
        }
    }

    /// One score a row.
    pub(super) fn scores(&self, rows: &[f32]) -> Vec<f32> {
        let width = self.width_of(self.output);
        let mut scores = Vec::with_capacity(rows.len() / self.width);
        for rows in rows.chunks(limits::ROWS * self.width) {
            scores.extend(self.values(rows).chunks_exact(width).map(|row| row[self.column]));
        }
        scores
    }
}
