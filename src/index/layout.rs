//! Where a list's rows and blocks are: rows are dense, list after list; a list's blocks are whole, so its last one may be part empty.

use std::ops::Range;

use crate::kernel::BLOCK;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// First row of each list, and the number of rows.
    row_starts: Vec<u32>,
    /// First block of each list, and the number of blocks.
    block_starts: Vec<u32>,
}

impl Layout {
    /// From the lists' lengths; `None` when there are more than 2^32 - 2^16 rows, lanes included.
    pub(crate) fn new(lengths: &[u32]) -> Option<Self> {
        let (mut row_starts, mut block_starts) = (Vec::with_capacity(lengths.len() + 1), Vec::with_capacity(lengths.len() + 1));
        let (mut rows, mut blocks) = (0u32, 0u32);
        row_starts.push(0);
        block_starts.push(0);
        for &length in lengths {
            rows = rows.checked_add(length)?;
            blocks = blocks.checked_add(length.div_ceil(BLOCK as u32))?;
            row_starts.push(rows);
            block_starts.push(blocks);
        }
        (blocks <= (u32::MAX - (1 << 16)) / BLOCK as u32).then_some(Self { row_starts, block_starts })
    }

    pub(crate) fn lists(&self) -> usize {
        self.row_starts.len() - 1
    }

    pub(crate) fn rows(&self) -> usize {
        self.row_starts.last().map_or(0, |&rows| rows as usize)
    }

    pub(crate) fn blocks(&self) -> usize {
        self.block_starts.last().map_or(0, |&blocks| blocks as usize)
    }

    #[inline(always)]
    pub(crate) fn rows_of(&self, list: usize) -> Range<usize> {
        self.row_starts[list] as usize..self.row_starts[list + 1] as usize
    }

    #[inline(always)]
    pub(crate) fn blocks_of(&self, list: usize) -> Range<usize> {
        self.block_starts[list] as usize..self.block_starts[list + 1] as usize
    }

    /// The list that a row belongs to.
    pub(crate) fn list_of(&self, position: usize) -> usize {
        self.row_starts.partition_point(|&start| start as usize <= position) - 1
    }

    /// Block and lane of a row.
    pub(crate) fn block_lane(&self, position: usize) -> (usize, usize) {
        let list = self.list_of(position);
        let within = position - self.row_starts[list] as usize;
        (self.block_starts[list] as usize + within / BLOCK, within % BLOCK)
    }

    /// The rows whose bits are set in a word a block, ascending; bits of padding lanes are passed over.
    pub(crate) fn positions(&self, word: impl Fn(usize) -> u64) -> impl Iterator<Item = usize> {
        (0..self.lists()).flat_map(move |list| self.blocks_of(list).map(move |block| (list, block))).flat_map(move |(list, block)| {
            let rows = self.rows_of(list);
            let first = rows.start + (block - self.blocks_of(list).start) * BLOCK;
            let lanes = (rows.end - first).min(BLOCK);
            let mut bits = word(block) & (u64::MAX >> (BLOCK - lanes));
            std::iter::from_fn(move || {
                let lane = bits.trailing_zeros() as usize;
                bits &= bits.wrapping_sub(1);
                (lane < BLOCK).then_some(first + lane)
            })
        })
    }

    /// Every list's length.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = u32> {
        self.row_starts.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// A word a block with the bits of the rows' lanes set.
    pub(crate) fn lanes(&self) -> Vec<u64> {
        let mut words = vec![u64::MAX; self.blocks()];
        for list in 0..self.lists() {
            let rest = self.rows_of(list).len() % BLOCK;
            if rest > 0 {
                words[self.blocks_of(list).end - 1] = !(u64::MAX << rest);
            }
        }
        words
    }

    pub(crate) fn bytes(&self) -> usize {
        8 * self.row_starts.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_row_has_its_place() {
        let layout = Layout::new(&[0, 1, 63, 64, 0, 65, 200, 0]).unwrap();
        assert_eq!((layout.lists(), layout.rows(), layout.blocks()), (8, 393, 1 + 1 + 1 + 2 + 4));
        let lanes = layout.lanes();
        let mut seen = std::collections::HashSet::new();
        for row in 0..layout.rows() {
            let (block, lane) = layout.block_lane(row);
            assert!(seen.insert((block, lane)) && lanes[block] >> lane & 1 == 1);
            let list = layout.list_of(row);
            assert!(layout.rows_of(list).contains(&row) && layout.blocks_of(list).contains(&block));
        }
        assert_eq!(lanes.iter().map(|w| w.count_ones() as usize).sum::<usize>(), 393);
        assert_eq!(layout.lengths().collect::<Vec<_>>(), [0, 1, 63, 64, 0, 65, 200, 0]);
        assert!(layout.positions(|_| u64::MAX).eq(0..layout.rows()));
        let odd = |block: usize| 0xaaaa_aaaa_aaaa_aaaa >> (block % 2);
        let wanted = (0..layout.rows()).filter(|&row| {
            let (block, lane) = layout.block_lane(row);
            odd(block) >> lane & 1 == 1
        });
        assert!(layout.positions(odd).eq(wanted));
        assert!(Layout::new(&[u32::MAX]).is_none() && Layout::new(&[u32::MAX, 1]).is_none());
    }
}
