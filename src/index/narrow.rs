//! What a query takes out of the rows that may be returned, list by list, as it comes by them.

use std::ops::Range;

use crate::kernel::BLOCK;

/// A restriction of one query: excluded rows, a filter.
pub(crate) trait Narrow: Sync + std::fmt::Debug {
    /// The rows that it leaves out one by one, by part and position, ascending.
    fn excluded(&self) -> &[(u32, u32)];

    /// Whether it has a filter too.
    fn filters(&self) -> bool {
        false
    }

    /// Takes rows of one list of one part, by position, out of `words` for which its filter is not true: bit `i` of word `j` stands for row
    /// `rows.start + 64 j + i`.
    fn filter(&self, _part: usize, _rows: Range<usize>, _words: &mut [u64]) {}

    /// Asks for what [`Narrow::filter`] will read of these rows, soon.
    fn fetch(&self, _part: usize, _rows: Range<usize>) {}

    /// Takes out all that may not be returned, as [`Narrow::filter`] does. False where there is nothing to take out; the words are then as they were.
    fn narrow(&self, part: usize, rows: Range<usize>, words: &mut [u64]) -> bool {
        let excluded = within(self.excluded(), part, rows.clone());
        take_out(excluded, rows.start, words);
        if self.filters() {
            self.filter(part, rows, words);
        }
        self.filters() || !excluded.is_empty()
    }
}

/// Those of ascending places that are among some rows of a part.
pub(super) fn within(places: &[(u32, u32)], part: usize, rows: Range<usize>) -> &[(u32, u32)] {
    let at = |position: usize| (part as u32, position as u32);
    let rest = &places[places.partition_point(|&place| place < at(rows.start))..];
    // They are few, as lists are short.
    &rest[..rest.iter().take_while(|&&place| place < at(rows.end)).count()]
}

/// Clears the bits of places in words that begin with the row `start`.
pub(super) fn take_out(places: &[(u32, u32)], start: usize, words: &mut [u64]) {
    for &(_, position) in places {
        let within = position as usize - start;
        words[within / BLOCK] &= !(1 << (within % BLOCK));
    }
}

/// Leaves some rows out: (part, position), ascending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Without<'a>(pub(crate) &'a [(u32, u32)]);

impl Narrow for Without<'_> {
    fn excluded(&self) -> &[(u32, u32)] {
        self.0
    }
}

/// The blocks of a list to look at: ranges of those with something selected. A gap that is shorter than what the scan takes at a time is
/// scanned along.
pub(super) fn spans(words: &[u64]) -> impl Iterator<Item = Range<usize>> {
    const PASS: usize = 4;
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + words[from..].iter().position(|&word| word != 0)?;
        let (mut end, mut at) = (start + 1, start + 1);
        while at < words.len() && at < end + PASS {
            at += 1;
            if words[at - 1] != 0 {
                end = at;
            }
        }
        from = end;
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_hold_every_block_with_something_and_no_long_gap() {
        let mut state = 1u64;
        for length in [0, 1, 2, 5, 64, 301] {
            for sparse in [1, 3, 9, 40] {
                let words: Vec<u64> = (0..length)
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        u64::from((state >> 33).is_multiple_of(sparse))
                    })
                    .collect();
                let found: Vec<Range<usize>> = spans(&words).collect();
                let covered = |at: usize| found.iter().any(|span| span.contains(&at));
                assert!((0..length).all(|at| words[at] == 0 || covered(at)));
                for span in &found {
                    assert!(words[span.start] != 0 && words[span.end - 1] != 0);
                    assert!(words[span.clone()].windows(5).all(|five| five.iter().any(|&word| word != 0)));
                }
                assert!(found.windows(2).all(|pair| pair[1].start >= pair[0].end + 4), "{found:?}");
            }
        }
    }

    #[test]
    fn rows_are_taken_out_of_their_own_list_only() {
        let without = [(0, 3), (0, 64), (0, 70), (2, 5)];
        let without = Without(&without);
        let mut words = [u64::MAX; 2];
        assert!(!without.narrow(1, 0..128, &mut words) && !without.narrow(0, 4..64, &mut words) && words == [u64::MAX; 2]);
        assert!(without.narrow(0, 4..100, &mut words));
        assert_eq!(words, [!(1 << 60), !(1 << 2)]);
    }
}
