//! The rules that are in force for a query: those of a policy by its name, and the query's own.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::filter::{Bound, Filter, Params};
use crate::query::options::SearchOptions;
use crate::query::prepared::bind;
use crate::query::report::RulesExplain;
use crate::rules::{MaxPer, Pin, Policy, RuleError, RuleProblem};
use crate::segment::{KeptPolicy, Shared, Snapshot};

/// The rules of a query. Those of the policy come first.
pub(crate) struct Active<'q> {
    named: Option<(&'q str, Arc<KeptPolicy>)>,
    own: &'q Policy,
}

impl<'q> Active<'q> {
    /// The rules in force; `None` where there are none.
    ///
    /// # Errors
    /// [`Error::UnknownPolicy`]; [`Error::Rule`] for rules that no query can mean.
    pub(crate) fn of(shared: &Shared, options: &'q SearchOptions) -> Result<Option<Self>> {
        options.rules.check()?;
        let kept = |name: &'q String| match shared.policies.get(name) {
            Some(kept) => Ok((name.as_str(), kept)),
            None => Err(Error::UnknownPolicy { name: name.clone(), known: shared.policies.names() }),
        };
        let named = options.policy.as_ref().map(kept).transpose()?;
        Ok((named.is_some() || !options.rules.is_empty()).then_some(Self { named, own: &options.rules }))
    }

    /// The rules of one kind, each with what errors call it.
    pub(super) fn all<'r, R: 'r>(&'r self, kind: &'static str, of: fn(&'r Policy) -> &'r [R]) -> impl Iterator<Item = (String, &'r R)> {
        let named = self.named.iter().flat_map(move |(name, kept)| {
            of(&kept.policy).iter().zip(1..).map(move |(rule, at)| (format!("policy {name:?}, {kind} {at}"), rule))
        });
        named.chain(of(self.own).iter().zip(1..).map(move |(rule, at)| (format!("{kind} {at}"), rule)))
    }

    /// Whether the order of candidates changes.
    pub(crate) fn reorders(&self) -> bool {
        self.policies().any(|policy| !policy.boost.is_empty() || !policy.bury.is_empty())
    }

    /// Whether a rule reads this field of users.
    pub(crate) fn reads_of_users(&self, field: &str) -> bool {
        self.policies().any(|policy| policy.user_fields().any(|known| known == field))
    }

    /// Whether a value may have so many hits only.
    pub(crate) fn limits(&self) -> bool {
        self.policies().any(|policy| !policy.max_per.is_empty())
    }

    pub(super) fn max_per(&self) -> impl Iterator<Item = (String, &MaxPer)> {
        self.all("max_per", |policy| &policy.max_per)
    }

    /// Pins; where two want one place, or are of one item, the query's own goes before the policy's.
    pub(super) fn pins(&self) -> Vec<&Pin> {
        let named = self.named.iter().flat_map(|(_, kept)| &kept.policy.pin);
        let free = |pin: &&Pin| !self.own.pin.iter().any(|own| own.position == pin.position || own.id == pin.id);
        let mut pins: Vec<&Pin> = named.filter(free).chain(&self.own.pin).collect();
        pins.sort_by_key(|pin| pin.position);
        pins
    }

    fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.named.iter().map(|(_, kept)| &kept.policy).chain([self.own])
    }

    /// What items have to pass for the rules' sake; `None` where that is nothing.
    ///
    /// # Errors
    /// [`Error::Rule`] for a filter that does not fit the collection.
    pub(crate) fn filter(&self, snapshot: &Snapshot, params: &Params) -> Result<Option<Bound>> {
        let all = |kind, of: fn(&Policy) -> &[Filter]| -> Result<Vec<Bound>> {
            self.all(kind, of).map(|(rule, filter)| bind(snapshot, filter, params).map_err(|error| of_rule(error, &rule))).collect()
        };
        let (require, forbid) = (all("require", |policy| &policy.require)?, all("forbid", |policy| &policy.forbid)?);
        Ok((!require.is_empty() || !forbid.is_empty()).then(|| Bound::of(require, forbid)))
    }

    /// What an explanation says of them before anything is done.
    pub(crate) fn report(&self) -> RulesExplain {
        let named = self.named.as_ref();
        RulesExplain {
            policy: named.map(|(name, _)| (*name).to_owned()),
            version: named.map(|(_, kept)| kept.version),
            ..RulesExplain::default()
        }
    }
}

/// The error of a filter in a rule, as one of the rule.
pub(super) fn of_rule(error: Error, rule: &str) -> Error {
    let of = |problem: RuleProblem| -> RuleError { problem.of(rule) };
    match error {
        Error::Filter(error) => of(error.into()).into(),
        Error::NotIndexed { field, indexed } => of(RuleProblem::NotIndexed { column: None, field, indexed }).into(),
        other => other,
    }
}
