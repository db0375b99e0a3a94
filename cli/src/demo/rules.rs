//! What the shop decides besides its models: the policy of its page, and what that did to a list.

use std::fmt::{self, Display};

use serde::Serialize;

use super::thousands::thousands;
use torre::filter::Filter;
use torre::rules::Policy;
use torre::{Answer, Result, RulesExplain};

/// The policy's name in the collection.
pub(super) const POLICY: &str = "homepage";

/// In stock, what there is much of higher up, nothing that costs far more than what the shopper looks at, and no page of one brand.
pub(super) fn policy() -> Result<Policy> {
    let in_stock = Policy::new().require(Filter::parse("stock > 0")?);
    Ok(in_stock.boost("0.1 * ln1p(stock)")?.bury("price > 2 * user.usual_price")?.max_per("brand", 3))
}

/// The policy in words.
pub(super) fn in_words(policy: &Policy) -> String {
    let mut words: Vec<String> = policy.require.iter().map(|filter| format!("only {filter}")).collect();
    words.extend(policy.boost.iter().map(|formula| format!("add {formula}")));
    words.extend(policy.bury.iter().map(|condition| format!("last {condition}")));
    words.extend(policy.max_per.iter().map(|rule| format!("at most {} a {}", rule.most, rule.field)));
    words.join("; ")
}

/// What the policy did to one list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Effect {
    /// Products that no list has.
    left_out: u64,
    /// Candidates of the second stage, and those of them that were put last.
    candidates: u64,
    buried: u64,
    /// Products of a brand that had its hits.
    over_limit: u64,
    /// Hits, and those of them that would not be there without it.
    hits: usize,
    new: usize,
}

impl Effect {
    /// Of an answer with an explanation, beside the one without the policy.
    pub(super) fn of(answer: &Answer, without: &Answer) -> Self {
        let rules = answer.explain.as_ref().and_then(|explain| explain.rules.clone()).unwrap_or_default();
        let RulesExplain { left_out, candidates, buried, over_limit, .. } = rules;
        let new = answer.ids().filter(|id| without.ids().all(|other| other != *id)).count();
        Self { left_out, candidates, buried, over_limit, hits: answer.hits.len(), new }
    }
}

impl Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { left_out, candidates, buried, over_limit, hits, new } = *self;
        let left_out = thousands(left_out);
        write!(f, "rules: {left_out} out of stock, {buried} of {candidates} put last, {over_limit} too many of a brand;")?;
        write!(f, " {new} of {hits} hits are new")
    }
}
