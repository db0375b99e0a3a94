//! A bit a position.

use std::sync::Arc;

/// Bits by position, 64 a word; those past the end are 0. Copies share them until one is changed.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Bits {
    words: Arc<Vec<u64>>,
    len: usize,
}

impl Bits {
    /// Bits of which those at these positions, below `len`, are set.
    pub(crate) fn of(len: usize, positions: &[usize]) -> Self {
        let mut words = vec![0; len.div_ceil(64)];
        positions.iter().for_each(|at| words[at / 64] |= 1 << (at % 64));
        Self { words: words.into(), len }
    }

    pub(crate) fn push(&mut self, bit: bool) {
        let words = Arc::make_mut(&mut self.words);
        if self.len.is_multiple_of(64) {
            words.push(0);
        }
        if let Some(last) = words.last_mut() {
            *last |= u64::from(bit) << (self.len % 64);
        }
        self.len += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many are set.
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Positions of those that are set, ascending.
    pub(crate) fn positions(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(self.words.iter()).flat_map(|(at, &word)| {
            let mut word = word;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                word &= word.wrapping_sub(1);
                (bit < 64).then_some(64 * at + bit)
            })
        })
    }

    /// The bit at a position, which must be below [`Bits::len`].
    pub(crate) fn get(&self, at: usize) -> bool {
        self.words[at / 64] >> (at % 64) & 1 == 1
    }

    /// Puts another bit at a position, which must be below [`Bits::len`].
    pub(super) fn set(&mut self, at: usize, bit: bool) {
        if self.get(at) != bit {
            Arc::make_mut(&mut self.words)[at / 64] ^= 1 << (at % 64);
        }
    }

    /// The 64 bits from a position on; 0 past the end.
    pub(crate) fn window(&self, from: usize) -> u64 {
        let word = |at: usize| self.words.get(at).copied().unwrap_or(0);
        let (at, shift) = (from / 64, from % 64);
        if shift == 0 { word(at) } else { word(at) >> shift | word(at + 1) << (64 - shift) }
    }

    /// True when any bit is set.
    pub(crate) fn any(&self) -> bool {
        self.words.iter().any(|word| *word != 0)
    }

    /// Little-endian words.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Reads what [`Bits::to_bytes`] wrote of `len` bits; `None` for anything else.
    pub(super) fn from_bytes(data: &[u8], len: usize) -> Option<Self> {
        let words: Vec<u64> = data.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect();
        let past = words.last().is_some_and(|last| !len.is_multiple_of(64) && last >> (len % 64) != 0);
        (data.len() == len.div_ceil(64).checked_mul(8)? && !past).then_some(Self { words: words.into(), len })
    }

    pub(super) fn shrink(&mut self) {
        if let Some(words) = Arc::get_mut(&mut self.words) {
            words.shrink_to_fit();
        }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.words.capacity() * 8
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_where_they_were_put_and_come_back() {
        for len in [0usize, 1, 63, 64, 65, 1000] {
            let is_set = |at: usize| at % 3 == 1 || at % 64 == 63;
            let mut bits = Bits::default();
            (0..len).for_each(|at| bits.push(is_set(at)));
            assert_eq!((bits.len(), bits.any()), (len, (0..len).any(is_set)));
            assert!((0..len).all(|at| bits.get(at) == is_set(at)));
            for from in [0, 1, 63, 64, 65, len] {
                let window = bits.window(from);
                assert!((0..64).all(|i| (window >> i & 1 == 1) == (from + i < len && is_set(from + i))), "{len} from {from}");
            }
            let bytes = bits.to_bytes();
            assert_eq!(Bits::from_bytes(&bytes, len).unwrap(), bits);
            assert!(Bits::from_bytes(&bytes, len + 64).is_none() && Bits::from_bytes(&bytes, usize::MAX).is_none());
        }
        assert!(Bits::from_bytes(&[2, 0, 0, 0, 0, 0, 0, 0], 1).is_none(), "a bit past the end");
    }
}
