//! The policies that the crash writer sets, replaces and drops, and the crash checker expects: step `s` follows from `s` alone.
//! One that a crash left without its word in the cursor is not made twice: each time counts in a policy's version.
#![allow(dead_code, reason = "the writer and the checker each use a part")]

use std::collections::BTreeMap;

use torre::rules::Policy;
use torre::{Collection, Error, Result};

use super::steps;

/// The item that says which step was the last.
pub(crate) const CURSOR: &str = "policies";

/// Policies by name, each with its version.
pub(crate) type Kept = BTreeMap<String, (Policy, u64)>;

/// The names, in turn.
const NAMES: [&str; 2] = ["homepage", "basket"];

fn name(s: u64) -> &'static str {
    NAMES[(s / 4 % 2) as usize]
}

/// Step `s` in the model: every fourth drops a policy, if it is there, the others set one or replace it.
pub(crate) fn apply(kept: &mut Kept, s: u64) -> Result<()> {
    if s.is_multiple_of(4) {
        kept.remove(name(s));
    } else {
        let version = kept.get(name(s)).map_or(1, |(_, version)| version + 1);
        kept.insert(name(s).to_owned(), (policy(s)?, version));
    }
    Ok(())
}

/// Makes step `s`.
pub(crate) fn make(items: &Collection, s: u64) -> Result<()> {
    if s.is_multiple_of(4) {
        match items.drop_policy(name(s)) {
            Err(Error::UnknownPolicy { .. }) => {}
            done => done?,
        }
    } else {
        let policy = policy(s)?;
        let is_made = matches!(items.policy(name(s)), Ok((known, _)) if known == policy);
        if !is_made {
            items.set_policy(name(s), &policy)?;
        }
    }
    steps::made(items, CURSOR, s)
}

/// Of differing length, and no two steps have the same.
fn policy(s: u64) -> Result<Policy> {
    let boost = Policy::new().boost(&format!("{s} + 0.5 * patched"))?.bury("patched < 0")?.max_per("patched", 3);
    Ok((1..=s as usize % 90).fold(boost, |policy, at| policy.pin(format!("0-{at}"), at)))
}

/// What is there.
pub(crate) fn found(items: &Collection) -> Result<Kept> {
    let one = |(name, version): (String, u64)| Ok((name.clone(), (items.policy(&name)?.0, version)));
    items.policies().into_iter().map(one).collect()
}
