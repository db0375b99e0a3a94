//! A vocabulary: text -> position.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

/// An immutable table from text to its position in a list, looked up without allocation.
///
/// Open addressing with linear probing at a load of at most one half; the texts lie end to end in one arena.
pub(crate) struct Vocab {
    /// `(tag, position + 1)`; a zero position is a free slot.
    slots: Box<[(u32, u32)]>,
    texts: String,
    /// Where text `i` ends; it begins where the one before it ends.
    ends: Vec<usize>,
}

impl Vocab {
    /// Takes the values in order; a value that comes twice keeps its last position, as the reference has it, and is named in the second result.
    pub(crate) fn new<'a>(values: impl ExactSizeIterator<Item = &'a str>) -> (Self, Option<String>) {
        let capacity = (values.len() * 2).next_power_of_two().max(2);
        let mut vocab =
            Self { slots: vec![(0, 0); capacity].into_boxed_slice(), texts: String::new(), ends: Vec::with_capacity(values.len()) };
        let mut twice = None;
        for (position, value) in values.enumerate() {
            vocab.texts.push_str(value);
            vocab.ends.push(vocab.texts.len());
            let (slot, tag) = vocab.slot(value);
            if vocab.slots[slot].1 != 0 {
                twice.get_or_insert_with(|| value.to_owned());
            }
            vocab.slots[slot] = (tag, position as u32 + 1);
        }
        (vocab, twice)
    }

    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The position of `value`, if it is in the list.
    pub(crate) fn position(&self, value: &str) -> Option<usize> {
        let (slot, _) = self.slot(value);
        (self.slots[slot].1 as usize).checked_sub(1)
    }

    /// The slot that holds `value`, or the free one where it would stand.
    fn slot(&self, value: &str) -> (usize, u32) {
        let hash = xxh3_64(value.as_bytes());
        let (mask, tag) = (self.slots.len() - 1, (hash >> 32) as u32);
        let mut slot = hash as usize & mask;
        loop {
            let (other, position) = self.slots[slot];
            if position == 0 || (other == tag && self.text(position as usize - 1) == value) {
                return (slot, tag);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn text(&self, position: usize) -> &str {
        let start = if position == 0 { 0 } else { self.ends[position - 1] };
        &self.texts[start..self.ends[position]]
    }
}

impl fmt::Debug for Vocab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vocab of {}", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_at_its_position() {
        for count in [0, 1, 2, 3, 63, 64, 65, 10_000] {
            let values: Vec<String> = (0..count).map(|n| format!("v{n}")).collect();
            let (vocab, twice) = Vocab::new(values.iter().map(String::as_str));
            assert_eq!((vocab.len(), twice), (count, None));
            for (position, value) in values.iter().enumerate() {
                assert_eq!(vocab.position(value), Some(position));
            }
            assert_eq!(vocab.position("v"), None);
            assert_eq!(vocab.position(""), None);
        }
    }

    #[test]
    fn a_value_that_comes_twice_is_named() {
        let (vocab, twice) = Vocab::new(["a", "", "a"].into_iter());
        assert_eq!((vocab.position("a"), vocab.position(""), twice.as_deref()), (Some(2), Some(1), Some("a")));
    }
}
