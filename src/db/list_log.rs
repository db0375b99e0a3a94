//! The log of stored lists in storage: reading it when a collection is opened, and checking it against what is in memory.

use std::ops::Range;

use crate::error::Result;
use crate::segment::{ListChange, ListEntry, Lists, Shared};

/// Takes in all lists of a collection that is opened.
///
/// # Errors
/// Damage, also where an entry is missing; storage errors.
pub(super) fn restore(shared: &Shared) -> Result<()> {
    let Some(last) = shared.storage.last_list_entry(shared.id)? else { return Ok(()) };
    // Entries before those that are needed may be there again after a crash, this one and that: they mean nothing.
    let mut first = last;
    for stored in shared.storage.list_entries(shared.id, last..last.saturating_add(1)) {
        let (number, bytes) = stored?;
        first = decode(shared, number, &bytes)?.first.min(last);
    }
    read(shared, first..last.saturating_add(1), &shared.lists)
}

/// Takes the entries of these numbers into `lists`; all must be there.
fn read(shared: &Shared, numbers: Range<u64>, lists: &Lists) -> Result<()> {
    let missing = |number: u64| shared.damaged(format!("list entry {number}"), "it is missing");
    let mut next = numbers.start;
    for stored in shared.storage.list_entries(shared.id, numbers.clone()) {
        let (number, bytes) = stored?;
        if number != next {
            return Err(missing(next));
        }
        next = number.saturating_add(1);
        lists.restore(number, &decode(shared, number, &bytes)?);
    }
    if next == numbers.end { Ok(()) } else { Err(missing(next)) }
}

/// What is newer is no damage.
fn decode(shared: &Shared, number: u64, bytes: &[u8]) -> Result<ListEntry> {
    let part = || format!("list entry {number}");
    ListEntry::decode(bytes).map_err(|error| if error.is_damage() { shared.damaged(part(), "it does not decode") } else { error.into() })
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
    (0..).zip(batches(lists)).map(|(number, changes)| (number, ListEntry { first: 0, changes: changes.to_vec() }))
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
