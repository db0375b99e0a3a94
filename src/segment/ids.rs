//! Item ids of one segment: an arena in scan order, and a hash table from id to position.

use xxhash_rust::xxh3::xxh3_64;

use crate::error::Error;
use crate::kernel::Kernel;

const EMPTY: u32 = u32::MAX;
/// Positions end below [`EMPTY`].
const MOST_ROWS: u64 = EMPTY as u64;
/// Look-ups that wait for memory together.
const AT_ONCE: usize = 32;
/// Bounds are u32.
const MOST_BYTES: u64 = u32::MAX as u64;

#[cfg(not(test))]
const fn most_bytes() -> u64 {
    MOST_BYTES
}

#[cfg(test)]
thread_local! {
    /// Tests fill ids up without 4 GiB of them.
    pub(crate) static MOST_BYTES_HERE: std::cell::Cell<u64> = const { std::cell::Cell::new(MOST_BYTES) };
}

#[cfg(test)]
fn most_bytes() -> u64 {
    MOST_BYTES_HERE.get()
}

/// Ids that no segment, run or batch can hold together: positions are 32 bits wide, and so are the bounds of the ids' text.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
#[error("{rows} rows with {id_bytes} bytes of ids")]
pub(crate) struct TooManyRows {
    /// Rows up to the first that does not fit.
    pub(crate) rows: u64,
    /// Bytes of their ids.
    pub(crate) id_bytes: u64,
}

impl From<TooManyRows> for Error {
    fn from(TooManyRows { rows, id_bytes }: TooManyRows) -> Self {
        Self::TooManyRows { rows, id_bytes }
    }
}

/// The ids of a segment, by position, and the way back.
///
/// The table holds positions only and compares against the arena: 5 bytes a row at its load of 4/5.
#[derive(Debug)]
pub(crate) struct Ids {
    bytes: Vec<u8>,
    /// `rows + 1` bounds into `bytes`.
    offsets: Vec<u32>,
    table: Box<[u32]>,
    /// The first position whose id an earlier one has too.
    twice: Option<u32>,
}

impl PartialEq for Ids {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.offsets == other.offsets
    }
}

impl Ids {
    /// Collects ids in scan order. Where an id comes twice, [`Ids::twice`] says so and [`Ids::find`] knows the first.
    ///
    /// # Errors
    /// [`TooManyRows`] from 2^32 - 1 ids or 4 GiB of text on.
    pub(crate) fn from_iter<'a>(ids: impl Iterator<Item = &'a str>) -> Result<Self, TooManyRows> {
        let most_bytes = most_bytes();
        let (mut bytes, mut offsets) = (Vec::new(), vec![0u32]);
        for id in ids {
            let (rows, id_bytes) = (offsets.len() as u64, bytes.len() as u64 + id.len() as u64);
            if rows > MOST_ROWS || id_bytes > most_bytes {
                return Err(TooManyRows { rows, id_bytes });
            }
            bytes.extend_from_slice(id.as_bytes());
            offsets.push(bytes.len() as u32);
        }
        bytes.shrink_to_fit();
        offsets.shrink_to_fit();
        Ok(Self::with_table(bytes, offsets))
    }

    /// Reads what [`Ids::to_bytes`] wrote; `None` when the bytes are not `rows` distinct ids.
    pub(crate) fn from_bytes(data: &[u8], rows: usize) -> Option<Self> {
        let bounds = rows.checked_add(1)?.checked_mul(4)?;
        if data.len() < bounds || rows as u64 > MOST_ROWS {
            return None;
        }
        let (head, bytes) = data.split_at(bounds);
        let offsets: Vec<u32> = head.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let ordered = offsets.first() == Some(&0) && offsets.is_sorted() && offsets.last().is_some_and(|&end| end as usize == bytes.len());
        let text = std::str::from_utf8(bytes).ok()?;
        if !ordered || offsets.iter().any(|&at| !text.is_char_boundary(at as usize)) {
            return None;
        }
        Some(Self::with_table(bytes.to_vec(), offsets)).filter(|ids| ids.twice.is_none())
    }

    /// Little-endian u32 bounds, then the ids' text.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.offsets.len() * 4 + self.bytes.len());
        for offset in &self.offsets {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        out.extend_from_slice(&self.bytes);
        out
    }

    fn with_table(bytes: Vec<u8>, offsets: Vec<u32>) -> Self {
        let rows = offsets.len() - 1;
        let slots = rows + rows / 4 + 1;
        let mut ids = Self { bytes, offsets, table: vec![EMPTY; slots].into_boxed_slice(), twice: None };
        // The low halves of the hashes, beside the slots: an id is compared only with those that hash alike.
        let mut tags = vec![0u32; slots];
        for position in 0..rows {
            let hash = xxh3_64(ids.text(position));
            let (tag, mut slot) = (hash as u32, ids.home(hash));
            while ids.table[slot] != EMPTY {
                if tags[slot] == tag && ids.text(ids.table[slot] as usize) == ids.text(position) {
                    ids.twice.get_or_insert(position as u32);
                }
                slot = ids.after(slot);
            }
            (ids.table[slot], tags[slot]) = (position as u32, tag);
        }
        ids
    }

    /// The first position whose id an earlier one has too; `None` where all are distinct, as they must be to be stored.
    pub(crate) fn twice(&self) -> Option<usize> {
        self.twice.map(|position| position as usize)
    }

    /// The first slot to look into: the hash's high half scaled to the table's length.
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.table.len() as u64) >> 32) as usize
    }

    fn after(&self, slot: usize) -> usize {
        if slot + 1 == self.table.len() { 0 } else { slot + 1 }
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The id at a position, which must be below [`Ids::len`].
    pub(crate) fn get(&self, position: usize) -> &str {
        // Ids come from `&str`s, and bytes read back are checked; the empty text can only stand for a broken invariant.
        std::str::from_utf8(self.text(position)).unwrap_or_default()
    }

    fn text(&self, position: usize) -> &[u8] {
        &self.bytes[self.offsets[position] as usize..self.offsets[position + 1] as usize]
    }

    /// The position of an id.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        if self.len() == 0 {
            return None;
        }
        let mut slot = self.home(xxh3_64(id.as_bytes()));
        loop {
            let position = self.table[slot];
            if position == EMPTY {
                return None;
            }
            if self.text(position as usize) == id.as_bytes() {
                return Some(position as usize);
            }
            slot = self.after(slot);
        }
    }

    /// Looks the ids up; those whose position `found` takes are taken out. Every step of a look-up waits for memory, so many of them take it together.
    pub(crate) fn find_all(&self, ids: &mut Vec<&str>, mut found: impl FnMut(u32) -> bool) {
        if self.len() == 0 {
            return;
        }
        let kernel = Kernel::detect();
        let (mut kept, mut from) = (0, 0);
        while from < ids.len() {
            let many = (ids.len() - from).min(AT_ONCE);
            let (mut slots, mut positions) = ([0usize; AT_ONCE], [EMPTY; AT_ONCE]);
            for (slot, id) in slots.iter_mut().zip(&ids[from..from + many]) {
                *slot = self.home(xxh3_64(id.as_bytes()));
                kernel.prefetch(&self.table[*slot..=*slot]);
            }
            for (position, &slot) in positions.iter_mut().zip(&slots[..many]) {
                *position = self.table[slot];
                if *position != EMPTY {
                    kernel.prefetch(&self.offsets[*position as usize..=*position as usize]);
                }
            }
            for &position in positions[..many].iter().filter(|position| **position != EMPTY) {
                let at = self.offsets[position as usize] as usize;
                kernel.prefetch(&self.bytes[at..(at + 1).min(self.bytes.len())]);
            }
            for at in 0..many {
                let id = ids[from + at];
                let (mut slot, mut position) = (slots[at], positions[at]);
                while position != EMPTY && self.text(position as usize) != id.as_bytes() {
                    slot = self.after(slot);
                    position = self.table[slot];
                }
                if position == EMPTY || !found(position) {
                    ids[kept] = id;
                    kept += 1;
                }
            }
            from += many;
        }
        ids.truncate(kept);
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|position| self.get(position))
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.offsets.capacity() * 4 + self.table.len() * 4
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_it_holds_and_nothing_else() {
        for rows in [0usize, 1, 2, 63, 64, 65, 5000] {
            let names: Vec<String> = (0..rows).map(|i| format!("item-{}-é", i * 7)).collect();
            let ids = Ids::from_iter(names.iter().map(String::as_str)).unwrap();
            assert_eq!(ids.len(), rows);
            for (i, name) in names.iter().enumerate() {
                assert_eq!(ids.find(name), Some(i));
                assert_eq!(ids.get(i), name);
            }
            assert_eq!(ids.find("item-1-é"), None);
            let mut asked: Vec<&str> = names.iter().map(String::as_str).chain(["item-1-é", "", "x"]).collect();
            let mut found = Vec::new();
            ids.find_all(&mut asked, |position| {
                found.push(position);
                position % 3 != 1
            });
            assert!(found.iter().map(|&position| position as usize).eq(0..rows));
            let left = names.iter().map(String::as_str).skip(1).step_by(3).chain(["item-1-é", "", "x"]);
            assert!(asked.into_iter().eq(left));
            let back = Ids::from_bytes(&ids.to_bytes(), rows).unwrap();
            assert!(back.iter().eq(ids.iter()));
        }
    }

    #[test]
    fn refuses_bytes_that_are_not_ids() {
        let good = Ids::from_iter(["a", "é", "c"].into_iter()).unwrap().to_bytes();
        assert!(Ids::from_bytes(&good, 3).is_some());
        assert!(Ids::from_bytes(&good, 2).is_none());
        assert!(Ids::from_bytes(&good, usize::MAX).is_none(), "a manifest may say any number");
        assert!(Ids::from_bytes(&good[..10], 3).is_none());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            // Either refused, or a well-formed set of other ids.
            if let Some(ids) = Ids::from_bytes(&bad, 3) {
                assert_eq!(ids.to_bytes(), bad);
                assert!(ids.iter().all(|id| ids.find(id).is_some()));
            }
        }
    }
    #[test]
    fn an_id_that_is_there_twice_is_known_and_not_read_back() {
        for rows in [2usize, 3, 64, 1000] {
            let mut names: Vec<String> = (0..rows).map(|i| format!("{i}")).collect();
            assert_eq!(Ids::from_iter(names.iter().map(String::as_str)).unwrap().twice(), None);
            for (first, second) in [(0, 1), (0, rows - 1), (rows - 2, rows - 1)] {
                let kept = std::mem::replace(&mut names[second], format!("{first}"));
                let ids = Ids::from_iter(names.iter().map(String::as_str)).unwrap();
                assert_eq!((ids.twice(), ids.find(&names[first])), (Some(second), Some(first)));
                assert!(Ids::from_bytes(&ids.to_bytes(), rows).is_none());
                names[second] = kept;
            }
        }
    }

    #[test]
    fn what_bounds_cannot_say_is_refused() {
        MOST_BYTES_HERE.set(10);
        assert_eq!(Ids::from_iter(["12345", "6789", "0"].into_iter()).unwrap().len(), 3);
        assert_eq!(Ids::from_iter(["12345", "6789", "01"].into_iter()), Err(TooManyRows { rows: 3, id_bytes: 11 }));
    }
}
