//! The log of stored lists in storage: reading it when a collection is opened, and checking it against what is in memory.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::segment::{ListChange, ListEntry, Lists, Shared, unix_second};

/// Takes in all lists of a collection that is opened.
///
/// # Errors
/// Damage, also where an entry is missing; storage errors.
pub(super) fn restore(shared: &Shared) -> Result<()> {
    read(shared, 0..u64::MAX, &shared.lists)
}

/// Takes the entries of these numbers into `lists`.
fn read(shared: &Shared, numbers: Range<u64>, lists: &Lists) -> Result<()> {
    let (mut begin, mut end, mut needed) = (None, 0, 0);
    for stored in shared.storage.list_entries(shared.id, numbers) {
        let (number, bytes) = stored?;
        let entry = ListEntry::decode(&bytes).map_err(|error| undecoded(shared, number, error))?;
        if begin.is_some() && number != end {
            return Err(shared.damaged(format!("list entry {end}"), "it is missing"));
        }
        begin.get_or_insert(number);
        (end, needed) = (number + 1, entry.first);
        lists.restore(number, &entry);
    }
    match begin {
        Some(begin) if begin > needed => Err(shared.damaged(format!("list entry {needed}"), "it is missing")),
        _ => Ok(()),
    }
}

/// What is newer is no damage.
fn undecoded(shared: &Shared, number: u64, error: torre_storage::Error) -> Error {
    let part = format!("list entry {number}");
    if error.is_damage() { shared.damaged(part, "it does not decode") } else { error.into() }
}

/// All lists, as changes that make them what they are.
pub(super) fn all(lists: &Lists) -> Vec<ListChange> {
    let names = lists.names("", usize::MAX);
    names.iter().filter_map(|name| Some(ListChange::set(name, lists.get(name)?))).collect()
}

/// Changes that make an entry of a log: ids of so many bytes.
const ENTRY_BYTES: u64 = 1 << 20;

/// The entries of a new log that makes these lists.
pub(super) fn entries(lists: &[ListChange]) -> impl Iterator<Item = (u64, ListEntry)> {
    let time = unix_second();
    (0..).zip(batches(lists)).map(move |(number, changes)| (number, ListEntry { first: 0, time, changes: changes.to_vec() }))
}

/// The changes in batches, each of a bounded number of bytes or of one change.
pub(super) fn batches(lists: &[ListChange]) -> impl Iterator<Item = &[ListChange]> {
    let mut rest = lists;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |change: &&ListChange| {
            bytes += change.bytes();
            bytes <= ENTRY_BYTES
        };
        let many = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (batch, left) = rest.split_at(many);
        rest = left;
        (!batch.is_empty()).then_some(batch)
    })
}

/// Compares the entries of these numbers, which stay as they are meanwhile, with what the lists were when those were all.
///
/// # Errors
/// Damage; storage errors.
pub(super) fn check(shared: &Shared, numbers: Range<u64>, kept: &[ListChange]) -> Result<()> {
    let stored = Lists::default();
    read(shared, numbers.clone(), &stored)?;
    // What expires meanwhile is gone from both.
    let wrong = kept.iter().find(|ListChange { list, what }| match (stored.get(list), shared.lists.get(list), what) {
        (Some(stored), _, crate::segment::Changed::Set(kept)) => stored != *kept,
        (None, now, _) => now.is_some(),
        _ => false,
    });
    match wrong {
        Some(ListChange { list, .. }) => Err(shared.damaged(format!("list {list:?}"), "its log says otherwise than what is in memory")),
        None if stored.names("", usize::MAX).len() > kept.len() => {
            Err(shared.damaged("the list log", "it has lists that are not in memory"))
        }
        None => Ok(()),
    }
}
