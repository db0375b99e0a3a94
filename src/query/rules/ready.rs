//! Rules of one query, ready to be evaluated for rows of a snapshot.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::active::{Active, of_rule};
use crate::error::Result;
use crate::features::Value;
use crate::filter::Bound;
use crate::query::candidates::Found;
use crate::query::filter_lists::ListRows;
use crate::query::prepared::bind;
use crate::query::request::Request;
use crate::query::restriction::PartFilters;
use crate::query::source::Source;
use crate::query::values::CandidateValues;
use crate::rules::{Binder, BoundNumber, BoundTruth, Candidate, Inputs, RuleProblem, Scope};
use crate::segment::{Column, Snapshot};

/// A rule with what errors call it.
pub(super) struct Named<T> {
    pub(super) rule: String,
    pub(super) bound: T,
}

/// Boosts and burials without names.
pub(super) struct Ready {
    pub(super) boosts: Vec<Named<BoundNumber>>,
    pub(super) burials: Vec<Named<BoundTruth>>,
    pub(super) inputs: Inputs,
    /// The tests of the inputs, and their negations.
    tests: Vec<Test>,
}

/// A condition on a candidate's fields, what is true where it is false, and the rows on the lists that both ask for.
struct Test {
    bound: Bound,
    negated: Bound,
    lists: ListRows,
}

impl Ready {
    /// # Errors
    /// [`Error::Rule`](crate::Error::Rule): a rule that does not fit the collection, the query or the user.
    pub(super) fn new(request: &Request<'_>, active: &Active<'_>, source: &Source<'_>) -> Result<Self> {
        let params = request.options.params();
        let scope = Scope {
            schema: &request.snapshot.schema,
            params: &params,
            user: source.user(),
            now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
            computes: request.compute.is_some(),
        };
        let mut binder = Binder::new(scope);
        let (mut boosts, mut burials, mut tests) = (Vec::new(), Vec::new(), Vec::new());
        let mut bind_tests = |inputs: &Inputs, rule: &str| -> Result<()> {
            for test in &inputs.tests[tests.len()..] {
                let bound = bind(request.snapshot, test, &params).map_err(|error| of_rule(error, rule))?;
                let negated = Bound::not(bound.clone());
                let lists = ListRows::new(request.shared, request.snapshot, &bound);
                tests.push(Test { bound, negated, lists });
            }
            Ok(())
        };
        for (rule, formula) in active.all("boost", |policy| &policy.boost) {
            let bound = binder.formula(formula).map_err(|problem| problem.of(&rule))?;
            bind_tests(&binder.inputs, &rule)?;
            boosts.push(Named { rule, bound });
        }
        for (rule, condition) in active.all("bury", |policy| &policy.bury) {
            let bound = binder.condition(condition).map_err(|problem| problem.of(&rule))?;
            bind_tests(&binder.inputs, &rule)?;
            burials.push(Named { rule, bound });
        }
        Ok(Self { boosts, burials, inputs: binder.inputs, tests })
    }

    /// Makes them ready for the rows of a snapshot, and for what was computed of its candidates.
    ///
    /// # Errors
    /// [`Error::Rule`](crate::Error::Rule) for values that were not computed; as [`PartFilters::new`].
    pub(super) fn rows<'r>(&'r self, snapshot: &'r Snapshot, values: &'r CandidateValues) -> Result<Rows<'r>> {
        let columns = snapshot.tables().into_iter();
        let columns = columns.map(|table| self.inputs.fields.iter().map(|field| table.columns().get(field)).collect()).collect();
        let tests = self.tests.iter().map(|test| {
            let filter = |bound| PartFilters::new(snapshot, bound, &test.lists);
            Ok([filter(&test.bound)?, filter(&test.negated)?])
        });
        let found = |(name, at): &(Box<str>, crate::filter::Place)| {
            values.find(name).ok_or_else(|| {
                let column = at.column().unwrap_or_default();
                RuleProblem::UnknownValue { column, name: name.to_string(), known: values.names() }.of("rules")
            })
        };
        let computed = self.inputs.values.iter().map(found).collect::<std::result::Result<_, _>>()?;
        Ok(Rows { snapshot, columns, tests: tests.collect::<Result<_>>()?, values, computed })
    }
}

/// Rows of a snapshot as rules see them.
pub(super) struct Rows<'r> {
    snapshot: &'r Snapshot,
    /// The columns of the inputs' fields, a list for each part.
    columns: Vec<Vec<Option<&'r Arc<Column>>>>,
    tests: Vec<[PartFilters<'r>; 2]>,
    values: &'r CandidateValues,
    /// The inputs' values as columns of those that were computed.
    computed: Vec<usize>,
}

impl Rows<'_> {
    pub(super) fn row<'c>(&'c self, found: &'c Found) -> impl Candidate + 'c {
        OneRow { rows: self, found }
    }
}

struct OneRow<'c> {
    rows: &'c Rows<'c>,
    found: &'c Found,
}

impl Candidate for OneRow<'_> {
    fn id(&self) -> &str {
        self.rows.snapshot.id(self.found.place)
    }

    fn field(&self, field: usize) -> Option<f64> {
        let (part, position) = self.found.place;
        match self.rows.columns.get(part as usize)?.get(field)?.as_ref()?.value(position as usize) {
            Value::Bool(flag) => Some(f64::from(u8::from(flag))),
            value => value.as_f64(),
        }
    }

    fn test(&self, test: usize) -> Option<bool> {
        let [test, negated] = self.rows.tests.get(test)?;
        let is = |filter: &PartFilters<'_>| filter.lets_through(self.found.place);
        if is(test) { Some(true) } else { is(negated).then_some(false) }
    }

    fn value(&self, value: usize) -> Option<f64> {
        self.rows.values.at(*self.rows.computed.get(value)?, self.found.candidate? as usize)
    }

    fn score(&self) -> f64 {
        self.found.score
    }

    fn rank_score(&self) -> Option<f64> {
        self.found.rank.filter(|rank| !rank.is_nan()).map(f64::from)
    }
}
