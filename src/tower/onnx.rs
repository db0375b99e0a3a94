//! One tower: rows in, vectors out.

use std::sync::Arc;

use rayon::prelude::*;

use super::decode;
use super::guard::Interface;
use super::limits::MICRO_BATCH;
use super::module;
use super::plan::{Plan, without_panic};
use super::trial::{self, Trial};
use crate::error::{Error, Result};
use crate::features::{EncodeOptions, FeatureSpec, Row, TowerRole};
use crate::model_error::ModelError;
use crate::tower_source::TowerSource;
use crate::types::Metric;
use crate::vector::{LONGEST, Matrix, length, too_long};

/// Whether a tower is new here, or was attached before and comes out of a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attach {
    /// It is tried on made-up rows.
    First,
    /// It has been.
    Again,
}

/// A model and its feature spec, checked against each other and ready to run on any number of threads.
pub(crate) struct Tower {
    spec: FeatureSpec,
    plan: Plan,
}

impl Tower {
    /// Checks and prepares a tower.
    pub(super) fn new(source: &Arc<TowerSource>, role: Option<TowerRole>, attach: Attach) -> Result<(Self, Option<Trial>), ModelError> {
        let (mut model, tables) = decode::tower(source)?;
        let text = source
            .spec
            .as_deref()
            .or_else(|| decode::spec(&model))
            .ok_or(ModelError::NoSpec { what: "feature spec", entry: decode::SPEC_KEY })?;
        let spec = FeatureSpec::parse(text).map_err(ModelError::Spec)?;
        if let Some(role) = role.filter(|&role| spec.tower() != role) {
            return Err(ModelError::Role { expected: role.name(), got: spec.tower().name() });
        }
        let interface = Interface { inputs: spec.inputs(), output: spec.output(), width: spec.dim() };
        let mut plan = Plan::with_tables(&mut model, &interface, tables).map_err(|error| module::named(&source.onnx, &model, error))?;
        let trial = match attach {
            Attach::First => {
                let tried = without_panic("trial", || trial::run(&model, &interface, &plan));
                Some(tried.map_err(|error| module::named(&source.onnx, &model, error))?)
            }
            Attach::Again => None,
        };
        drop(model);
        plan.settle();
        Ok((Self { spec, plan }, trial))
    }

    pub(crate) fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    /// The vectors of any number of rows, in micro-batches on all threads of the current rayon pool. An error is that of the first
    /// row at fault, counted from `options.first_row`.
    pub(crate) fn run(&self, rows: &[&Row], options: &EncodeOptions<'_>) -> Result<Matrix> {
        let mut all = Matrix::with_capacity(self.spec.dim(), rows.len());
        if rows.len() <= MICRO_BATCH {
            if !rows.is_empty() {
                all.extend(&self.run_batch(rows, options)?);
            }
            return Ok(all);
        }
        // All parts have one now.
        let options = options.at_one_time();
        let parts: Vec<Result<Matrix>> = rows
            .par_chunks(MICRO_BATCH)
            .enumerate()
            .map(|(n, rows)| self.run_batch(rows, &EncodeOptions { first_row: options.first_row + n * MICRO_BATCH, ..options }))
            .collect();
        for part in parts {
            all.extend(&part?);
        }
        Ok(all)
    }

    /// At most a micro-batch, on this thread.
    pub(super) fn run_batch(&self, rows: &[&Row], options: &EncodeOptions<'_>) -> Result<Matrix> {
        let tensors = self.spec.encode(rows, options)?;
        let mut data = self.plan.run(&tensors, rows.len()).map_err(Error::from)?;
        for (n, vector) in data.chunks_exact_mut(self.spec.dim()).enumerate() {
            self.validate(vector, options.first_row + n)?;
        }
        Matrix::from_vec(self.spec.dim(), data)
            .ok_or_else(|| ModelError::Runtime { stage: "run", reason: "vectors of another width than the spec's".to_owned() }.into())
    }

    /// Checks a vector that the graph made; under cosine it gets unit length.
    fn validate(&self, vector: &mut [f32], row: usize) -> Result<(), ModelError> {
        let tower = self.spec.tower().name();
        if let Some(at) = vector.iter().position(|x| !x.is_finite()) {
            return Err(ModelError::NotFinite { tower, row, at, value: vector[at] });
        }
        let metric = self.spec.metric();
        let norm = length(vector);
        if let Some(at) = too_long(vector, metric) {
            return Err(ModelError::TooLong { tower, row, at, value: vector[at], length: norm, limit: LONGEST });
        }
        if metric != Metric::Cosine {
            return Ok(());
        }
        if norm == 0.0 {
            return Err(ModelError::NoDirection { tower, row, metric });
        }
        for x in vector {
            *x = (f64::from(*x) / norm) as f32;
        }
        Ok(())
    }
}
