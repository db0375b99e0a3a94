//! Which codes must not be returned: deleted rows, and the lanes that fill up a list's last block.

use std::sync::Arc;

use crate::kernel::BLOCK;

/// Words of a page: 4,096 codes.
const PAGE: usize = 64;

/// A bit a code, set = do not return; a u64 a block. Cloning copies pointers, changing a bit copies one page of 512 bytes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Mask {
    pages: Vec<Arc<[u64; PAGE]>>,
    blocks: usize,
    deleted: usize,
}

impl Mask {
    /// Nothing deleted in `rows` rows without gaps: a run of flat vectors.
    pub(crate) fn flat(rows: usize) -> Self {
        let mut words = vec![0; rows.div_ceil(BLOCK)];
        if let Some(last) = words.last_mut()
            && !rows.is_multiple_of(BLOCK)
        {
            *last = u64::MAX << (rows % BLOCK);
        }
        Self::from_words(&words)
    }

    /// Takes padding from the caller's words, one a block.
    pub(crate) fn from_words(words: &[u64]) -> Self {
        let pages = words
            .chunks(PAGE)
            .map(|chunk| {
                let mut page = [u64::MAX; PAGE];
                page[..chunk.len()].copy_from_slice(chunk);
                Arc::new(page)
            })
            .collect();
        Self { pages, blocks: words.len(), deleted: 0 }
    }

    /// Marks a row as deleted; false when it was already marked.
    pub(crate) fn delete(&mut self, block: usize, lane: usize) -> bool {
        debug_assert!(block < self.blocks && lane < BLOCK);
        if self.is_set(block, lane) {
            return false;
        }
        Arc::make_mut(&mut self.pages[block / PAGE])[block % PAGE] |= 1 << lane;
        self.deleted += 1;
        true
    }

    pub(crate) fn is_set(&self, block: usize, lane: usize) -> bool {
        self.word(block) >> lane & 1 == 1
    }

    #[inline(always)]
    pub(crate) fn word(&self, block: usize) -> u64 {
        self.pages[block / PAGE][block % PAGE]
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Rows marked by [`delete`](Self::delete).
    #[cfg(test)]
    pub(crate) fn deleted(&self) -> usize {
        self.deleted
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.len() * (PAGE * 8 + 24)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_copy_keeps_what_it_had() {
        for rows in [0, 1, 63, 64, 65, 4096, 10_000] {
            let mut mask = Mask::flat(rows);
            assert_eq!(mask.blocks(), rows.div_ceil(64));
            assert_eq!((0..mask.blocks()).map(|b| mask.word(b).count_zeros() as usize).sum::<usize>(), rows);
            let before = mask.clone();
            for row in (0..rows).step_by(7) {
                assert!(mask.delete(row / 64, row % 64));
                assert!(!mask.delete(row / 64, row % 64));
            }
            assert_eq!(mask.deleted(), rows.div_ceil(7));
            assert_eq!((0..mask.blocks()).map(|b| mask.word(b).count_zeros() as usize).sum::<usize>(), rows - rows.div_ceil(7));
            assert_eq!(before, Mask::flat(rows));
        }
    }
}
