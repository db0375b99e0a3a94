//! Which rows may be returned, in lane space: a bit a lane, a word a block.

use std::sync::Arc;

use crate::kernel::BLOCK;

/// Words of a page: 4,096 lanes.
const PAGE: usize = 64;

/// A bit a lane, set = may be returned, and how many are. Lanes that only fill up a list's last block are never set. Cloning copies pointers,
/// changing a bit copies one page of 512 bytes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Selection {
    pages: Vec<Arc<[u64; PAGE]>>,
    blocks: usize,
    count: usize,
}

impl Selection {
    /// All of `rows` rows that lie without gaps: a run of flat vectors.
    pub(crate) fn flat(rows: usize) -> Self {
        let mut words = vec![u64::MAX; rows.div_ceil(BLOCK)];
        if let Some(last) = words.last_mut()
            && !rows.is_multiple_of(BLOCK)
        {
            *last = !(u64::MAX << (rows % BLOCK));
        }
        Self::from_words(&words)
    }

    /// The lanes of these words, one a block.
    pub(crate) fn from_words(words: &[u64]) -> Self {
        let pages = words
            .chunks(PAGE)
            .map(|chunk| {
                let mut page = [0; PAGE];
                page[..chunk.len()].copy_from_slice(chunk);
                Arc::new(page)
            })
            .collect();
        Self { pages, blocks: words.len(), count: ones(words) }
    }

    /// Takes a lane out; false when it was not in.
    pub(crate) fn remove(&mut self, block: usize, lane: usize) -> bool {
        debug_assert!(block < self.blocks && lane < BLOCK);
        if !self.contains(block, lane) {
            return false;
        }
        Arc::make_mut(&mut self.pages[block / PAGE])[block % PAGE] &= !(1 << lane);
        self.count -= 1;
        true
    }

    pub(crate) fn contains(&self, block: usize, lane: usize) -> bool {
        self.word(block) >> lane & 1 == 1
    }

    #[inline(always)]
    pub(crate) fn word(&self, block: usize) -> u64 {
        self.pages[block / PAGE][block % PAGE]
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Lanes that are in.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.len() * (PAGE * 8 + 24)
    }
}

/// Bits that are set in some words.
pub(super) fn ones(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_copy_keeps_what_it_had() {
        for rows in [0, 1, 63, 64, 65, 4096, 10_000] {
            let mut selection = Selection::flat(rows);
            assert_eq!((selection.blocks(), selection.count()), (rows.div_ceil(64), rows));
            let before = selection.clone();
            for row in (0..rows).step_by(7) {
                assert!(selection.remove(row / 64, row % 64));
                assert!(!selection.remove(row / 64, row % 64));
            }
            let words: Vec<u64> = (0..selection.blocks()).map(|block| selection.word(block)).collect();
            assert_eq!((selection.count(), ones(&words)), (rows - rows.div_ceil(7), rows - rows.div_ceil(7)));
            assert_eq!((Selection::from_words(&words), before), (selection, Selection::flat(rows)));
        }
    }
}
