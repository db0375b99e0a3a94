//! Rules as options of commands: those of a query, and those that a policy is made of.

use clap::{Args, Subcommand};

use torre::filter::Filter;
use torre::rules::{Condition, Formula, Policy};

use super::values::filter;

/// Rules for the order of hits.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RuleOptions {
    /// Add a number to the score of each candidate: "0.2*promo - 0.05*ln1p(price)"
    #[arg(long, value_name = "FORMULA", value_parser = formula, allow_hyphen_values = true)]
    boost: Vec<Formula>,
    /// Put candidates of which this is true behind all others: "stock = 0"
    #[arg(long, value_name = "CONDITION", value_parser = condition)]
    bury: Vec<Condition>,
    /// Return at most MOST hits of each value of a field
    #[arg(long, value_name = "FIELD=MOST", value_parser = max_per)]
    max_per: Vec<(String, usize)>,
    /// Give an item a place among the hits, from 1
    #[arg(long, value_name = "ID=PLACE", value_parser = pin)]
    pin: Vec<(String, usize)>,
    /// Return only items of which this is true
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    require: Vec<Filter>,
    /// Return no items of which this is true
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    forbid: Vec<Filter>,
}

impl RuleOptions {
    /// The rules, after those that there are.
    pub(crate) fn add_to(&self, mut policy: Policy) -> Policy {
        policy.boost.extend_from_slice(&self.boost);
        policy.bury.extend_from_slice(&self.bury);
        policy.require.extend_from_slice(&self.require);
        policy.forbid.extend_from_slice(&self.forbid);
        policy = self.max_per.iter().fold(policy, |policy, (field, most)| policy.max_per(field, *most));
        self.pin.iter().fold(policy, |policy, (id, position)| policy.pin(id, *position))
    }
}

/// What to do about policies.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum PolicyCommand {
    /// Keep rules under a name; a policy that has it is replaced
    Set(Box<SetPolicy>),
    /// Show a policy's rules
    Show(PolicyName),
    /// List the policies with their versions
    List,
    /// Remove a policy
    Drop(PolicyName),
}

/// Which policy, and what is in it.
#[derive(Args, Clone, Debug)]
pub(crate) struct SetPolicy {
    /// The policy's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Its rules, a JSON object; options add to them
    #[arg(value_name = "RULES", value_parser = policy)]
    rules: Option<Policy>,
    #[command(flatten)]
    options: RuleOptions,
}

impl SetPolicy {
    pub(crate) fn policy(&self) -> Policy {
        self.options.add_to(self.rules.clone().unwrap_or_default())
    }
}

/// Which policy.
#[derive(Args, Clone, Debug)]
pub(crate) struct PolicyName {
    /// The policy's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

fn formula(text: &str) -> Result<Formula, String> {
    Formula::parse(text).map_err(|error| error.problem.to_string())
}

fn condition(text: &str) -> Result<Condition, String> {
    Condition::parse(text).map_err(|error| error.problem.to_string())
}

fn policy(text: &str) -> Result<Policy, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a JSON object of rules, such as {{\"boost\": [\"0.2*promo\"]}}: {error}"))
}

fn max_per(text: &str) -> Result<(String, usize), String> {
    numbered(text).filter(|(_, most)| *most > 0).ok_or_else(|| "expected a field and a number of 1 or more, such as brand=2".to_owned())
}

fn pin(text: &str) -> Result<(String, usize), String> {
    numbered(text).filter(|(_, place)| *place > 0).ok_or_else(|| "expected an id and a place of 1 or more, such as p17=3".to_owned())
}

/// A name and a number behind the last `=`.
fn numbered(text: &str) -> Option<(String, usize)> {
    let (name, number) = text.rsplit_once('=')?;
    Some((name.to_owned(), number.trim().parse().ok()?)).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_told_apart() {
        assert_eq!(max_per("brand=2"), Ok(("brand".to_owned(), 2)));
        assert_eq!(pin("a=b= 3"), Ok(("a=b".to_owned(), 3)));
        for bad in ["brand", "=2", "brand=0", "brand=x", "brand=-1", ""] {
            assert!(max_per(bad).is_err() && pin(bad).is_err(), "{bad}");
        }
        assert_eq!(formula("1 +"), Err("column 4: expected a number, a field, a function, a $parameter or `(`, got the end".to_owned()));
    }
}
