//! The scan's candidates: the best R by integer score, kept with a threshold that follows the scan closely.

use std::cmp::Ordering;
use std::ops::Range;

use crate::kernel::BLOCK;

use super::key::{keep_largest, key, order_of, place_of};

const BINS: usize = 1024;

/// The codes of a block that reach the threshold.
pub(crate) struct Survivors<'a> {
    /// A bit each.
    pub(crate) lanes: u64,
    /// The block's sums by lane.
    pub(crate) sums: &'a [u16; BLOCK],
    /// What the list adds to a sum.
    pub(crate) base: u32,
    /// Place of lane 0.
    pub(crate) first: u32,
}

/// Candidates with their integer scores, and how many there are at each height.
///
/// The threshold is the lower edge of the bin that holds the R-th best so far: raised as soon as R candidates stand in higher bins.
/// What lies below is beaten by R others, whatever comes; so the answer does not depend on when the threshold moved.
#[derive(Debug)]
pub(crate) struct Pool {
    /// The first `length` are candidates; what lies behind is room.
    keys: Vec<u64>,
    length: usize,
    /// The best of them, once all have come.
    kept: Vec<u64>,
    /// Those in the threshold's bin.
    edge: Vec<u64>,
    counts: Box<[u32; BINS]>,
    want: usize,
    limit: usize,
    shift: u32,
    /// The threshold's bin, and the candidates in it and above.
    bin: usize,
    above: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            length: 0,
            kept: Vec::new(),
            edge: Vec::new(),
            counts: Box::new([0; BINS]),
            want: 0,
            limit: 0,
            shift: 0,
            bin: 0,
            above: 0,
        }
    }
}

impl Pool {
    /// Empties the pool for the best `want` (at least 1) of scores from 0 to `highest`.
    pub(crate) fn reset(&mut self, want: usize, highest: u32) {
        self.want = want.max(1);
        self.limit = self.want.saturating_mul(4).saturating_add(2048);
        self.shift = (32 - highest.leading_zeros()).saturating_sub(BINS.trailing_zeros());
        (self.bin, self.above) = (0, 0);
        self.counts.fill(0);
        self.length = 0;
        debug_assert!((highest >> self.shift) < BINS as u32);
    }

    /// Scores below are of no use.
    #[inline(always)]
    pub(crate) fn threshold(&self) -> u32 {
        (self.bin as u32) << self.shift
    }

    /// Takes a block's candidates and raises the threshold as far as all of them allow.
    #[inline(always)]
    pub(crate) fn take(&mut self, block: &Survivors<'_>) {
        if self.length + BLOCK > self.keys.len() {
            self.make_room();
        }
        let Some(room) = self.keys.get_mut(self.length..).and_then(|room| room.first_chunk_mut::<BLOCK>()) else { return };
        let (mut lanes, mut taken) = (block.lanes, 0);
        while lanes != 0 {
            let lane = lanes.trailing_zeros();
            lanes &= lanes - 1;
            let score = block.base + u32::from(block.sums[lane as usize % BLOCK]);
            room[taken % BLOCK] = key(score, block.first + lane);
            self.counts[(score >> self.shift) as usize % BINS] += 1;
            taken += 1;
        }
        self.length += taken;
        self.above += taken;
        while self.above - self.counts[self.bin] as usize >= self.want {
            self.above -= self.counts[self.bin] as usize;
            self.bin += 1;
        }
    }

    /// Room for a block's candidates. Many equal scores can fill the buffer without raising the threshold: it is cut to the best R then.
    #[cold]
    fn make_room(&mut self) {
        if self.length + BLOCK > self.limit {
            self.cut();
        }
        if self.length + BLOCK > self.keys.len() {
            let room = (2 * self.keys.len()).clamp(8192, self.limit.max(8192)).max(self.length + BLOCK);
            self.keys.resize(room, 0);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Places of some of the candidates taken so far that still reach the threshold.
    pub(crate) fn places(&self, range: Range<usize>) -> impl Iterator<Item = u32> {
        let threshold = u64::from(self.threshold()) << 32;
        self.keys[range].iter().filter(move |key| **key >= threshold).map(|&key| place_of(key))
    }

    fn cut(&mut self) {
        let kept = keep_largest(&mut self.keys[..self.length], self.want);
        self.length = kept;
        self.counts.fill(0);
        self.bin = BINS - 1;
        for &key in &self.keys[..kept] {
            let bin = (order_of(key) >> self.shift) as usize % BINS;
            self.counts[bin] += 1;
            self.bin = self.bin.min(bin);
        }
        self.above = kept;
    }

    /// The best keys, in the order of the scan: that of their records in memory.
    pub(crate) fn finish(&mut self) -> &mut [u64] {
        let Self { keys, kept, edge, .. } = self;
        let keys = &keys[..self.length];
        // Fewer than R stand above the threshold's bin: only those in it have to be told apart.
        let mut above = 0;
        edge.clear();
        for &key in keys {
            match ((order_of(key) >> self.shift) as usize).cmp(&self.bin) {
                Ordering::Less => {}
                Ordering::Equal => edge.push(key),
                Ordering::Greater => above += 1,
            }
        }
        debug_assert!(above < self.want);
        let missing = self.want.saturating_sub(above).max(1);
        let last = if edge.len() > missing {
            *edge.select_nth_unstable_by(missing - 1, |a, b| b.cmp(a)).1
        } else {
            u64::from((self.bin as u32) << self.shift) << 32
        };
        kept.clear();
        kept.extend(keys.iter().filter(|&&key| key >= last));
        kept
    }

    /// Adds candidates that have no score yet, after [`finish`](Self::finish).
    pub(crate) fn add(&mut self, places: &[u32]) {
        self.kept.extend(places.iter().map(|&place| key(0, place)));
    }

    /// What [`finish`](Self::finish) left, and what was added.
    pub(crate) fn kept(&mut self) -> &mut [u64] {
        &mut self.kept
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keeps_the_best_whatever_the_scores() {
        let mut pool = Pool::default();
        let spread: [fn(u32) -> u32; 5] =
            [|i| i.wrapping_mul(2_654_435_761) >> 19, |_| 5, |i| i, |i| 20_000 - i, |i| i.wrapping_mul(2_654_435_761) >> 1];
        for score in spread {
            let scores: Vec<u32> = (0..20_000).map(score).collect();
            let highest = *scores.iter().max().unwrap();
            let mut all: Vec<u64> = scores.iter().zip(0..).map(|(&s, i)| key(s, i)).collect();
            all.sort_unstable_by(|a, b| b.cmp(a));
            for want in [1, 2, 63, 400, 19_999, 20_000, 30_000] {
                pool.reset(want, highest);
                // Blocks of any fill; what does not fit 16 bits is the list's share.
                let mut from = 0;
                for fill in [64, 1, 63, 17].into_iter().cycle() {
                    let block = &scores[from..(from + fill).min(scores.len())];
                    let base = block.iter().copied().min().unwrap_or(0);
                    let (mut sums, mut lanes) = ([0; BLOCK], 0);
                    for (lane, &score) in block.iter().enumerate().filter(|(_, score)| **score - base <= u32::from(u16::MAX)) {
                        sums[lane] = (score - base) as u16;
                        lanes |= u64::from(score >= pool.threshold()) << lane;
                    }
                    pool.take(&Survivors { lanes, sums: &sums, base, first: from as u32 });
                    for (lane, &score) in block.iter().enumerate().filter(|(_, score)| **score - base > u32::from(u16::MAX)) {
                        if score < pool.threshold() {
                            continue;
                        }
                        pool.take(&Survivors { lanes: 1 << lane, sums: &[0; BLOCK], base: score, first: from as u32 });
                    }
                    from += fill;
                    if from >= scores.len() {
                        break;
                    }
                }
                let mut got = pool.finish().to_vec();
                got.sort_unstable_by(|a, b| b.cmp(a));
                assert!(got == all[..want.min(20_000)], "want {want}");
            }
        }
    }
}
