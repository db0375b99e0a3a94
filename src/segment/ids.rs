//! Item ids of one segment: an arena in scan order, and a hash table from id to position.

use xxhash_rust::xxh3::xxh3_64;

const EMPTY: u32 = u32::MAX;

/// The ids of a segment, by position, and the way back.
///
/// The table holds positions only and compares against the arena: 5 bytes a row at its load of 4/5.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    bytes: Vec<u8>,
    /// `rows + 1` bounds into `bytes`.
    offsets: Vec<u32>,
    table: Box<[u32]>,
}

impl Ids {
    /// Collects ids in scan order. The caller has made sure that they are distinct and together shorter than 4 GiB
    /// ([`Ids::fits`]).
    pub(crate) fn from_iter<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        let (mut bytes, mut offsets) = (Vec::new(), vec![0u32]);
        for id in ids {
            bytes.extend_from_slice(id.as_bytes());
            offsets.push(bytes.len() as u32);
        }
        bytes.shrink_to_fit();
        offsets.shrink_to_fit();
        Self::with_table(bytes, offsets)
    }

    /// True when ids of `bytes` bytes in all can be held by one segment.
    pub(crate) fn fits(bytes: u64, rows: u64) -> bool {
        bytes <= u64::from(u32::MAX) && rows < u64::from(EMPTY)
    }

    /// Reads what [`Ids::to_bytes`] wrote; `None` when the bytes are not `rows` distinct ids.
    pub(crate) fn from_bytes(data: &[u8], rows: usize) -> Option<Self> {
        let bounds = rows.checked_add(1)?.checked_mul(4)?;
        if data.len() < bounds {
            return None;
        }
        let (head, bytes) = data.split_at(bounds);
        let offsets: Vec<u32> = head.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let ordered = offsets.first() == Some(&0) && offsets.is_sorted() && offsets.last().is_some_and(|&end| end as usize == bytes.len());
        let text = std::str::from_utf8(bytes).ok()?;
        if !ordered || offsets.iter().any(|&at| !text.is_char_boundary(at as usize)) {
            return None;
        }
        Some(Self::with_table(bytes.to_vec(), offsets))
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
        let mut ids = Self { bytes, offsets, table: vec![EMPTY; rows + rows / 4 + 1].into_boxed_slice() };
        for position in 0..rows {
            let mut slot = ids.home(ids.get(position));
            while ids.table[slot] != EMPTY {
                slot = ids.after(slot);
            }
            ids.table[slot] = position as u32;
        }
        ids
    }

    /// The first slot to look into: the hash's high half scaled to the table's length.
    fn home(&self, id: &str) -> usize {
        (((xxh3_64(id.as_bytes()) >> 32) * self.table.len() as u64) >> 32) as usize
    }

    fn after(&self, slot: usize) -> usize {
        if slot + 1 == self.table.len() { 0 } else { slot + 1 }
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The id at a position, which must be below [`Ids::len`].
    pub(crate) fn get(&self, position: usize) -> &str {
        let text = &self.bytes[self.offsets[position] as usize..self.offsets[position + 1] as usize];
        // Ids come from `&str`s, and bytes read back are checked; the empty text can only stand for a broken invariant.
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// The position of an id.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        if self.len() == 0 {
            return None;
        }
        let mut slot = self.home(id);
        loop {
            let position = self.table[slot];
            if position == EMPTY {
                return None;
            }
            let at = position as usize;
            if &self.bytes[self.offsets[at] as usize..self.offsets[at + 1] as usize] == id.as_bytes() {
                return Some(at);
            }
            slot = self.after(slot);
        }
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|position| self.get(position))
    }

    /// Bytes of all ids.
    pub(crate) fn text_bytes(&self) -> u64 {
        self.bytes.len() as u64
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
            let ids = Ids::from_iter(names.iter().map(String::as_str));
            assert_eq!(ids.len(), rows);
            for (i, name) in names.iter().enumerate() {
                assert_eq!(ids.find(name), Some(i));
                assert_eq!(ids.get(i), name);
            }
            assert_eq!(ids.find("item-1-é"), None);
            let back = Ids::from_bytes(&ids.to_bytes(), rows).unwrap();
            assert!(back.iter().eq(ids.iter()));
        }
    }

    #[test]
    fn refuses_bytes_that_are_not_ids() {
        let good = Ids::from_iter(["a", "é", "c"].into_iter()).to_bytes();
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
}
