//! What a split cut where, in dates and counts.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use super::rule::SplitRule;
use crate::events::Part;
use crate::read::{Date, Log};

/// One part of a split.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PartReport {
    /// `train`, `validation` or `test`.
    pub part: &'static str,
    /// Events.
    pub events: usize,
    /// Those of them that were chosen.
    pub positives: usize,
    /// Users with an event in it.
    pub users: usize,
    /// Items with an event in it.
    pub items: usize,
    /// Items that no earlier part has.
    pub new_items: usize,
    /// Users that no earlier part has.
    pub new_users: usize,
    /// The first event's date, in UTC; none without times.
    pub from: Option<String>,
    /// The last event's date.
    pub to: Option<String>,
}

/// What was cut where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SplitReport {
    /// The rule.
    pub rule: String,
    /// The parts that have events, in their order.
    pub parts: Vec<PartReport>,
    /// What one has to know of it, a sentence each.
    pub notes: Vec<String>,
}

impl SplitReport {
    pub(super) fn new(log: &Log, rule: &SplitRule, parts: &[Part]) -> Self {
        let (mut users, mut items) = (HashSet::new(), HashSet::new());
        let mut reports = Vec::new();
        for (part, name) in [(Part::Train, "train"), (Part::Validation, "validation"), (Part::Test, "test")] {
            let events = || log.events.iter().zip(parts).filter(|(_, of)| **of == part).map(|(event, _)| event);
            let own_users: HashSet<u32> = events().map(|event| event.user).collect();
            let own_items: HashSet<u32> = events().map(|event| event.item).collect();
            let date = |time: Option<i64>| time.filter(|_| log.timed).map(|time| Date(time).to_string());
            let report = PartReport {
                part: name,
                events: events().count(),
                positives: events().filter(|event| event.positive).count(),
                users: own_users.len(),
                items: own_items.len(),
                new_items: own_items.difference(&items).count(),
                new_users: own_users.difference(&users).count(),
                from: date(events().map(|event| event.time).min()),
                to: date(events().map(|event| event.time).max()),
            };
            users.extend(own_users);
            items.extend(own_items);
            if report.events > 0 {
                reports.push(report);
            }
        }
        let by_user = matches!(rule, SplitRule::LastShare { .. } | SplitRule::LeaveLastOut);
        let mut notes = Vec::new();
        if by_user && log.timed {
            notes.push("cut user by user: what others chose after a user's cut is trained on, as in most published protocols".to_owned());
        }
        if by_user && !log.timed {
            notes.push("without times each user's events were drawn by chance, from the seed".to_owned());
        }
        Self { rule: rule.to_string(), parts: reports, notes }
    }

    /// The report of a part, if it has events.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<&PartReport> {
        let name = match part {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        };
        self.parts.iter().find(|report| report.part == name)
    }
}

impl fmt::Display for SplitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "split {}", self.rule)?;
        for PartReport { part, events, positives, users, items, new_items, new_users, from, to } in &self.parts {
            write!(f, "  {part}: {events} events ({positives} chosen) of {users} users and {items} items")?;
            if *part != "train" {
                write!(f, ", {new_users} users and {new_items} items not seen before")?;
            }
            match (from, to) {
                (Some(from), Some(to)) => writeln!(f, ", {from} to {to}")?,
                _ => writeln!(f)?,
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}
