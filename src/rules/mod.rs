//! Rules: what a shop decides about the order of hits, besides models.
//!
//! A [`Policy`] has formulas that boost, conditions that bury, limits of hits a value, pins, and filters that items have to pass. It goes with a
//! query ([`Query::rules`](crate::Query::rules) and its shorter forms), or is kept in a collection under a name
//! ([`Collection::set_policy`](crate::Collection::set_policy), [`Query::policy`](crate::Query::policy)).
//!
//! ```
//! use torre::rules::{Condition, Formula};
//!
//! # fn main() -> torre::Result<()> {
//! let boost = Formula::parse("0.2*promo - 0.05*ln1p(price) + 0.5*decay(added, 7d)")?;
//! assert_eq!(boost.to_string(), "0.2 * promo - 0.05 * ln1p(price) + 0.5 * decay(added, 1w)");
//! let slow = Condition::parse("value.days > 5 AND NOT tags HAS 'fragile'")?;
//! assert_eq!(Condition::parse(&slow.to_string())?, slow);
//! # Ok(())
//! # }
//! ```
//!
//! The language is that of [filters](crate::filter), with arithmetic:
//!
//! ```text
//! number    = product {(+|-) product}   product = signed {(*|/) signed}   signed = [-] atom
//! atom      = 5 | 0.5 | 7d | $param | now() | field | user.field | value.name | score | rank_score | "(" number ")"
//!           | if(condition, number, number) | decay(number, half-life) | coalesce(number, ...)
//!           | min(number, number, ...) | max(number, number, ...) | abs(number) | ln1p(number) | log(number) | exp(number)
//!           | sqrt(number) | pow(number, number)
//! condition = and {OR and}   and = not {AND not}   not = {NOT} test
//! test      = number (= != < <= > >=) number | any test of a filter, of a field or of user.field | "(" condition ")"
//!           | field [NOT] IN user.field | field [NOT] HAS [ANY|ALL|NONE] user.field
//! ```
//!
//! Fields are numbers: bools are 1 and 0, times are unix seconds, spans are seconds. What has no value is null, and what is made of null is null,
//! but for `coalesce`, and for `if`, which takes its second branch where the condition is not true. A formula that is null adds nothing. A
//! division by zero, the logarithm of a number that is not above zero and their like are errors that name the item.
//!
//! Rules take effect in this order: `require` and `forbid` with the first stage, then, on the items that are ranked, `boost`, `bury`, `max_per`,
//! and after diversity `pin`. `docs/ranking.md` explains it with examples.

mod arithmetic;
mod bind;
mod bound;
mod error;
mod function;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod json;
mod parse;
mod policy;
mod print;
mod tree;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use error::{RuleError, RuleProblem};
pub use policy::{MaxPer, Pin, Policy};
pub use tree::{Condition, Formula};

// What queries evaluate.
pub(crate) use bind::{Binder, Scope};
pub(crate) use bound::{BoundNumber, BoundTruth, Candidate, Inputs};
