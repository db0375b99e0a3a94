//! Reading: every value is checked against its key, its number of pieces and its commit before it is handed out.

use std::collections::VecDeque;
use std::ops::Range;

use crate::backend::Entry;
use crate::envelope::{self, Envelope};
use crate::error::{Error, Result};
use crate::key::{self, CollectionId, Key, SpaceId, describe};
use crate::manifest::Manifest;
use crate::storage::Storage;

/// Entries and bytes fetched from the store at once.
const PAGE: usize = 512;
const PAGE_BYTES: usize = 1 << 20;

/// The deleted rows of a collection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tombstones {
    /// Rows, in the order of their entries; a row may come twice.
    pub rows: Vec<u64>,
    /// Number of the last entry; 0 if there is none.
    pub last: u64,
}

impl Storage {
    /// The collections that live, ascending, with their settings.
    ///
    /// # Errors
    /// Damage, or the store's.
    pub fn collections(&self) -> Result<Vec<(CollectionId, Vec<u8>)>> {
        let mut live = Vec::new();
        for (id, settings) in self.collections_ever()? {
            live.extend(settings.map(|settings| (id, settings)));
        }
        Ok(live)
    }

    /// A number that no collection has had.
    ///
    /// # Errors
    /// Damage, or the store's.
    pub fn next_collection(&self) -> Result<CollectionId> {
        let last = self.collections_ever()?.last().map_or(0, |(id, _)| id.0);
        last.checked_add(1).map(CollectionId).ok_or(Error::Reserved { what: "collection", number: u64::from(last) })
    }

    /// All collections that ever were; dropped ones without settings.
    pub(crate) fn collections_ever(&self) -> Result<Vec<(CollectionId, Option<Vec<u8>>)>> {
        let mut all = Vec::new();
        for thing in self.things(key::collections()) {
            let (key, payload) = thing?;
            let (Key::Collection(id), Some((lives, settings))) = (key, payload.split_first()) else {
                return Err(Error::corrupt(key.to_string(), "it is no collection's settings"));
            };
            all.push((id, (*lives == 1).then(|| settings.to_vec())));
        }
        Ok(all)
    }

    /// A collection's manifest; `None` before the first.
    ///
    /// # Errors
    /// Damage, or the store's.
    pub fn manifest(&self, c: CollectionId) -> Result<Option<Manifest>> {
        let Some(thing) = self.things(key::manifest(c)).next() else { return Ok(None) };
        let (key, payload) = thing?;
        Manifest::from_bytes(&payload).map(Some).map_err(|error| error.of_part(key.to_string()))
    }

    /// The record of a row.
    ///
    /// # Errors
    /// Damage, or the store's.
    pub fn record(&self, c: CollectionId, row: u64) -> Result<Option<Vec<u8>>> {
        self.thing(Key::Record { collection: c, row, piece: 0 })
    }

    /// The records of several rows, in their order: one trip to the store for all.
    ///
    /// # Errors
    /// Damage, or the store's.
    pub fn records_of(&self, c: CollectionId, rows: &[u64]) -> Result<Vec<Option<Vec<u8>>>> {
        self.things_of(rows.iter().map(|&row| Key::Record { collection: c, row, piece: 0 }).collect())
    }

    /// The records of these rows, ascending. An error is an item too; after damage of single values the iterator goes on behind it.
    pub fn records(&self, c: CollectionId, rows: Range<u64>) -> Rows<'_> {
        Rows { things: self.things(key::records(c, rows)) }
    }

    /// The delta entries of these numbers, ascending: a number and the bytes; errors as [`records`](Storage::records) has them.
    pub fn deltas(&self, c: CollectionId, numbers: Range<u64>) -> Rows<'_> {
        Rows { things: self.things(key::deltas(c, numbers)) }
    }

    /// The vector of a row in a space.
    ///
    /// # Errors
    /// Damage, or the store's.
    pub fn vector(&self, c: CollectionId, space: SpaceId, row: u64) -> Result<Option<Vec<u8>>> {
        self.thing(Key::Vector { collection: c, space, row, piece: 0 })
    }

    /// The vectors of several rows in a space, in their order: one trip to the store for all.
    ///
    /// # Errors
    /// Damage, or the store's.
    pub fn vectors_of(&self, c: CollectionId, space: SpaceId, rows: &[u64]) -> Result<Vec<Option<Vec<u8>>>> {
        self.things_of(rows.iter().map(|&row| Key::Vector { collection: c, space, row, piece: 0 }).collect())
    }

    /// The vectors of these rows in a space, ascending; errors as [`records`](Storage::records) has them.
    pub fn vectors(&self, c: CollectionId, space: SpaceId, rows: Range<u64>) -> Rows<'_> {
        Rows { things: self.things(key::vectors(c, space, rows)) }
    }

    /// What stands under a key, with all its pieces; `None` where there is no first one.
    fn thing(&self, first: Key) -> Result<Option<Vec<u8>>> {
        let encoded = first.encode();
        let Some(value) = self.inner.records.get(&encoded)? else { return Ok(None) };
        self.rest_of(first, &encoded, &value)
    }

    fn things_of(&self, firsts: Vec<Key>) -> Result<Vec<Option<Vec<u8>>>> {
        let keys: Vec<Vec<u8>> = firsts.iter().map(|first| first.encode()).collect();
        let values = self.inner.records.get_many(&keys)?;
        let whole = |((first, key), value): ((Key, &Vec<u8>), Option<Vec<u8>>)| match value {
            Some(value) => self.rest_of(first, key, &value),
            None => Ok(None),
        };
        firsts.into_iter().zip(&keys).zip(values).map(whole).collect()
    }

    /// The whole thing whose first piece is this value.
    fn rest_of(&self, first: Key, encoded: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>> {
        let Envelope { pieces, payload, .. } = envelope::open(encoded, value)?;
        if pieces == 1 {
            return Ok(Some(payload.to_vec()));
        }
        self.things(key::pieces(first)).next().map(|thing| thing.map(|(_, payload)| payload)).transpose()
    }

    /// The number of the last row that has a record.
    ///
    /// # Errors
    /// The store's.
    pub fn last_record(&self, c: CollectionId) -> Result<Option<u64>> {
        let range = key::records(c, 0..u64::MAX);
        match self.inner.records.last(&range.start..&range.end)? {
            None => Ok(None),
            Some((bytes, _)) => match Key::decode(&bytes) {
                Some(Key::Record { row, .. }) => Ok(Some(row)),
                _ => Err(Error::corrupt(describe(&bytes), "it stands among records")),
            },
        }
    }

    /// The deleted rows of a collection.
    ///
    /// # Errors
    /// Damage, or the store's.
    pub fn tombstones(&self, c: CollectionId) -> Result<Tombstones> {
        let mut all = Tombstones::default();
        for thing in self.things(key::tombstones(c, 0..u64::MAX)) {
            let (key, payload) = thing?;
            let (rows, rest) = payload.as_chunks::<8>();
            let Key::Tombstones { number, .. } = key else {
                return Err(Error::corrupt(key.to_string(), "it stands among tombstones"));
            };
            if !rest.is_empty() {
                return Err(Error::corrupt(key.to_string(), format!("{} bytes are no whole number of rows", payload.len())));
            }
            all.rows.extend(rows.iter().map(|row| u64::from_le_bytes(*row)));
            all.last = number;
        }
        Ok(all)
    }

    /// The number of the last entry of a collection's list log; `None` where there is none.
    ///
    /// # Errors
    /// The store's.
    pub fn last_list_entry(&self, c: CollectionId) -> Result<Option<u64>> {
        let range = key::list_entries(c, 0..u64::MAX);
        match self.inner.records.last(&range.start..&range.end)? {
            None => Ok(None),
            Some((bytes, _)) => match Key::decode(&bytes) {
                Some(Key::ListEntry { number, .. }) => Ok(Some(number)),
                _ => Err(Error::corrupt(describe(&bytes), "it stands among list entries")),
            },
        }
    }

    /// The entries of a collection's list log with these numbers, ascending; errors as [`records`](Storage::records) has them.
    pub fn list_entries(&self, c: CollectionId, numbers: Range<u64>) -> Rows<'_> {
        Rows { things: self.things(key::list_entries(c, numbers)) }
    }

    /// What stands in a range of the first store, put together from its pieces.
    pub(crate) fn things(&self, range: Range<Vec<u8>>) -> Things<'_> {
        Things { storage: self, range, page: VecDeque::new(), done: false }
    }
}

/// Iterator over the records or the vectors of rows, or over the entries of a log: a number and the bytes.
pub struct Rows<'a> {
    things: Things<'a>,
}

impl Iterator for Rows<'_> {
    type Item = Result<(u64, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.things.next()?.and_then(|(key, payload)| match key {
            Key::Record { row: number, .. }
            | Key::Vector { row: number, .. }
            | Key::Delta { number, .. }
            | Key::ListEntry { number, .. } => Ok((number, payload)),
            other => Err(Error::corrupt(other.to_string(), "it stands among rows")),
        }))
    }
}

/// Iterator over whole things of a range.
pub(crate) struct Things<'a> {
    storage: &'a Storage,
    /// What is still to be fetched.
    range: Range<Vec<u8>>,
    page: VecDeque<Entry>,
    done: bool,
}

impl Things<'_> {
    fn entry(&mut self) -> Result<Option<&Entry>> {
        if self.page.is_empty() && !self.done {
            match self.storage.inner.records.range(&self.range.start..&self.range.end, PAGE, PAGE_BYTES) {
                Ok(entries) => {
                    match entries.last() {
                        Some((last, _)) => {
                            self.range.start.clone_from(last);
                            self.range.start.push(0);
                        }
                        None => self.done = true,
                    }
                    self.page = entries.into();
                }
                Err(error) => {
                    match self.storage.inner.records.skip(&self.range.start) {
                        Some(next) if next > self.range.start => self.range.start = next,
                        _ => self.done = true,
                    }
                    return Err(error);
                }
            }
        }
        Ok(self.page.front())
    }

    /// The next thing that begins with its piece 0.
    fn whole(&mut self) -> Result<Option<(Key, Vec<u8>)>> {
        let Some((bytes, value)) = self.entry()? else { return Ok(None) };
        let first = Key::decode(bytes).ok_or_else(|| Error::corrupt(describe(bytes), "it is not a key"));
        let opened = first.and_then(|key| {
            if key.piece(0) != key {
                return Err(Error::Absent { part: key.piece(0).to_string() });
            }
            let Envelope { pieces, sequence, .. } = envelope::open(bytes, value)?;
            Ok((key, pieces, sequence))
        });
        let (key, pieces, sequence) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // Whoever goes on after an error goes on behind what is damaged.
                let start = bytes.clone();
                self.skip_thing(&start)?;
                return Err(error);
            }
        };
        let Some((bytes, mut payload)) = self.page.pop_front() else { return Ok(None) };
        envelope::strip(&mut payload);
        if pieces == 1 {
            self.skip_thing(&bytes)?;
            return Ok(Some((key, payload)));
        }
        let mut trouble = None;
        for piece in 1..pieces.min(u32::from(u16::MAX) + 1) {
            let wanted = key.piece(piece as u16);
            let encoded = wanted.encode();
            match self.entry()? {
                Some((bytes, value)) if *bytes == encoded => match envelope::open(bytes, value) {
                    Ok(envelope) if (envelope.pieces, envelope.sequence) == (pieces, sequence) => {
                        payload.extend_from_slice(envelope.payload)
                    }
                    Ok(_) => trouble = Some(Error::corrupt(wanted.to_string(), "it is of another commit than the first piece")),
                    Err(error) => trouble = Some(error),
                },
                _ => {
                    trouble = Some(Error::Absent { part: wanted.to_string() });
                    break;
                }
            }
            self.page.pop_front();
        }
        self.skip_thing(&bytes)?;
        trouble.map_or(Ok(Some((key, payload))), Err)
    }

    /// Passes over the pieces that are left of the thing that this key belongs to.
    fn skip_thing(&mut self, bytes: &[u8]) -> Result<()> {
        let same = |other: &[u8]| {
            other == bytes || (other.len() == bytes.len() && other.len() > 5 && other[..other.len() - 2] == bytes[..bytes.len() - 2])
        };
        while self.entry()?.is_some_and(|(other, _)| same(other)) {
            self.page.pop_front();
        }
        Ok(())
    }
}

impl Iterator for Things<'_> {
    type Item = Result<(Key, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.whole().transpose()
    }
}
