//! Rules over plain rows, for tests and fuzz targets.

use super::bind::{Binder, Scope};
use super::bound::{Candidate, Inputs};
use super::error::RuleProblem;
use super::tree::{Condition, Formula};
use crate::features::{Row, Schema, Value};
use crate::filter::Params;

/// A candidate whose fields are those of a row, in a query with its user and parameters.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) params: &'a Params,
    pub(crate) user: &'a Row,
    pub(crate) now: f64,
    pub(crate) row: &'a Row,
    pub(crate) score: f64,
    pub(crate) rank: Option<f64>,
    /// What every value is that the caller computes.
    pub(crate) value: Option<f64>,
}

impl<'a> Setting<'a> {
    fn binder(&self) -> Binder<'a> {
        Binder::new(Scope { schema: self.schema, params: self.params, user: Some(self.user), now: self.now, computes: true })
    }

    /// The value of a formula.
    pub(crate) fn number(&self, formula: &Formula) -> Result<Option<f64>, RuleProblem> {
        let mut binder = self.binder();
        let bound = binder.formula(formula)?;
        bound.of(&Seen::new(self, &binder.inputs)?)
    }

    /// Whether a condition is true.
    pub(crate) fn truth(&self, condition: &Condition) -> Result<Option<bool>, RuleProblem> {
        let mut binder = self.binder();
        let bound = binder.condition(condition)?;
        bound.of(&Seen::new(self, &binder.inputs)?)
    }
}

/// The candidate as bound rules see it.
struct Seen<'a> {
    setting: &'a Setting<'a>,
    inputs: &'a Inputs,
    tests: Vec<Option<bool>>,
}

impl<'a> Seen<'a> {
    fn new(setting: &'a Setting<'a>, inputs: &'a Inputs) -> Result<Self, RuleProblem> {
        let bind = |test: &crate::filter::Filter| test.bind(setting.schema, setting.params, setting.now);
        let tests = inputs.tests.iter().map(|test| Ok(bind(test)?.eval(setting.row))).collect::<Result<_, RuleProblem>>()?;
        Ok(Self { setting, inputs, tests })
    }
}

impl Candidate for Seen<'_> {
    fn id(&self) -> &str {
        "i"
    }

    fn field(&self, field: usize) -> Option<f64> {
        match self.setting.row.get(self.inputs.fields.get(field)?)? {
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            value => value.as_f64().filter(|number| number.is_finite()),
        }
    }

    fn test(&self, test: usize) -> Option<bool> {
        *self.tests.get(test)?
    }

    fn value(&self, _: usize) -> Option<f64> {
        self.setting.value
    }

    fn score(&self) -> f64 {
        self.setting.score
    }

    fn rank_score(&self) -> Option<f64> {
        self.setting.rank
    }
}
