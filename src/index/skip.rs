//! Rows that one query leaves out.

/// A few places, looked up for every candidate: a small bit table answers "no" at once for almost all of them.
#[derive(Default, Debug)]
pub(crate) struct SkipSet {
    sorted: Vec<u32>,
    bits: Vec<u64>,
}

const WORDS: usize = 64;

impl SkipSet {
    pub(crate) fn clear(&mut self) {
        self.sorted.clear();
        self.bits.clear();
    }

    pub(crate) fn insert(&mut self, place: u32) {
        self.bits.resize(WORDS, 0);
        self.bits[place as usize / 64 % WORDS] |= 1 << (place % 64);
        self.sorted.push(place);
    }

    /// To be called after the last [`insert`](Self::insert).
    pub(crate) fn finish(&mut self) {
        if !self.sorted.is_sorted() {
            self.sorted.sort_unstable();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Those of a block's lanes whose places are in the set; `first` is lane 0's place.
    pub(crate) fn among(&self, first: u32, lanes: u64) -> u64 {
        (0..64).filter(|lane| lanes >> lane & 1 == 1 && self.contains(first + lane)).fold(0, |found, lane| found | 1 << lane)
    }

    #[inline(always)]
    pub(crate) fn contains(&self, place: u32) -> bool {
        !self.sorted.is_empty()
            && self.bits[place as usize / 64 % WORDS] >> (place % 64) & 1 == 1
            && self.sorted.binary_search(&place).is_ok()
    }
}
