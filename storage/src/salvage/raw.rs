//! A store of damaged files, for reading only.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::index::{self, Listed, TREE};
use super::leaves::{Leaf, Place, SLOTS, Slabs};
use crate::backend::{Backend, Entry, Write};
use crate::disk_size;
use crate::envelope;
use crate::error::{Error, Result};
use crate::key::describe_bound;

/// The files of a store, and where its entries are in them.
pub(super) struct Raw {
    path: PathBuf,
    slabs: Slabs,
    entries: Entries,
    /// The last leaf read: entries are mostly asked for in order.
    last: Mutex<Option<(Place, Leaf)>>,
}

enum Entries {
    /// By the store's own list of leaves.
    Listed(BTreeMap<Vec<u8>, Place>),
    /// That list is lost: every slot was searched for leaves, of any age; the newest version of every entry counts.
    Found(BTreeMap<Vec<u8>, Place>),
}

impl Raw {
    /// Finds the entries of a store; second, why its list of leaves could not be used, if so.
    pub(super) fn open(path: &Path, any_age: bool) -> (Self, Option<Error>) {
        let slabs = Slabs::open(path);
        let ours = |leaves: Vec<Listed>| -> BTreeMap<Vec<u8>, Place> {
            leaves.into_iter().filter(|leaf| leaf.tree == TREE).map(|leaf| (leaf.lo, leaf.place)).collect()
        };
        let (entries, trouble) = match index::read(path).map(ours) {
            _ if any_age => (Entries::Found(search(&slabs)), None),
            Ok(leaves) if !leaves.is_empty() => (Entries::Listed(leaves), None),
            Ok(_) => (Entries::Found(search(&slabs)), Some(Error::corrupt(path.display().to_string(), "its list of leaves is empty"))),
            Err(error) => (Entries::Found(search(&slabs)), Some(error)),
        };
        (Self { path: path.into(), slabs, entries, last: Mutex::default() }, trouble)
    }

    fn leaf<R>(&self, place: Place, use_it: impl FnOnce(&Leaf) -> R) -> Result<R> {
        let mut last = self.last.lock();
        if last.as_ref().is_none_or(|(cached, _)| *cached != place) {
            *last = Some((place, self.slabs.leaf(place)?));
        }
        last.as_ref().map(|(_, leaf)| use_it(leaf)).ok_or(Error::Closed)
    }

    /// The entries of one leaf in a range, and where the next leaf begins. `None` behind the last leaf.
    fn step(&self, range: &Range<&[u8]>) -> Result<Option<(Vec<Entry>, Vec<u8>)>> {
        let within =
            |leaf: &Leaf| -> Vec<Entry> { leaf.entries.iter().filter(|(key, _)| range.contains(&key.as_slice())).cloned().collect() };
        match &self.entries {
            Entries::Listed(leaves) => {
                let Some((lo, place)) = leaves.range::<[u8], _>((Bound::Unbounded, Bound::Included(range.start))).next_back() else {
                    return Ok(None);
                };
                let next = self.next(range.start);
                let found = self.leaf(*place, |leaf| (leaf.lo == *lo).then(|| within(leaf)));
                let part = || format!("{}: all from {} to before {}", self.path.display(), describe_bound(lo), describe_bound(&next));
                match found {
                    Ok(Some(entries)) => Ok(Some((entries, next))),
                    Ok(None) => Err(Error::corrupt(part(), "another leaf stands there")),
                    Err(error) => Err(Error::corrupt(part(), error.to_string())),
                }
            }
            Entries::Found(places) => {
                let Some((key, place)) = places.range::<[u8], _>((Bound::Included(range.start), Bound::Excluded(range.end))).next() else {
                    return Ok(None);
                };
                let entry = self.leaf(*place, |leaf| leaf.entries.iter().find(|(k, _)| k == key).cloned())?;
                Ok(Some((entry.into_iter().collect(), self.next(key))))
            }
        }
    }

    /// Where the leaf (the entry, if the list is lost) behind the one of this key begins; a key behind all others at the end.
    fn next(&self, key: &[u8]) -> Vec<u8> {
        let (Entries::Listed(map) | Entries::Found(map)) = &self.entries;
        let next = map.range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded)).next();
        next.map_or_else(|| vec![0xFF], |(key, _)| key.clone())
    }
}

/// Looks for damage in the files of a store that does not answer: whether there is any, and the first.
pub(crate) fn diagnose(store: &Path) -> Option<Error> {
    let leaves = match index::read(store) {
        Ok(leaves) => leaves,
        // Being made: a store without metadata comes up empty, and does not keep anybody waiting.
        Err(Error::Absent { .. }) => return None,
        Err(error) => return error.is_damage().then_some(error),
    };
    let slabs = Slabs::open(store);
    let damaged = |leaf: &Listed| {
        let found = slabs.leaf(leaf.place);
        let detail = match found {
            Ok(found) if found.lo == leaf.lo => return None,
            Ok(_) => format!("another leaf stands in slot {} of slabs/{}", leaf.place.slot, SLOTS[usize::from(leaf.place.slab)]),
            Err(error) => error.to_string(),
        };
        let tree = if leaf.tree == TREE { "" } else { "the store's own list of trees, " };
        Some(Error::corrupt(format!("{}: {tree}the leaf from {} on", store.display(), describe_bound(&leaf.lo)), detail))
    };
    let suspects: Vec<Listed> = leaves.into_iter().filter(|leaf| damaged(leaf).is_some()).collect();
    // A leaf may have been moved while we looked: only what is still listed there counts.
    let still = if suspects.is_empty() { Vec::new() } else { index::read(store).unwrap_or_default() };
    suspects.iter().filter(|leaf| still.contains(leaf)).find_map(damaged)
}

/// By the size of its slots, the length that each slab must have to hold the leaves that the store lists.
pub(crate) fn slabs_needed(store: &Path) -> Result<BTreeMap<u64, u64>> {
    let mut needed = BTreeMap::new();
    for Listed { place, .. } in index::read(store)? {
        let Some(&size) = SLOTS.get(usize::from(place.slab)) else { continue };
        let end = place.slot.saturating_add(1).saturating_mul(size);
        needed.entry(size).and_modify(|length: &mut u64| *length = end.max(*length)).or_insert(end);
    }
    Ok(needed)
}

/// Every entry that any slot holds, its newest version.
fn search(slabs: &Slabs) -> BTreeMap<Vec<u8>, Place> {
    let mut newest: BTreeMap<Vec<u8>, (u64, Place)> = BTreeMap::new();
    for (slab, _) in SLOTS.iter().enumerate() {
        for slot in 0..slabs.slots(slab) {
            let place = Place { slab: slab as u8, slot };
            // Empty slots, and other trees' leaves, are none of ours.
            for (key, value) in slabs.leaf(place).map(|leaf| leaf.entries).unwrap_or_default() {
                if let Ok(envelope) = envelope::open(&key, &value)
                    && newest.get(&key).is_none_or(|(sequence, _)| envelope.sequence >= *sequence)
                {
                    newest.insert(key, (envelope.sequence, place));
                }
            }
        }
    }
    newest.into_iter().map(|(key, (_, place))| (key, place)).collect()
}

fn refused() -> Error {
    Error::Poisoned { reason: "it was opened for salvage".into() }
}

impl Backend for Raw {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut end = key.to_vec();
        end.push(0);
        Ok(self.step(&(key..&*end))?.and_then(|(entries, _)| entries.into_iter().find(|(k, _)| k == key)).map(|(_, value)| value))
    }

    fn range(&self, range: Range<&[u8]>, limit: usize, bytes: usize) -> Result<Vec<Entry>> {
        let (mut found, mut size) = (Vec::new(), 0);
        let mut start = range.start.to_vec();
        while *start < *range.end {
            let step = match self.step(&(&*start..range.end)) {
                Ok(step) => step,
                // What stands before the damage first; the damage with the next call.
                Err(_) if !found.is_empty() => break,
                Err(error) => return Err(error),
            };
            let Some((entries, next)) = step else { break };
            for entry in entries {
                size += entry.1.len();
                found.push(entry);
                if found.len() >= limit || size >= bytes {
                    return Ok(found);
                }
            }
            start = next;
        }
        Ok(found)
    }

    fn skip(&self, from: &[u8]) -> Option<Vec<u8>> {
        // What failed may be a leaf behind the one that `from` is in.
        let mut at = from.to_vec();
        loop {
            match self.step(&(&*at..&[0xFF])) {
                Ok(Some((_, next))) => at = next,
                Ok(None) => return None,
                Err(_) => return Some(self.next(&at)),
            }
        }
    }

    fn last(&self, range: Range<&[u8]>) -> Result<Option<Entry>> {
        let (mut start, mut last) = (range.start.to_vec(), None);
        while *start < *range.end {
            match self.step(&(&*start..range.end)) {
                Ok(Some((mut entries, next))) => {
                    last = entries.pop().or(last);
                    start = next;
                }
                Ok(None) => break,
                Err(_) => start = self.next(&start),
            }
        }
        Ok(last)
    }

    fn apply(&self, _: Vec<Write>) -> Result<()> {
        Err(refused())
    }

    fn flush(&self) -> Result<()> {
        Err(refused())
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }

    fn bytes(&self) -> Result<u64> {
        disk_size::of(&self.path)
    }
}
