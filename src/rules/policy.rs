//! Policies: what a shop decides about the order of hits, besides models.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::error::{RuleError, RuleProblem};
use super::json::filters;
use super::tree::{Condition, Formula, Whose};
use crate::filter::{Filter, Name};

/// A policy has at most so many rules of a kind.
const MOST_RULES: usize = 64;
/// Pins of a policy, and the last place that one may have.
const MOST_PINS: usize = 1000;

/// Rules for the order of hits, which a query takes along, or a collection keeps under a name
/// ([`set_policy`](crate::Collection::set_policy)). The [module](super) says in which order they take effect.
///
/// ```
/// use torre::rules::Policy;
///
/// # fn main() -> torre::Result<()> {
/// let policy = Policy::new().boost("0.2*promo + decay(added, 7d)")?.bury("stock = 0")?.max_per("brand", 2).pin("gift-card", 3);
/// let json = r#"{"boost": ["0.2 * promo + decay(added, 7d)"], "bury": ["stock = 0"],
///     "max_per": [{"field": "brand", "most": 2}], "pin": [{"id": "gift-card", "position": 3}]}"#;
/// assert_eq!(serde_json::from_str::<Policy>(json).ok(), Some(policy));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// Added to the ranker's score, or to that of the first stage where nothing ranks. Where one is null it adds nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boost: Vec<Formula>,
    /// Items of which one of these is true come after all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bury: Vec<Condition>,
    /// At most so many hits of a value of a field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub max_per: Vec<MaxPer>,
    /// Items that have a place of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pin: Vec<Pin>,
    /// Only items of which all of these are true come back.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "filters")]
    pub require: Vec<Filter>,
    /// Items of which one of these is true do not come back. Where it is unknown, they do.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "filters")]
    pub forbid: Vec<Filter>,
}

/// At most so many hits of each value of a field. Items without a value are not counted; of a list, each element is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MaxPer {
    /// The field, which must be indexed.
    pub field: String,
    /// The most hits of one value, at least 1.
    pub most: usize,
}

/// An item that has a place of its own, if it is in the collection and nothing leaves it out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pin {
    /// The item.
    pub id: String,
    /// Its place among all hits, from 1.
    pub position: usize,
}

impl Policy {
    /// No rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number to the score of each item: see [`Formula`].
    ///
    /// # Errors
    /// [`RuleError`] for a text that is not in the language.
    pub fn boost(mut self, formula: &str) -> Result<Self, RuleError> {
        self.boost.push(Formula::read(formula).map_err(|problem| problem.of("boost"))?);
        Ok(self)
    }

    /// Puts items of which this is true behind all others: see [`Condition`].
    ///
    /// # Errors
    /// [`RuleError`] for a text that is not in the language.
    pub fn bury(mut self, condition: &str) -> Result<Self, RuleError> {
        self.bury.push(Condition::read(condition).map_err(|problem| problem.of("bury"))?);
        Ok(self)
    }

    /// Returns at most `most` hits of each value of a field.
    #[must_use]
    pub fn max_per(mut self, field: impl Into<String>, most: usize) -> Self {
        self.max_per.push(MaxPer { field: field.into(), most });
        self
    }

    /// Gives an item a place among the hits, from 1.
    #[must_use]
    pub fn pin(mut self, id: impl Into<String>, position: usize) -> Self {
        self.pin.push(Pin { id: id.into(), position });
        self
    }

    /// Returns only items of which this is true.
    #[must_use]
    pub fn require(mut self, filter: Filter) -> Self {
        self.require.push(filter);
        self
    }

    /// Returns no items of which this is true.
    #[must_use]
    pub fn forbid(mut self, filter: Filter) -> Self {
        self.forbid.push(filter);
        self
    }

    /// Whether there is no rule in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The fields of users that boosts and burials read, in the order in which they are written.
    ///
    /// ```
    /// # fn main() -> torre::Result<()> {
    /// let policy = torre::rules::Policy::new().boost("if(brand IN user.brands, 1, 0)")?.bury("price > 2 * user.usual_price")?;
    /// assert_eq!(policy.user_fields().collect::<Vec<_>>(), ["brands", "usual_price"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn user_fields(&self) -> impl Iterator<Item = &str> {
        let of_boosts = self.boost.iter().flat_map(|formula| formula.0.fields_of(Whose::User));
        of_boosts.chain(self.bury.iter().flat_map(|condition| condition.0.fields_of(Whose::User))).map(|name| &*name.text)
    }

    /// The item's fields that it reads, each with the rule that does.
    pub(crate) fn fields(&self) -> Vec<(&'static str, &str)> {
        let Self { boost, bury, max_per, require, forbid, pin: _ } = self;
        fn of<'p>(rule: &'static str, names: Vec<&'p Name>) -> impl Iterator<Item = (&'static str, &'p str)> {
            names.into_iter().map(move |name| (rule, &*name.text))
        }
        let mut fields: Vec<(&str, &str)> = boost.iter().flat_map(|formula| of("boost", formula.0.fields())).collect();
        fields.extend(bury.iter().flat_map(|condition| of("bury", condition.0.fields())));
        fields.extend(require.iter().flat_map(|filter| of("require", filter.expr.fields())));
        fields.extend(forbid.iter().flat_map(|filter| of("forbid", filter.expr.fields())));
        fields.extend(max_per.iter().map(|rule| ("max_per", rule.field.as_str())));
        fields
    }

    /// Refuses what no query can mean.
    ///
    /// # Errors
    /// [`RuleError`]: too many rules, a `max_per` of nothing, a pin without a place or a place with two pins.
    pub(crate) fn check(&self) -> Result<(), RuleError> {
        let malformed = |rule: &str, expected: String, got: String| Err(RuleProblem::Malformed { expected, got }.of(rule));
        let Self { boost, bury, max_per, pin, require, forbid } = self;
        let counts = [
            ("boost", boost.len(), MOST_RULES),
            ("bury", bury.len(), MOST_RULES),
            ("max_per", max_per.len(), MOST_RULES),
            ("pin", pin.len(), MOST_PINS),
            ("require", require.len(), MOST_RULES),
            ("forbid", forbid.len(), MOST_RULES),
        ];
        if let Some((rule, count, most)) = counts.iter().find(|(_, count, most)| count > most) {
            return malformed(rule, format!("at most {most} rules"), count.to_string());
        }
        if let Some(rule) = max_per.iter().find(|rule| rule.most == 0) {
            return malformed("max_per", "at least 1 hit of a value".to_owned(), format!("0 of {:?}", rule.field));
        }
        if let Some(pin) = pin.iter().find(|pin| !(1..=MOST_PINS).contains(&pin.position)) {
            return malformed("pin", format!("a position from 1 to {MOST_PINS}"), format!("{} for {:?}", pin.position, pin.id));
        }
        let (mut places, mut ids) = (HashSet::new(), HashSet::new());
        match pin.iter().find(|pin| !places.insert(pin.position) || !ids.insert(&pin.id)) {
            Some(pin) => malformed(
                "pin",
                "one item a position, and one position an item".to_owned(),
                format!("again {:?} at {}", pin.id, pin.position),
            ),
            None => Ok(()),
        }
    }
}
