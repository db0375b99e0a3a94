//! Which events are trained on, which choose, and which measure.

mod report;
mod rule;

pub use report::{PartReport, SplitReport};
pub use rule::SplitRule;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::TrainError;
use crate::events::Part;
use crate::read::{Log, RawEvent};

/// Users with fewer events than this are trained on whole, where the split is by user.
const FEWEST: usize = 5;

/// The part of each event of a log, and what was cut where.
#[derive(Clone, PartialEq, Debug)]
pub struct Split {
    /// By the event's place in the log.
    pub parts: Vec<Part>,
    /// What was cut where.
    pub report: SplitReport,
}

impl Split {
    /// Cuts a log by a rule. `seed` decides where there are no times to cut by.
    ///
    /// An event of one second and another of the same second, of the same user or under a rule of time of anybody, are in the same part.
    ///
    /// # Errors
    /// [`TrainError::Option`] for shares that leave nothing; [`TrainError::Data`] where the log cannot be cut so.
    pub fn new(log: &Log, rule: &SplitRule, seed: u64) -> Result<Self, TrainError> {
        rule.check(log)?;
        let parts = match rule {
            SplitRule::Time { validation, test } => by_time(log, *validation, *test)?,
            SplitRule::LastShare { validation, test } => by_user(log, |events| last_share(events, *validation, *test, seed, log.timed)),
            SplitRule::LeaveLastOut => by_user(log, |events| leave_last_out(events, seed, log.timed)),
            SplitRule::Given { ends, parts, validation } => given(log, ends, parts, *validation, seed),
        };
        let report = SplitReport::new(log, rule, &parts);
        let left = |part: Part| report.part(part).is_some_and(|part| part.positives > 0);
        if !left(Part::Train) || !left(Part::Test) {
            let name = if left(Part::Train) { "test" } else { "train" };
            return Err(TrainError::Data(format!(
                "the split {rule} leaves the {name} part without a chosen item, of {} events",
                log.events.len()
            )));
        }
        Ok(Self { parts, report })
    }
}

/// Everything at or after a time is of a later part; the times are those of the events at the shares.
fn by_time(log: &Log, validation: f64, test: f64) -> Result<Vec<Part>, TrainError> {
    let mut times: Vec<i64> = log.events.iter().map(|event| event.time).collect();
    times.sort_unstable();
    let at = |share: f64| times.get(((1.0 - share) * times.len() as f64).ceil() as usize).copied();
    let test_from = at(test).ok_or_else(|| TrainError::Data(format!("a test share of {test} of {} events is none", times.len())))?;
    let validation_from = at(test + validation).unwrap_or(test_from);
    let part = |event: &RawEvent| match event.time {
        time if time >= test_from => Part::Test,
        time if time >= validation_from => Part::Validation,
        _ => Part::Train,
    };
    Ok(log.events.iter().map(part).collect())
}

/// A user's event: when, whether chosen, and its place in the log.
type Moment = (i64, bool, usize);

/// Decides user by user; `decide` gives the part of each of a user's events, which are in the order of their times.
fn by_user(log: &Log, decide: impl Fn(&[Moment]) -> Vec<Part>) -> Vec<Part> {
    let mut order: Vec<usize> = (0..log.events.len()).collect();
    order.sort_by_key(|&at| (log.events[at].user, log.events[at].time));
    let mut parts = vec![Part::Train; log.events.len()];
    for user in order.chunk_by(|a, b| log.events[*a].user == log.events[*b].user) {
        let moments: Vec<Moment> = user.iter().map(|&at| (log.events[at].time, log.events[at].positive, at)).collect();
        for (&at, part) in user.iter().zip(decide(&moments)) {
            parts[at] = part;
        }
    }
    parts
}

/// A number by chance for an event, the same from the same seed.
fn drawn_number(at: usize, seed: u64) -> u64 {
    xxh3_64_with_seed(&(at as u64).to_le_bytes(), seed)
}

/// An order for events without times: by chance, the same from the same seed.
fn shuffled(events: &[Moment], seed: u64, timed: bool) -> Vec<Moment> {
    if timed {
        return events.to_vec();
    }
    let mut drawn: Vec<Moment> = events.iter().map(|&(_, positive, at)| ((drawn_number(at, seed) >> 1) as i64, positive, at)).collect();
    drawn.sort_unstable();
    drawn
}

/// The last share of a user's events is the test part, and of what is left the last share the validation part.
fn last_share(events: &[Moment], validation: f64, test: f64, seed: u64, timed: bool) -> Vec<Part> {
    if events.len() < FEWEST {
        return vec![Part::Train; events.len()];
    }
    let drawn = shuffled(events, seed, timed);
    let boundary = |events: &[Moment], share: f64| {
        let at = ((1.0 - share) * events.len() as f64).ceil() as usize;
        if share > 0.0 { events.get(at.min(events.len().saturating_sub(1))).map_or(i64::MAX, |event| event.0) } else { i64::MAX }
    };
    let test_from = boundary(&drawn, test);
    let rest: Vec<Moment> = drawn.iter().copied().filter(|event| event.0 < test_from).collect();
    let validation_from = if rest.len() < FEWEST { test_from } else { boundary(&rest, validation).min(test_from) };
    decided(events, &drawn, validation_from, test_from)
}

/// The last chosen item, with all of its second and after, is the test part; the chosen one before it the validation part.
fn leave_last_out(events: &[Moment], seed: u64, timed: bool) -> Vec<Part> {
    let drawn = shuffled(events, seed, timed);
    let mut times: Vec<i64> = drawn.iter().filter(|event| event.1).map(|event| event.0).collect();
    times.dedup();
    let (validation_from, test_from) = match times[..] {
        [.., _, validation, test] => (validation, test),
        [_, test] => (test, test),
        _ => (i64::MAX, i64::MAX),
    };
    decided(events, &drawn, validation_from, test_from)
}

/// Parts of `events`, in their order, by the times in `drawn`.
fn decided(events: &[Moment], drawn: &[Moment], validation_from: i64, test_from: i64) -> Vec<Part> {
    let part = |time: i64| match time {
        time if time >= test_from => Part::Test,
        time if time >= validation_from => Part::Validation,
        _ => Part::Train,
    };
    let mut by_place: Vec<(usize, Part)> = drawn.iter().map(|&(time, _, at)| (at, part(time))).collect();
    by_place.sort_unstable();
    let find = |at: usize| by_place.binary_search_by_key(&at, |(place, _)| *place).map_or(Part::Train, |found| by_place[found].1);
    events.iter().map(|&(_, _, at)| find(at)).collect()
}

/// By the file that an event stood in; where no file is for validation, a share of the training part is: its last events, or drawn ones where
/// there are no times.
fn given(log: &Log, ends: &[usize], parts: &[Part], validation: f64, seed: u64) -> Vec<Part> {
    let of = |at: usize| ends.iter().position(|end| at < *end).and_then(|file| parts.get(file)).copied().unwrap_or(Part::Train);
    let mut given: Vec<Part> = (0..log.events.len()).map(of).collect();
    if parts.contains(&Part::Validation) || validation <= 0.0 {
        return given;
    }
    if log.timed {
        let mut times: Vec<i64> =
            log.events.iter().zip(&given).filter(|(_, part)| **part == Part::Train).map(|(event, _)| event.time).collect();
        times.sort_unstable();
        let from = times.get(((1.0 - validation) * times.len() as f64).ceil() as usize).copied().unwrap_or(i64::MAX);
        for (_, part) in log.events.iter().zip(&mut given).filter(|(event, part)| **part == Part::Train && event.time >= from) {
            *part = Part::Validation;
        }
    } else {
        let bound = (validation * u64::MAX as f64) as u64;
        for (at, part) in given.iter_mut().enumerate().filter(|(_, part)| **part == Part::Train) {
            if drawn_number(at, seed) < bound {
                *part = Part::Validation;
            }
        }
    }
    given
}

#[cfg(test)]
mod tests;
