//! Users to be measured.

use crate::events::{Event, Events, Part};

/// A user to be measured: what is known of them, and what they chose next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// Row of the users.
    pub user: u32,
    /// Row of the users' inputs.
    pub profile: u32,
    /// Items chosen before, oldest first.
    pub history: Vec<u32>,
    /// Items that are not to be recommended, ascending: all that the user had to do with before.
    pub seen: Vec<u32>,
    /// Items chosen in the part and not seen before, ascending, each once.
    pub relevant: Vec<u32>,
}

/// The users that have something to be found in a part, each with what was known before the first of it.
pub(crate) fn cases(events: &Events, part: Part) -> Vec<Case> {
    (0..events.users()).filter_map(|user| case(events, user, part)).collect()
}

fn case(events: &Events, user: usize, part: Part) -> Option<Case> {
    let own = events.of(user);
    let first = own.iter().find(|event| event.part == part && event.positive)?;
    let known = |event: &&Event| event.part < part && (!events.timed() || event.time < first.time);
    let history = own.iter().filter(known).filter(|event| event.positive).map(|event| event.item).collect();
    let mut seen: Vec<u32> = own.iter().filter(known).map(|event| event.item).collect();
    seen.sort_unstable();
    seen.dedup();
    let chosen = own.iter().filter(|event| event.part == part && event.positive).map(|event| event.item);
    let mut relevant: Vec<u32> = chosen.filter(|item| seen.binary_search(item).is_err()).collect();
    relevant.sort_unstable();
    relevant.dedup();
    (!relevant.is_empty()).then_some(Case { user: user as u32, profile: first.profile, history, seen, relevant })
}
