//! Events as they were read, with users and items as numbers.

use std::collections::HashMap;

use crate::error::TrainError;

/// One event.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RawEvent {
    /// Number of the user.
    pub user: u32,
    /// Number of the item.
    pub item: u32,
    /// Unix seconds; 0 where there are no times.
    pub time: i64,
    /// What it counts.
    pub weight: f32,
    /// Chosen, or seen and not chosen.
    pub positive: bool,
}

/// What was read, and what was not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadReport {
    /// Rows that became events.
    pub rows: u64,
    /// Rows that could not be used.
    pub broken: u64,
    /// The first of them, with its place.
    pub first_broken: Option<String>,
    /// What was taken for granted, a sentence each.
    pub notes: Vec<String>,
}

impl ReadReport {
    pub(super) fn reject(&mut self, problem: impl FnOnce() -> String) {
        self.broken += 1;
        self.first_broken.get_or_insert_with(problem);
    }
}

/// All events, in the order of the file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Log {
    /// Ids of users by number, in the order in which they came.
    pub users: Names,
    /// Ids of items.
    pub items: Names,
    /// The events.
    pub events: Vec<RawEvent>,
    /// Whether they have times that differ.
    pub timed: bool,
    /// What was read.
    pub report: ReadReport,
}

impl Log {
    /// Refuses what nothing can be learned from, and says what is odd.
    pub(crate) fn check(mut self, has_times: bool) -> Result<Self, TrainError> {
        if self.events.is_empty() {
            let why = self.report.first_broken.as_ref().map_or_else(String::new, |first| format!("; the first broken row is {first}"));
            return Err(TrainError::Data(format!("no events ({} broken rows{why})", self.report.broken)));
        }
        if self.report.broken > self.report.rows {
            let (rows, broken) = (self.report.rows, self.report.broken);
            let first = self.report.first_broken.unwrap_or_default();
            return Err(TrainError::Data(format!("{broken} of {} rows are broken, the first: {first}", rows + broken)));
        }
        if !self.events.iter().any(|event| event.positive) {
            return Err(TrainError::Data(format!(
                "none of {} events was chosen: the labels or the condition are 0 for all",
                self.events.len()
            )));
        }
        if self.items.len() < 2 {
            return Err(TrainError::Data(format!("all {} events are of one item: there is nothing to tell apart", self.events.len())));
        }
        let first = self.events.first().map(|event| event.time);
        self.timed = has_times && self.events.iter().any(|event| Some(event.time) != first);
        if !has_times {
            self.report.notes.push("there are no times: a history is everything else that a user chose".to_owned());
        } else if !self.timed {
            self.report.notes.push("all events have the same time: it is not used".to_owned());
        }
        Ok(self)
    }
}

/// Ids and their numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    ids: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Names {
    /// The number of an id, a new one where it was not known; `None` beyond 2^32 ids.
    pub fn number(&mut self, id: &str) -> Option<u32> {
        if let Some(&number) = self.numbers.get(id) {
            return Some(number);
        }
        let number = u32::try_from(self.ids.len()).ok().filter(|number| *number < u32::MAX)?;
        self.ids.push(id.into());
        self.numbers.insert(id.into(), number);
        Some(number)
    }

    /// The number of a known id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    /// The id of a number.
    #[must_use]
    pub fn id(&self, number: u32) -> Option<&str> {
        self.ids.get(number as usize).map(AsRef::as_ref)
    }

    /// All ids, by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.ids.iter().map(AsRef::as_ref)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}
