//! What writers did and readers saw, with times; and whether the one explains the other.

use std::time::Duration;

/// A group of ids, changed as one by the writer that owns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Group {
    pub(crate) writer: usize,
    pub(crate) at: usize,
}

/// A change: the group's ids were put, or deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    pub(crate) group: usize,
    pub(crate) put: bool,
    pub(crate) start: Duration,
    pub(crate) end: Duration,
}

/// What an answer shows of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Absent,
    Present,
    /// As this change (from 1) of its writer left it.
    Change(u64),
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Observation {
    Groups(Vec<(Group, Seen)>),
    /// How many ids there are of all writers.
    Len(u64),
}

/// A reader's call.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) what: u64,
    pub(crate) start: Duration,
    pub(crate) end: Duration,
    pub(crate) shown: Observation,
}

/// All changes of one writer, in their order; states are counted in changes done.
pub(crate) struct History {
    writes: Vec<Write>,
    /// For each group, its changes: number and whether it was put.
    of_group: Vec<Vec<(u64, bool)>>,
    /// Ids there after each number of changes.
    lens: Vec<u64>,
}

impl History {
    pub(crate) fn new(writes: Vec<Write>, group_sizes: &[usize]) -> Self {
        let mut of_group = vec![Vec::new(); group_sizes.len()];
        let (mut there, mut len) = (vec![false; group_sizes.len()], 0);
        let mut lens = vec![0];
        for (number, write) in (1..).zip(&writes) {
            let size = group_sizes[write.group] as u64;
            len = len + if write.put { size } else { 0 } - if there[write.group] { size } else { 0 };
            there[write.group] = write.put;
            of_group[write.group].push((number, write.put));
            lens.push(len);
        }
        Self { writes, of_group, lens }
    }

    pub(crate) fn len(&self) -> usize {
        self.writes.len()
    }

    /// The fewest and the most changes that an answer between these times may have seen.
    fn window(&self, start: Duration, end: Duration) -> (u64, u64) {
        let returned = self.writes.partition_point(|write| write.end < start);
        let begun = self.writes.partition_point(|write| write.start <= end);
        (returned as u64, begun as u64)
    }

    /// What a group is after so many changes.
    fn state(&self, group: usize, changes: u64) -> Seen {
        let of_group = &self.of_group[group];
        match of_group.partition_point(|&(number, _)| number <= changes).checked_sub(1).map(|at| of_group[at]) {
            Some((number, true)) => Seen::Change(number),
            _ => Seen::Absent,
        }
    }

    fn explains(&self, shown: &[(Group, Seen)], changes: u64) -> bool {
        shown.iter().all(|&(group, seen)| match (seen, self.state(group.at, changes)) {
            (Seen::Present, state) => state != Seen::Absent,
            (seen, state) => seen == state,
        })
    }
}

/// The number of changes of a writer that explain a reading: the fewest and the most.
struct Explained {
    start: Duration,
    end: Duration,
    least: u64,
    most: u64,
}

/// An error names the first reading that no state explains.
pub(crate) fn check(histories: &[History], readings: Vec<Reading>) -> Result<(), String> {
    let mut explained: Vec<Vec<Explained>> = histories.iter().map(|_| Vec::new()).collect();
    for reading in readings {
        let windows: Vec<(u64, u64)> = histories.iter().map(|history| history.window(reading.start, reading.end)).collect();
        match &reading.shown {
            Observation::Len(len) => {
                let lens = |writer: usize| {
                    let (low, high) = windows[writer];
                    histories[writer].lens[low as usize..=high as usize].iter()
                };
                if !lens(0).any(|a| lens(1).any(|b| a + b == *len)) {
                    return Err(format!("{reading:?}: no state of {windows:?} has this length"));
                }
            }
            Observation::Groups(groups) => {
                for (writer, history) in histories.iter().enumerate() {
                    let own: Vec<(Group, Seen)> = groups.iter().filter(|(group, _)| group.writer == writer).copied().collect();
                    let (low, high) = windows[writer];
                    let mut fits = (low..=high).filter(|&changes| history.explains(&own, changes));
                    let Some(least) = fits.next() else {
                        let states: Vec<Seen> = own.iter().map(|(group, _)| history.state(group.at, low)).collect();
                        let differs = own.iter().zip(states).filter(|((_, seen), state)| seen != state).collect::<Vec<_>>();
                        return Err(format!(
                            "call {} from {:?} to {:?}: nothing that writer {writer} did from {low} to {high} explains it; other than at {low}: {differs:?}",
                            reading.what, reading.start, reading.end
                        ));
                    };
                    let most = fits.next_back().unwrap_or(least);
                    explained[writer].push(Explained { start: reading.start, end: reading.end, least, most });
                }
            }
        }
    }
    explained.iter_mut().enumerate().try_for_each(|(writer, readings)| in_order(writer, readings))
}

/// What an answer has shown, no later call may have undone.
fn in_order(writer: usize, readings: &mut [Explained]) -> Result<(), String> {
    let mut by_end: Vec<(Duration, u64)> = readings.iter().map(|reading| (reading.end, reading.least)).collect();
    by_end.sort_unstable();
    readings.sort_unstable_by_key(|reading| reading.start);
    let (mut shown, mut ended) = (0, by_end.iter().peekable());
    for reading in readings {
        while let Some(&&(end, least)) = ended.peek() {
            if end >= reading.start {
                break;
            }
            shown = shown.max(least);
            ended.next();
        }
        if reading.most < shown {
            return Err(format!(
                "a call from {:?} shows at most {} changes of writer {writer}; {shown} were shown before",
                reading.start, reading.most
            ));
        }
    }
    Ok(())
}

/// The checker itself finds what is wrong.
#[cfg(test)]
mod tests {
    use super::*;

    fn millis(at: u64) -> Duration {
        Duration::from_millis(at)
    }

    /// Writer 0 puts group 0 at 10 to 20 and deletes it at 30 to 40; writer 1 does nothing.
    fn histories() -> Vec<History> {
        let writes = vec![
            Write { group: 0, put: true, start: millis(10), end: millis(20) },
            Write { group: 0, put: false, start: millis(30), end: millis(40) },
        ];
        vec![History::new(writes, &[4]), History::new(vec![], &[4])]
    }

    fn saw(start: u64, end: u64, seen: Seen) -> Reading {
        Reading { what: 0, start: millis(start), end: millis(end), shown: Observation::Groups(vec![(Group { writer: 0, at: 0 }, seen)]) }
    }

    #[test]
    fn what_can_have_been_is_accepted() {
        let fine = vec![
            saw(0, 5, Seen::Absent),
            saw(12, 14, Seen::Absent),
            saw(12, 15, Seen::Change(1)),
            saw(21, 25, Seen::Present),
            saw(33, 50, Seen::Change(1)),
            saw(41, 50, Seen::Absent),
        ];
        check(&histories(), fine).unwrap();
        let len = |at: u64, len: u64| Reading { what: 8, start: millis(at), end: millis(at), shown: Observation::Len(len) };
        check(&histories(), vec![len(5, 0), len(15, 0), len(15, 4), len(25, 4), len(45, 0)]).unwrap();
        check(&histories(), vec![len(25, 0)]).unwrap_err();
    }

    #[test]
    fn what_cannot_have_been_is_not() {
        for wrong in [saw(0, 5, Seen::Present), saw(21, 25, Seen::Absent), saw(41, 50, Seen::Change(1)), saw(21, 25, Seen::Change(2))] {
            check(&histories(), vec![wrong]).unwrap_err();
        }
        // Each is possible by itself; the second undoes the first.
        check(&histories(), vec![saw(11, 12, Seen::Change(1)), saw(13, 14, Seen::Absent)]).unwrap_err();
        check(&histories(), vec![saw(13, 14, Seen::Change(1)), saw(11, 12, Seen::Absent)]).unwrap();
    }
}
