//! Hash buckets: XXH64(field ‖ 0x1F ‖ value, seed 0) mod n.

use std::fmt;

use xxhash_rust::xxh64::Xxh64;

/// Stands between the field's name and the value, so that ("ab", "c") and ("a", "bc") differ.
const SEPARATOR: u8 = 0x1f;

/// The hash of one field's values: the field's name is digested once, here.
#[derive(Clone)]
pub(crate) struct FieldHash {
    prefix: Xxh64,
}

impl FieldHash {
    pub(crate) fn new(field: &str) -> Self {
        let mut prefix = Xxh64::new(0);
        prefix.update(field.as_bytes());
        prefix.update(&[SEPARATOR]);
        Self { prefix }
    }

    /// The hash of `value`.
    pub(crate) fn of(&self, value: &str) -> u64 {
        let mut state = self.prefix.clone();
        state.update(value.as_bytes());
        state.digest()
    }

    /// The hash of the words joined by one space, without joining them.
    pub(crate) fn of_words<'a>(&self, words: impl Iterator<Item = &'a str>) -> u64 {
        let mut state = self.prefix.clone();
        for (place, word) in words.enumerate() {
            if place > 0 {
                state.update(b" ");
            }
            state.update(word.as_bytes());
        }
        state.digest()
    }
}

impl fmt::Debug for FieldHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FieldHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_whole_text() {
        for field in ["f", "größe", "a field whose name is longer than one stripe of thirty-two bytes"] {
            for words in [vec![""], vec!["red"], vec!["running", "shoes"], vec!["x"; 40]] {
                let whole = [field.as_bytes(), &[SEPARATOR], words.join(" ").as_bytes()].concat();
                let expected = xxhash_rust::xxh64::xxh64(&whole, 0);
                assert_eq!(FieldHash::new(field).of(&words.join(" ")), expected);
                assert_eq!(FieldHash::new(field).of_words(words.iter().copied()), expected);
            }
        }
    }
}
