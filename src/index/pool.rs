//! The scan's candidates: the best R by integer score, kept with a threshold that follows the scan closely.

use std::ops::Range;

use crate::kernel::BLOCK;

use super::key::{keep_largest, key, order_of, place_of};

const BINS: usize = 1024;
/// So many candidates are worth being kept in the order of the scan.
pub(super) const MANY: usize = 4096;

/// Candidates with their integer scores, and how many there are at each height.
///
/// The threshold is the lower edge of the bin that holds the R-th best so far: raised as soon as R candidates stand in higher bins.
/// What lies below is beaten by R others, whatever comes; so the answer does not depend on when the threshold moved.
#[derive(Debug)]
pub(crate) struct Pool {
    keys: Vec<u64>,
    /// Keys out of their order.
    order: Vec<u64>,
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
        Self { keys: Vec::new(), order: Vec::new(), counts: Box::new([0; BINS]), want: 0, limit: 0, shift: 0, bin: 0, above: 0 }
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
        self.keys.clear();
        self.keys.reserve(self.limit.min(8192));
        debug_assert!((highest >> self.shift) < BINS as u32);
    }

    /// Scores below are of no use.
    #[inline(always)]
    pub(crate) fn threshold(&self) -> u32 {
        (self.bin as u32) << self.shift
    }

    /// Makes room for a block's candidates.
    #[inline(always)]
    pub(crate) fn make_room(&mut self) {
        if self.keys.len() + BLOCK > self.limit {
            self.cut();
        }
    }

    /// Takes a candidate that reaches the threshold, after [`make_room`](Self::make_room).
    #[inline(always)]
    pub(crate) fn push(&mut self, score: u32, place: u32) {
        self.keys.push(key(score, place));
        self.counts[(score >> self.shift) as usize & (BINS - 1)] += 1;
        self.above += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Places of some of the candidates taken so far that still reach the threshold.
    pub(crate) fn places(&self, range: Range<usize>) -> impl Iterator<Item = u32> {
        let threshold = u64::from(self.threshold()) << 32;
        self.keys[range].iter().filter(move |key| **key >= threshold).map(|&key| place_of(key))
    }

    /// Raises the threshold as far as the candidates taken allow. Once a block: a branch a candidate would cost more.
    #[inline(always)]
    pub(crate) fn settle(&mut self) {
        while self.above - self.counts[self.bin] as usize >= self.want {
            self.above -= self.counts[self.bin] as usize;
            self.bin += 1;
        }
    }

    /// Many equal scores can fill the buffer without raising the threshold: cut it to the best R.
    #[cold]
    fn cut(&mut self) {
        let kept = keep_largest(&mut self.keys, self.want);
        self.keys.truncate(kept);
        self.counts.fill(0);
        self.bin = BINS - 1;
        for &key in &self.keys {
            let bin = (order_of(key) >> self.shift) as usize & (BINS - 1);
            self.counts[bin] += 1;
            self.bin = self.bin.min(bin);
        }
        self.above = kept;
    }

    /// The best keys, in no order.
    pub(crate) fn finish(&mut self) -> &mut [u64] {
        let threshold = key(self.threshold(), u32::MAX);
        self.keys.retain(|&key| key >= threshold);
        if self.keys.len() > MANY.max(self.want) {
            // They stay in the order of the scan, which is that of their records in memory.
            self.order.clear();
            self.order.extend_from_slice(&self.keys);
            let last = *self.order.select_nth_unstable_by(self.want - 1, |a, b| b.cmp(a)).1;
            self.keys.retain(|&key| key >= last);
        }
        let kept = keep_largest(&mut self.keys, self.want);
        self.keys.truncate(kept);
        &mut self.keys
    }

    /// Adds candidates that have no score yet, after [`finish`](Self::finish).
    pub(crate) fn add(&mut self, places: &[u32]) {
        self.keys.extend(places.iter().map(|&place| key(0, place)));
    }

    /// What [`finish`](Self::finish) left, and what was added.
    pub(crate) fn kept(&mut self) -> &mut [u64] {
        &mut self.keys
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
                for (&score, place) in scores.iter().zip(0..) {
                    if score >= pool.threshold() {
                        pool.make_room();
                        pool.push(score, place);
                        pool.settle();
                    }
                }
                let mut got = pool.finish().to_vec();
                got.sort_unstable_by(|a, b| b.cmp(a));
                assert!(got == all[..want.min(20_000)], "want {want}");
            }
        }
    }
}
