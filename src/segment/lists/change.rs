//! The log of stored lists: what its entries say. The lists are what comes of all entries, in the order of their numbers.

use serde::{Deserialize, Serialize};
use torre_storage::codec::{self, Versioned};

/// A change of one list.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListChange {
    pub(crate) list: Box<str>,
    pub(crate) what: Changed,
}

/// What a change does. All but [`Changed::Remove`] and [`Changed::Drop`] make the list where there is none.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Changed {
    /// Puts ids behind all others; those that are there already move there.
    Add(Vec<Box<str>>),
    /// Takes ids out.
    Remove(Vec<Box<str>>),
    /// Bounds the list: of more ids the oldest go.
    Keep(u32),
    /// The unix second from which on there is no such list; `None` for never.
    Expire(Option<u64>),
    /// Removes the list.
    Drop,
    /// The list is this, whatever it was.
    Set(ListState),
}

/// All that there is of a list.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListState {
    /// Oldest first.
    pub(crate) ids: Vec<Box<str>>,
    pub(crate) keep: u32,
    pub(crate) expires: Option<u64>,
}

/// What is committed at once.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub(crate) struct ListEntry {
    /// The first entry of the log that the lists still need: from there on none may be missing.
    pub(crate) first: u64,
    pub(crate) changes: Vec<ListChange>,
}

impl Versioned for ListEntry {
    const WHAT: &'static str = "a list entry";
    const VERSION: u8 = 1;
}

impl ListEntry {
    /// The bytes to be stored.
    ///
    /// # Errors
    /// As [`codec::encode`].
    pub(crate) fn encode(&self) -> torre_storage::Result<Vec<u8>> {
        codec::encode(self)
    }

    /// Reads what [`ListEntry::encode`] gave.
    ///
    /// # Errors
    /// As [`codec::decode`].
    pub(crate) fn decode(bytes: &[u8]) -> torre_storage::Result<Self> {
        codec::decode(bytes)
    }
}

impl ListChange {
    /// The change that makes a list what it is.
    pub(crate) fn set(list: &str, state: ListState) -> Self {
        Self { list: list.into(), what: Changed::Set(state) }
    }

    /// About the bytes that it takes in the log.
    pub(crate) fn bytes(&self) -> u64 {
        let ids = match &self.what {
            Changed::Add(ids) | Changed::Remove(ids) | Changed::Set(ListState { ids, .. }) => &ids[..],
            Changed::Keep(_) | Changed::Expire(_) | Changed::Drop => &[],
        };
        OVERHEAD + self.list.len() as u64 + ids.iter().map(|id| bytes_of(id)).sum::<u64>()
    }
}

/// Ids that a list keeps at most, when nobody says.
pub(crate) const KEEP: u32 = 100_000;
/// The most that may be said.
pub(crate) const MOST_KEEP: u32 = 10_000_000;

/// Bytes of a change beside its texts.
pub(super) const OVERHEAD: u64 = 40;

/// Bytes of an id in the log.
pub(super) fn bytes_of(id: &str) -> u64 {
    id.len() as u64 + 8
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_cut_ones_do_not() {
        let ids = |ids: &[&str]| ids.iter().map(|&id| id.into()).collect::<Vec<Box<str>>>();
        let state = ListState { ids: ids(&["a", "é"]), keep: 7, expires: Some(9) };
        let whats = [
            Changed::Add(ids(&["a"])),
            Changed::Remove(vec![]),
            Changed::Keep(3),
            Changed::Expire(None),
            Changed::Expire(Some(1)),
            Changed::Drop,
            Changed::Set(state),
        ];
        let changes = whats.into_iter().map(|what| ListChange { list: "seen:é".into(), what }).collect();
        let entry = ListEntry { first: 3, changes };
        let bytes = entry.encode().unwrap();
        assert_eq!(ListEntry::decode(&bytes).unwrap(), entry);
        for end in 0..bytes.len() {
            assert!(ListEntry::decode(&bytes[..end]).is_err(), "{end}");
        }
    }
}
