//! Rows under evaluation, a bit each: words of 64, a chunk of words at a time.

use std::ops::Range;

/// Words of a chunk: what a test works through before the next one is asked.
pub(super) const CHUNK: usize = 16;

/// A bit a row of a chunk.
pub(super) type Words = [u64; CHUNK];

/// Rows of a table that follow each other, at most as many as a chunk has bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// Position of the first.
    pub(super) from: usize,
    pub(super) rows: usize,
}

impl Block {
    /// A bit for each row; those past the end are 0.
    pub(super) fn all(self) -> Words {
        std::array::from_fn(|word| match self.rows.saturating_sub(64 * word) {
            0 => 0,
            rest if rest < 64 => u64::MAX >> (64 - rest),
            _ => u64::MAX,
        })
    }

    /// Positions of the rows of a word.
    #[inline(always)]
    pub(super) fn positions(self, word: usize) -> Range<usize> {
        let first = self.from + 64 * word;
        first.min(self.from + self.rows)..(first + 64).min(self.from + self.rows)
    }
}

/// What is known of the rows of a chunk; a bit that is in neither stands for false.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Truth {
    pub(super) yes: Words,
    pub(super) unknown: Words,
}

impl Truth {
    /// Kleene's AND.
    pub(super) fn and(&mut self, other: &Self) {
        for ((yes, unknown), (other_yes, other_unknown)) in self.words().zip(other.yes.iter().zip(&other.unknown)) {
            let possible = (*yes | *unknown) & (other_yes | other_unknown);
            *yes &= other_yes;
            *unknown = possible & !*yes;
        }
    }

    /// Kleene's OR.
    pub(super) fn or(&mut self, other: &Self) {
        for ((yes, unknown), (other_yes, other_unknown)) in self.words().zip(other.yes.iter().zip(&other.unknown)) {
            *yes |= other_yes;
            *unknown = (*unknown | other_unknown) & !*yes;
        }
    }

    /// The negation, of these rows.
    pub(super) fn not(&mut self, of: &Words) {
        self.words().zip(of).for_each(|((yes, unknown), of)| *yes = of & !(*yes | *unknown));
    }

    fn words(&mut self) -> impl Iterator<Item = (&mut u64, &mut u64)> {
        self.yes.iter_mut().zip(&mut self.unknown)
    }
}

/// A bit for each of at most 64 values: whether it passes.
#[inline(always)]
pub(super) fn word_of<T: Copy>(values: &[T], passes: impl Fn(T) -> bool) -> u64 {
    let mut bytes = [0u8; 64];
    match values.as_array::<64>() {
        // Of a known length, so that it is done many at a time.
        Some(all) => all.iter().zip(&mut bytes).for_each(|(value, byte)| *byte = u8::from(passes(*value))),
        None => values.iter().zip(&mut bytes).for_each(|(value, byte)| *byte = u8::from(passes(*value))),
    }
    pack(&bytes)
}

/// A bit for each of at most 64 values: whether it is one of a few.
#[inline(always)]
pub(super) fn word_of_few(values: &[i32], few: &[i32]) -> u64 {
    let mut bytes = [0u8; 64];
    for one in few {
        match values.as_array::<64>() {
            // Of a known length, so that it is done many at a time.
            Some(all) => all.iter().zip(&mut bytes).for_each(|(value, byte)| *byte |= u8::from(value == one)),
            None => values.iter().zip(&mut bytes).for_each(|(value, byte)| *byte |= u8::from(value == one)),
        }
    }
    pack(&bytes)
}

/// The lowest bits of 64 bytes.
#[inline(always)]
fn pack(bytes: &[u8; 64]) -> u64 {
    // The product moves bit 0 of byte i to bit 56 + i.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut word = 0;
    for (at, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
        word |= (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (8 * at);
    }
    word
}

/// True when one of the bits of a range is set.
pub(super) fn any_in(words: &[u64], range: Range<usize>) -> bool {
    if range.is_empty() {
        return false;
    }
    let (first, last) = (range.start / 64, (range.end - 1) / 64);
    let (low, high) = (u64::MAX << (range.start % 64), u64::MAX >> (63 - (range.end - 1) % 64));
    if first == last {
        return words[first] & low & high != 0;
    }
    words[first] & low != 0 || words[first + 1..last].iter().any(|word| *word != 0) || words[last] & high != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_the_bits_of_its_values() {
        for len in [0usize, 1, 7, 63, 64] {
            let values: Vec<u32> = (0..len as u32).map(|at| at.wrapping_mul(2_654_435_761) >> 28).collect();
            for below in [0, 3, 16] {
                let expected = values.iter().enumerate().fold(0, |word, (at, value)| word | u64::from(*value < below) << at);
                assert_eq!(word_of(&values, |value| value < below), expected, "{len} {below}");
            }
        }
    }

    #[test]
    fn a_range_of_bits_is_looked_at_whole_and_alone() {
        for set in [0usize, 1, 63, 64, 100, 127, 128, 191] {
            let mut words = [0u64; 3];
            words[set / 64] = 1 << (set % 64);
            for start in 0..192 {
                for end in start..=192 {
                    assert_eq!(any_in(&words, start..end), (start..end).contains(&set));
                }
            }
        }
    }

    #[test]
    fn three_valued_logic_is_kleenes() {
        let values = [Some(true), Some(false), None];
        let of = |value: Option<bool>| Truth { yes: [u64::from(value == Some(true)); CHUNK], unknown: [u64::from(value.is_none()); CHUNK] };
        for a in values {
            for b in values {
                let (mut and, mut or, mut not) = (of(a), of(a), of(a));
                and.and(&of(b));
                or.or(&of(b));
                not.not(&[1; CHUNK]);
                assert_eq!(and, of(if a == Some(false) || b == Some(false) { Some(false) } else { a.and(b) }), "{a:?} AND {b:?}");
                assert_eq!(or, of(if a == Some(true) || b == Some(true) { Some(true) } else { a.and(b) }), "{a:?} OR {b:?}");
                assert_eq!(not, of(a.map(|a| !a)), "NOT {a:?}");
            }
        }
    }

    #[test]
    fn a_block_has_a_bit_a_row() {
        for rows in [0usize, 1, 63, 64, 65, 64 * CHUNK] {
            let block = Block { from: 7, rows };
            let all = block.all();
            assert_eq!(all.iter().map(|word| word.count_ones() as usize).sum::<usize>(), rows);
            assert!((0..CHUNK).all(|word| block.positions(word).len() == all[word].count_ones() as usize));
        }
    }
}
