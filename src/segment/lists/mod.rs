//! Stored lists of ids, by name: what a user has seen, what a page has shown. They are a collection's, and stand apart from its rows: an id may be on a
//! list whether there is such an item or not.
//!
//! In storage they are a log of changes under ascending numbers; in memory every list is the numbers of its ids, and the ids' places in the
//! snapshot are found once for all lists ([`places`]). The log is cleaned as it grows: an entry writes some of the oldest lists anew, and what no list needs
//! goes from its beginning.

mod change;
mod numbers;
mod parts;
mod places;
#[cfg(test)]
mod places_tests;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use change::{Changed, ListChange, ListEntry, ListState, MOST_KEEP};
pub(crate) use parts::Parts;
pub(crate) use state::{ListsSize, Log};

use crate::sync::RwLock;
use crate::sync::atomic::{AtomicUsize, Ordering};
use parts::Place;
use state::State;

/// All lists of a collection. Readers hold the lock for the length of a look; who commits, for the length of one entry's changes.
#[derive(Default, Debug)]
pub(crate) struct Lists {
    state: RwLock<State>,
    /// Who reads the log from storage: so long nothing goes from it.
    readers: AtomicUsize,
}

/// Keeps the log as it is.
#[derive(Debug)]
pub(crate) struct LogHeld<'l>(&'l AtomicUsize);

impl Drop for LogHeld<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Now, in unix seconds.
pub(crate) fn unix_second() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Lists {
    /// Makes the entry that commits these changes, and some of cleaning with it; with it goes what the log does not need any more.
    pub(crate) fn entry(&self, changes: Vec<ListChange>) -> Log {
        let clean = self.readers.load(Ordering::Acquire) == 0;
        self.state.read().entry(changes, unix_second(), clean)
    }

    /// Applies an entry that is durable, under the number that the log gave it. Answers for each change how many ids it added or took out.
    pub(crate) fn apply(&self, number: u64, entry: &ListEntry, snapshot: &dyn Parts) -> Vec<u64> {
        self.state.write().commit(number, entry, Some(snapshot))
    }

    /// Takes in an entry that was stored; entries come in the order of their numbers.
    pub(crate) fn restore(&self, number: u64, entry: &ListEntry) {
        self.state.write().commit(number, entry, None);
    }

    /// Numbers of the log's entries that are needed.
    pub(crate) fn log(&self) -> std::ops::Range<u64> {
        self.state.read().log()
    }

    /// Keeps the log as it is while the answer lives. Whoever is making an entry meanwhile has to be kept from it by the writer's lock.
    pub(crate) fn hold_log(&self) -> LogHeld<'_> {
        self.readers.fetch_add(1, Ordering::AcqRel);
        LogHeld(&self.readers)
    }

    /// Adds the places of the live items of a list. There is no list: nothing.
    pub(crate) fn places(&self, snapshot: &dyn Parts, list: &str, out: &mut Vec<Place>) {
        let now = unix_second();
        {
            let state = self.state.read();
            if state.list(list, now).is_none() || state.extend(snapshot, list, now, out) {
                return;
            }
        }
        let mut state = self.state.write();
        state.advance(snapshot);
        if !state.extend(snapshot, list, now, out) {
            // Of a snapshot that is older than what the places are of, each id is looked up.
            let numbers = state.list(list, now).unwrap_or_default();
            out.extend(numbers.iter().filter_map(|&number| snapshot.locate(state.text(number))));
        }
    }

    /// Whether an id is on a list.
    pub(crate) fn contains(&self, list: &str, id: &str) -> bool {
        let state = self.state.read();
        let number = state.find(id);
        number.is_some_and(|number| state.list(list, unix_second()).is_some_and(|numbers| numbers.contains(&number)))
    }

    /// How many ids are on a list; `None` where there is no such list.
    pub(crate) fn len(&self, list: &str) -> Option<usize> {
        self.state.read().list(list, unix_second()).map(<[u32]>::len)
    }

    /// How many ids are on a list, how many it keeps and when it goes; `None` where there is no such list.
    pub(crate) fn shape(&self, list: &str) -> Option<(usize, u32, Option<u64>)> {
        self.state.read().shape(list, unix_second())
    }

    /// All there is of a list; `None` where there is no such list.
    pub(crate) fn get(&self, list: &str) -> Option<ListState> {
        self.state.read().get(list, unix_second())
    }

    /// The lists' names that begin with `prefix`, ascending, at most `limit`.
    pub(crate) fn names(&self, prefix: &str, limit: usize) -> Vec<Arc<str>> {
        self.state.read().names(prefix, limit, unix_second())
    }

    /// Lists, entries and bytes of memory.
    pub(crate) fn size(&self) -> ListsSize {
        self.state.read().size(unix_second())
    }
}
