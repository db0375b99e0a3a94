//! The layout of keys: typed prefixes and big-endian numbers, so that byte order is number order and every key ascends.
//!
//! ```text
//! identity       01
//! collection     10 c:u32
//! manifest       20 c:u32 0000000000000000 piece:u16
//! tombstones     40 c:u32 n:u64            piece:u16
//! list entry     48 c:u32 n:u64            piece:u16
//! record         50 c:u32 row:u64          piece:u16
//! head           50 c:u32 FFFFFFFFFFFFFFFF FFFF
//! delta          54 c:u32 n:u64            piece:u16
//! vector         58 c:u32 space:u32 row:u64 piece:u16
//! blob chunk     60 c:u32 blob:u64 part:u16 chunk:u32      (in the second store)
//! ```
//! The head of a collection carries the number of the last commit that touched it and its last tombstone number. It stands behind the collection's last record, so that
//! an insert rewrites no leaf for it. Vectors stand apart from records, a space after the other: who reads vectors reads nothing else.

use std::fmt;
use std::ops::Range;

/// A collection's number. Numbers are never used twice, also after a drop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct CollectionId(pub u32);

/// The number of a space of vectors in its collection. Numbers are never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct SpaceId(pub u32);

/// The largest row number that can be stored; the one above belongs to the head.
pub const LAST_ROW: u64 = u64::MAX - 1;

/// What a key is of: its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    Identity = 0x01,
    Collection = 0x10,
    Manifest = 0x20,
    Tombstones = 0x40,
    ListEntry = 0x48,
    /// Records, and the head behind them.
    Record = 0x50,
    Delta = 0x54,
    Vector = 0x58,
    Chunk = 0x60,
}

/// Bytes of the longest keys.
const LONGEST: usize = 19;

/// A decoded key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Key {
    Identity,
    Collection(CollectionId),
    Manifest { collection: CollectionId, piece: u16 },
    Tombstones { collection: CollectionId, number: u64, piece: u16 },
    ListEntry { collection: CollectionId, number: u64, piece: u16 },
    Record { collection: CollectionId, row: u64, piece: u16 },
    Head(CollectionId),
    Delta { collection: CollectionId, number: u64, piece: u16 },
    Vector { collection: CollectionId, space: SpaceId, row: u64, piece: u16 },
    Chunk { collection: CollectionId, blob: u64, part: u16, chunk: u32 },
}

impl Key {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Key::Identity => Kind::Identity,
            Key::Collection(_) => Kind::Collection,
            Key::Manifest { .. } => Kind::Manifest,
            Key::Tombstones { .. } => Kind::Tombstones,
            Key::ListEntry { .. } => Kind::ListEntry,
            Key::Record { .. } | Key::Head(_) => Kind::Record,
            Key::Delta { .. } => Kind::Delta,
            Key::Vector { .. } => Kind::Vector,
            Key::Chunk { .. } => Kind::Chunk,
        }
    }

    /// The bytes.
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(LONGEST);
        key.push(self.kind() as u8);
        match self {
            Key::Identity => {}
            Key::Collection(c) => key.extend_from_slice(&c.0.to_be_bytes()),
            Key::Manifest { collection, piece } => numbered(&mut key, collection, 0, piece),
            Key::Tombstones { collection, number, piece } | Key::ListEntry { collection, number, piece } => {
                numbered(&mut key, collection, number, piece);
            }
            Key::Record { collection, row, piece } => numbered(&mut key, collection, row, piece),
            Key::Delta { collection, number, piece } => numbered(&mut key, collection, number, piece),
            Key::Head(collection) => numbered(&mut key, collection, u64::MAX, u16::MAX),
            Key::Vector { collection, space, row, piece } => {
                key.extend_from_slice(&collection.0.to_be_bytes());
                key.extend_from_slice(&space.0.to_be_bytes());
                key.extend_from_slice(&row.to_be_bytes());
                key.extend_from_slice(&piece.to_be_bytes());
            }
            Key::Chunk { collection, blob, part, chunk } => {
                key.extend_from_slice(&collection.0.to_be_bytes());
                key.extend_from_slice(&blob.to_be_bytes());
                key.extend_from_slice(&part.to_be_bytes());
                key.extend_from_slice(&chunk.to_be_bytes());
            }
        }
        key
    }

    /// The key of these bytes, if they are one; every byte counts.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Key> {
        let mut rest = bytes;
        let kind = u8::from_be_bytes(take(&mut rest)?);
        let key = if kind == Kind::Identity as u8 {
            Key::Identity
        } else if kind == Kind::Collection as u8 {
            Key::Collection(CollectionId(u32::from_be_bytes(take(&mut rest)?)))
        } else if kind == Kind::Vector as u8 {
            let collection = CollectionId(u32::from_be_bytes(take(&mut rest)?));
            let space = SpaceId(u32::from_be_bytes(take(&mut rest)?));
            let row = u64::from_be_bytes(take(&mut rest)?);
            let piece = u16::from_be_bytes(take(&mut rest)?);
            (row <= LAST_ROW).then_some(Key::Vector { collection, space, row, piece })?
        } else if kind == Kind::Chunk as u8 {
            let collection = CollectionId(u32::from_be_bytes(take(&mut rest)?));
            let blob = u64::from_be_bytes(take(&mut rest)?);
            let part = u16::from_be_bytes(take(&mut rest)?);
            Key::Chunk { collection, blob, part, chunk: u32::from_be_bytes(take(&mut rest)?) }
        } else {
            let collection = CollectionId(u32::from_be_bytes(take(&mut rest)?));
            let number = u64::from_be_bytes(take(&mut rest)?);
            let piece = u16::from_be_bytes(take(&mut rest)?);
            if kind == Kind::Manifest as u8 && number == 0 {
                Key::Manifest { collection, piece }
            } else if kind == Kind::Tombstones as u8 {
                Key::Tombstones { collection, number, piece }
            } else if kind == Kind::Delta as u8 {
                Key::Delta { collection, number, piece }
            } else if kind == Kind::ListEntry as u8 {
                Key::ListEntry { collection, number, piece }
            } else if kind == Kind::Record as u8 && number == u64::MAX {
                (piece == u16::MAX).then_some(Key::Head(collection))?
            } else if kind == Kind::Record as u8 {
                Key::Record { collection, row: number, piece }
            } else {
                return None;
            }
        };
        rest.is_empty().then_some(key)
    }

    /// The same thing's next piece.
    pub(crate) fn piece(self, piece: u16) -> Key {
        match self {
            Key::Manifest { collection, .. } => Key::Manifest { collection, piece },
            Key::Tombstones { collection, number, .. } => Key::Tombstones { collection, number, piece },
            Key::ListEntry { collection, number, .. } => Key::ListEntry { collection, number, piece },
            Key::Record { collection, row, .. } => Key::Record { collection, row, piece },
            Key::Delta { collection, number, .. } => Key::Delta { collection, number, piece },
            Key::Vector { collection, space, row, .. } => Key::Vector { collection, space, row, piece },
            other => other,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Identity => write!(f, "the identity"),
            Key::Collection(c) => write!(f, "the settings of collection {}", c.0),
            Key::Manifest { collection, piece } => write!(f, "the manifest of collection {} (piece {piece})", collection.0),
            Key::Tombstones { collection, number, piece } => {
                write!(f, "tombstone entry {number} of collection {} (piece {piece})", collection.0)
            }
            Key::ListEntry { collection, number, piece } => write!(f, "list entry {number} of collection {} (piece {piece})", collection.0),
            Key::Record { collection, row, piece } => write!(f, "record {row} of collection {} (piece {piece})", collection.0),
            Key::Delta { collection, number, piece } => {
                write!(f, "delta entry {number} of collection {} (piece {piece})", collection.0)
            }
            Key::Vector { collection, space, row, piece } => {
                write!(f, "vector {row} in space {} of collection {} (piece {piece})", space.0, collection.0)
            }
            Key::Head(c) => write!(f, "the head of collection {}", c.0),
            Key::Chunk { collection, blob, part, chunk } => {
                write!(f, "blob {blob}, part {part}, chunk {chunk} of collection {}", collection.0)
            }
        }
    }
}

/// Keys in words, also where the bytes are no key.
pub(crate) fn describe(bytes: &[u8]) -> String {
    match Key::decode(bytes) {
        Some(key) => key.to_string(),
        None => format!("a key that is none ({bytes:02x?})"),
    }
}

/// The first key that begins with these bytes, in words: the store cuts the bounds of its leaves short.
pub(crate) fn describe_bound(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "the beginning".into();
    }
    if let [before @ .., 0] = bytes
        && let Some(key) = Key::decode(before)
    {
        return format!("behind {key}");
    }
    let mut key = bytes.to_vec();
    while Key::decode(&key).is_none() && key.len() < LONGEST {
        key.push(0);
    }
    Key::decode(&key).map_or_else(|| if bytes == [0xFF] { "the end".into() } else { describe(bytes) }, |key| key.to_string())
}

/// All collections.
pub(crate) fn collections() -> Range<Vec<u8>> {
    vec![Kind::Collection as u8]..vec![Kind::Collection as u8 + 1]
}

/// All pieces of a collection's manifest.
pub(crate) fn manifest(collection: CollectionId) -> Range<Vec<u8>> {
    pieces(Key::Manifest { collection, piece: 0 })
}

/// All pieces of one numbered thing.
pub(crate) fn pieces(key: Key) -> Range<Vec<u8>> {
    let mut end = key.piece(u16::MAX).encode();
    end.push(0);
    key.piece(0).encode()..end
}

/// The tombstone entries numbered in this range.
pub(crate) fn tombstones(collection: CollectionId, numbers: Range<u64>) -> Range<Vec<u8>> {
    let at = |number| Key::Tombstones { collection, number, piece: 0 }.encode();
    at(numbers.start)..at(numbers.end)
}

/// The list entries numbered in this range.
pub(crate) fn list_entries(collection: CollectionId, numbers: Range<u64>) -> Range<Vec<u8>> {
    let at = |number| Key::ListEntry { collection, number, piece: 0 }.encode();
    at(numbers.start)..at(numbers.end)
}

/// The records of these rows; the head is outside whatever the range.
pub(crate) fn records(collection: CollectionId, rows: Range<u64>) -> Range<Vec<u8>> {
    let at = |row| Key::Record { collection, row, piece: 0 }.encode();
    at(rows.start)..at(rows.end)
}

/// The delta entries numbered in this range.
pub(crate) fn deltas(collection: CollectionId, numbers: Range<u64>) -> Range<Vec<u8>> {
    let at = |number| Key::Delta { collection, number, piece: 0 }.encode();
    at(numbers.start)..at(numbers.end)
}

/// The vectors of these rows in a space.
pub(crate) fn vectors(collection: CollectionId, space: SpaceId, rows: Range<u64>) -> Range<Vec<u8>> {
    let at = |row| Key::Vector { collection, space, row, piece: 0 }.encode();
    at(rows.start)..at(rows.end)
}

/// All vectors of a collection, of whatever space.
pub(crate) fn all_vectors(collection: CollectionId) -> Range<Vec<u8>> {
    let end = vectors(collection, SpaceId(u32::MAX), 0..u64::MAX).end;
    vectors(collection, SpaceId(0), 0..0).start..end
}

/// All chunks of a collection.
pub(crate) fn chunks(collection: CollectionId) -> Range<Vec<u8>> {
    let mut start = vec![Kind::Chunk as u8];
    start.extend_from_slice(&collection.0.to_be_bytes());
    let mut end = start.clone();
    end.extend_from_slice(&[0xFF; 15]);
    start..end
}

/// All chunks of a blob, or of one part of it.
pub(crate) fn blob(collection: CollectionId, blob: u64, part: Option<u16>) -> Range<Vec<u8>> {
    let start = Key::Chunk { collection, blob, part: part.unwrap_or(0), chunk: 0 }.encode();
    let mut end = Key::Chunk { collection, blob, part: part.unwrap_or(u16::MAX), chunk: u32::MAX }.encode();
    end.push(0);
    start..end
}

fn numbered(key: &mut Vec<u8>, collection: CollectionId, number: u64, piece: u16) {
    key.extend_from_slice(&collection.0.to_be_bytes());
    key.extend_from_slice(&number.to_be_bytes());
    key.extend_from_slice(&piece.to_be_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests;
