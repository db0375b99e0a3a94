//! Removing what nobody reads any more: much, by itself, beside writers that must not wait for it, and not as one.

use std::ops::Range;

use crate::envelope;
use crate::error::{Error, Result};
use crate::key::{self, CollectionId, Key, SpaceId};
use crate::storage::{Inner, Storage};

/// Records removed at a time: few enough that commits, which wait for it, hardly notice.
const ROWS: usize = 1024;
/// Entries looked at a time.
const ENTRIES: usize = 1024;

impl Storage {
    /// Removes the records of these rows, where they have any. Row numbers are used once and nobody may be writing these. It is no
    /// commit: what is removed may be there again after a crash, until a later commit is durable. `stop` is asked now and then; once it says
    /// true, nothing more is removed. Returns whether all are.
    ///
    /// # Errors
    /// [`Error::DiskFull`]; [`Error::Poisoned`] with the reason; a failed read.
    pub fn remove_records(&self, c: CollectionId, rows: &[u64], mut stop: impl FnMut() -> bool) -> Result<bool> {
        self.remove_rows(|row| Key::Record { collection: c, row, piece: 0 }, rows, &mut stop)
    }

    /// Removes the vectors of these rows in a space, as [`remove_records`](Storage::remove_records) does records.
    ///
    /// # Errors
    /// As [`remove_records`](Storage::remove_records).
    pub fn remove_vectors(&self, c: CollectionId, space: SpaceId, rows: &[u64], mut stop: impl FnMut() -> bool) -> Result<bool> {
        self.remove_rows(|row| Key::Vector { collection: c, space, row, piece: 0 }, rows, &mut stop)
    }

    fn remove_rows(&self, first: impl Fn(u64) -> Key, rows: &[u64], stop: &mut dyn FnMut() -> bool) -> Result<bool> {
        for rows in rows.chunks(ROWS) {
            if stop() {
                return Ok(false);
            }
            // Found without the lock that writers need.
            let keys = self.keys_of(rows.iter().map(|&row| first(row)))?;
            self.inner.remove_keys(keys)?;
        }
        Ok(true)
    }

    /// The number of a collection's last tombstone entry; 0 if there was none.
    pub fn last_tombstone(&self, c: CollectionId) -> u64 {
        self.inner.writer.lock().tombstones.get(&c).copied().unwrap_or(0)
    }

    /// Removes the tombstone entries numbered up to `upto`, as [`remove_records`](Storage::remove_records) does records: any of them may be
    /// there again after a crash. A later entry, durable before, names those of their rows that are still to be known as deleted.
    ///
    /// # Errors
    /// As [`remove_records`](Storage::remove_records).
    pub fn remove_tombstones(&self, c: CollectionId, upto: u64) -> Result<()> {
        self.remove_range(key::tombstones(c, 0..upto.saturating_add(1)))
    }

    /// Removes the delta entries numbered below `first`, which the manifest says are folded, as [`remove_records`](Storage::remove_records)
    /// does records: any of them may be there again after a crash.
    ///
    /// # Errors
    /// As [`remove_records`](Storage::remove_records).
    pub fn remove_deltas(&self, c: CollectionId, first: u64) -> Result<()> {
        self.remove_range(key::deltas(c, 0..first))
    }

    /// Removes the entries of the list log numbered below `end`, as [`remove_records`](Storage::remove_records) does records: any of them may be there
    /// again after a crash. A later entry, durable before, says that they are not needed.
    ///
    /// # Errors
    /// As [`remove_records`](Storage::remove_records).
    pub fn remove_list_entries(&self, c: CollectionId, end: u64) -> Result<()> {
        self.remove_range(key::list_entries(c, 0..end))
    }

    fn remove_range(&self, range: Range<Vec<u8>>) -> Result<()> {
        loop {
            let page = self.inner.records.range(&range.start..&range.end, ENTRIES, 4 << 20)?;
            if page.is_empty() {
                return Ok(());
            }
            self.inner.remove_keys(page.into_iter().map(|(key, _)| key).collect())?;
        }
    }

    /// The keys of all pieces of what is there of these, which are first pieces.
    fn keys_of(&self, first: impl Iterator<Item = Key>) -> Result<Vec<Vec<u8>>> {
        let firsts: Vec<Key> = first.collect();
        let keys: Vec<Vec<u8>> = firsts.iter().map(|first| first.encode()).collect();
        let values = self.inner.records.get_many(&keys)?;
        let mut found = Vec::with_capacity(keys.len());
        for ((first, key), value) in firsts.into_iter().zip(keys).zip(values) {
            let Some(value) = value else { continue };
            match envelope::open(&key, &value) {
                Ok(envelope) => found.extend((1..envelope.pieces.min(1 << 16)).map(|piece| first.piece(piece as u16).encode())),
                // What is damaged does not say how many pieces it has.
                Err(_) => {
                    let range = key::pieces(first);
                    let page = self.inner.records.range(&range.start..&range.end, 1 << 16, usize::MAX)?;
                    found.extend(page.into_iter().map(|(key, _)| key).filter(|other| *other != key));
                }
            }
            found.push(key);
        }
        Ok(found)
    }
}

impl Inner {
    /// Removes keys of the first store, not as one and without a flush.
    pub(crate) fn remove_keys(&self, keys: Vec<Vec<u8>>) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        // What is removed is written again with its neighbours, which are removed too as a rule.
        self.check_room(keys.len() as u64 * 1024)?;
        let _writer = self.writer.lock();
        let _span = tracing::debug_span!("remove").entered();
        self.check_writable()?;
        match self.records.remove(keys) {
            Ok(()) => Ok(()),
            Err(error @ Error::DiskFull { .. }) => Err(error),
            Err(error) => Err(self.poison(&error)),
        }
    }
}
