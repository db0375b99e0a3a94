//! The lists in memory, and what of the log they need.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::change::{Changed, KEEP, ListChange, ListEntry, ListState, OVERHEAD};
use super::numbers::Numbers;
use super::parts::{Parts, Place};
use super::places::Places;

/// The log is cleaned where it takes so many times what a new one would, and more than a little.
const GARBAGE: u64 = 2;
pub(super) const LITTLE: u64 = 1 << 20;
/// An entry writes so many times anew of what it has itself, and at most so much.
const ANEW: u64 = 2;
const MOST_ANEW: u64 = 4 << 20;

/// An entry on its way to the log.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) number: u64,
    pub(crate) entry: ListEntry,
    /// Changes of cleaning and of what has expired, which stand before the others.
    pub(crate) anew: usize,
    /// Entries that go with it.
    pub(crate) gone: Range<u64>,
}

/// What there is of stored lists, in numbers.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct ListsSize {
    pub(crate) lists: u64,
    pub(crate) entries: u64,
    /// Of memory.
    pub(crate) bytes: u64,
}

#[derive(Debug)]
struct List {
    /// Oldest first.
    numbers: Vec<u32>,
    keep: u32,
    expires: Option<u64>,
    /// The entry from which on the log has all of it.
    base: u64,
}

#[derive(Default, Debug)]
pub(super) struct State {
    lists: BTreeMap<Arc<str>, List>,
    /// Lists by the entry that begins with them.
    bases: BTreeSet<(u64, Arc<str>)>,
    /// Lists that go at some time, soonest first.
    expiring: BTreeSet<(u64, Arc<str>)>,
    numbers: Numbers,
    places: Places,
    entries: u64,
    /// What the lists would take in a new log.
    live_bytes: u64,
    /// The first entry needed.
    first: u64,
    /// Bytes of each entry from the first on.
    log: VecDeque<u64>,
    log_bytes: u64,
}

impl State {
    pub(super) fn log(&self) -> Range<u64> {
        self.first..self.first + self.log.len() as u64
    }

    pub(super) fn entry(&self, changes: Vec<ListChange>, time: u64, clean: bool) -> Log {
        let number = self.log().end;
        let bytes: u64 = changes.iter().map(ListChange::bytes).sum();
        // What has expired is dropped in words: the entry that says when it expires may go from the log before the others of the list.
        let expired = self.expiring.iter().take_while(|(at, _)| *at <= time);
        let mut all: Vec<ListChange> = expired.map(|(_, name)| ListChange { list: (**name).into(), what: Changed::Drop }).collect();
        let mut written = 0;
        let mut bases = self.bases.iter();
        let mut next = bases.next();
        if clean && self.log_bytes > GARBAGE * self.live_bytes + LITTLE {
            let most = (ANEW * bytes).clamp(OVERHEAD, MOST_ANEW);
            while let Some((_, name)) = next.filter(|_| written < most) {
                next = bases.next();
                let Some(state) = self.get(name, time) else { continue };
                let change = ListChange::set(name, state);
                written += change.bytes();
                all.push(change);
            }
        }
        let anew = all.len();
        all.extend(changes);
        let first = if clean { next.map_or(number, |(base, _)| *base) } else { self.first };
        Log { number, entry: ListEntry { first, changes: all }, anew, gone: self.first..first }
    }

    /// Takes in a durable entry; with a snapshot its ids are found there.
    pub(super) fn commit(&mut self, number: u64, entry: &ListEntry, snapshot: Option<&dyn Parts>) -> Vec<u64> {
        if self.log.is_empty() {
            self.first = number;
        }
        let done = entry.changes.iter().map(|change| self.change(number, change)).collect();
        let bytes = entry.changes.iter().map(ListChange::bytes).sum();
        self.log.push_back(bytes);
        self.log_bytes += bytes;
        while self.first < entry.first
            && let Some(bytes) = self.log.pop_front()
        {
            self.log_bytes -= bytes;
            self.first += 1;
        }
        if let Some(snapshot) = snapshot {
            self.advance(snapshot);
        }
        done
    }

    fn change(&mut self, number: u64, change: &ListChange) -> u64 {
        let name: Arc<str> = Arc::from(&*change.list);
        let before = self.lists.get(&name).map_or(0, |list| list.numbers.len());
        match &change.what {
            Changed::Add(ids) => {
                self.make(&name, number);
                self.add(&name, ids)
            }
            Changed::Remove(ids) => {
                self.take_out(&name, &ids.iter().filter_map(|id| self.numbers.find(id)).collect());
                (before - self.lists.get(&name).map_or(0, |list| list.numbers.len())) as u64
            }
            Changed::Keep(most) => {
                self.make(&name, number).keep = *most;
                self.cut(&name);
                (before - self.lists.get(&name).map_or(0, |list| list.numbers.len())) as u64
            }
            Changed::Expire(at) => {
                self.make(&name, number);
                self.set_expires(&name, *at);
                0
            }
            Changed::Drop => {
                self.remove(&name);
                before as u64
            }
            Changed::Set(ListState { ids, keep, expires }) => {
                self.remove(&name);
                self.make(&name, number).keep = *keep;
                self.set_expires(&name, *expires);
                self.add(&name, ids)
            }
        }
    }

    /// The list of a name, made where there is none.
    fn make(&mut self, name: &Arc<str>, number: u64) -> &mut List {
        let Self { lists, bases, live_bytes, .. } = self;
        lists.entry(Arc::clone(name)).or_insert_with(|| {
            bases.insert((number, Arc::clone(name)));
            *live_bytes += OVERHEAD + name.len() as u64;
            List { numbers: Vec::new(), keep: KEEP, expires: None, base: number }
        })
    }

    /// How many were not there.
    fn add(&mut self, name: &str, ids: &[Box<str>]) -> u64 {
        let before = self.lists.get(name).map_or(0, |list| list.numbers.len());
        let mut added: Vec<u32> = Vec::with_capacity(ids.len());
        for id in ids {
            let (number, new) = self.numbers.take(id);
            self.live_bytes += super::change::bytes_of(id);
            if new {
                self.places.add(number);
            }
            added.push(number);
        }
        // What is there already goes, and comes behind.
        let mut again: HashSet<u32> = added.iter().copied().collect();
        self.take_out(name, &again);
        added.retain(|&number| {
            let first = again.remove(&number);
            if !first {
                self.live_bytes -= self.numbers.release(number);
            }
            first
        });
        let left = self.lists.get_mut(name).map_or(0, |list| {
            let left = list.numbers.len();
            list.numbers.extend(&added);
            left
        });
        self.entries += added.len() as u64;
        self.cut(name);
        (added.len() - (before - left)) as u64
    }

    fn take_out(&mut self, name: &str, out: &HashSet<u32>) {
        let Self { lists, numbers, live_bytes, entries, .. } = self;
        let Some(list) = lists.get_mut(name) else { return };
        list.numbers.retain(|number| {
            let goes = out.contains(number);
            if goes {
                *live_bytes -= numbers.release(*number);
                *entries -= 1;
            }
            !goes
        });
    }

    /// Lets the oldest go beyond what the list keeps.
    fn cut(&mut self, name: &str) {
        let Self { lists, numbers, live_bytes, entries, .. } = self;
        let Some(list) = lists.get_mut(name) else { return };
        let many = list.numbers.len().saturating_sub(list.keep as usize);
        for number in list.numbers.drain(..many) {
            *live_bytes -= numbers.release(number);
            *entries -= 1;
        }
    }

    fn set_expires(&mut self, name: &Arc<str>, at: Option<u64>) {
        let Some(list) = self.lists.get_mut(name) else { return };
        if let Some(before) = std::mem::replace(&mut list.expires, at) {
            self.expiring.remove(&(before, Arc::clone(name)));
        }
        if let Some(at) = at {
            self.expiring.insert((at, Arc::clone(name)));
        }
    }

    fn remove(&mut self, name: &Arc<str>) {
        let Some(list) = self.lists.remove(name) else { return };
        self.bases.remove(&(list.base, Arc::clone(name)));
        if let Some(at) = list.expires {
            self.expiring.remove(&(at, Arc::clone(name)));
        }
        self.live_bytes -= OVERHEAD + name.len() as u64 + list.numbers.iter().map(|&number| self.numbers.release(number)).sum::<u64>();
        self.entries -= list.numbers.len() as u64;
    }

    /// The numbers of a list's ids, oldest first.
    pub(super) fn list(&self, name: &str, now: u64) -> Option<&[u32]> {
        self.living(name, now).map(|list| &*list.numbers)
    }

    fn living(&self, name: &str, now: u64) -> Option<&List> {
        self.lists.get(name).filter(|list| list.expires.is_none_or(|at| at > now))
    }

    pub(super) fn shape(&self, name: &str, now: u64) -> Option<(usize, u32, Option<u64>)> {
        self.living(name, now).map(|list| (list.numbers.len(), list.keep, list.expires))
    }

    pub(super) fn get(&self, name: &str, now: u64) -> Option<ListState> {
        let list = self.living(name, now)?;
        let ids = list.numbers.iter().map(|&number| self.text(number).into()).collect();
        Some(ListState { ids, keep: list.keep, expires: list.expires })
    }

    pub(super) fn names(&self, prefix: &str, limit: usize, now: u64) -> Vec<Arc<str>> {
        let from = self.lists.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        let ours = from.take_while(|(name, _)| name.starts_with(prefix)).filter(|(_, list)| list.expires.is_none_or(|at| at > now));
        ours.map(|(name, _)| Arc::clone(name)).take(limit).collect()
    }

    pub(super) fn find(&self, id: &str) -> Option<u32> {
        self.numbers.find(id)
    }

    pub(super) fn text(&self, number: u32) -> &str {
        self.numbers.text(number)
    }

    pub(super) fn advance(&mut self, snapshot: &dyn Parts) {
        self.places.advance(snapshot, &self.numbers);
    }

    /// Adds the places of a list's items; false where places are of another snapshot.
    pub(super) fn extend(&self, snapshot: &dyn Parts, list: &str, now: u64, out: &mut Vec<Place>) -> bool {
        let are = self.places.are_of(snapshot);
        if are {
            self.places.extend(snapshot, self.list(list, now).unwrap_or_default(), out);
        }
        are
    }

    pub(super) fn size(&self, now: u64) -> ListsSize {
        let expired = self
            .expiring
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, name)| self.lists.get(name).map_or(0, |list| list.numbers.len()));
        let (lists, entries) = expired.fold((0, 0), |(lists, entries), list| (lists + 1, entries + list as u64));
        /// A list beside its entries: in three ordered sets.
        const LIST: usize = 2 * (size_of::<List>() + 3 * size_of::<(u64, Arc<str>)>() + 16);
        let of_lists: usize = self.lists.iter().map(|(name, list)| LIST + name.len() + list.numbers.capacity() * 4).sum();
        ListsSize {
            lists: self.lists.len() as u64 - lists,
            entries: self.entries - entries,
            bytes: (of_lists + self.numbers.memory() + self.places.memory()) as u64,
        }
    }
}
