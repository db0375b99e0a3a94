//! Hash buckets: XXH64(field ‖ 0x1F ‖ value, seed 0) mod n.

use xxhash_rust::xxh64::{Xxh64, xxh64};

/// Stands between the field's name and the value (and, in a cross, between names and between values), so that ("ab", "c") and ("a", "bc") differ.
pub(crate) const SEPARATOR: u8 = 0x1f;

/// Field and value together up to this size are hashed in one piece, from the stack.
const SHORT: usize = 128;

/// The hash of one field's values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldHash {
    /// The field's name and the separator.
    prefix: Box<[u8]>,
}

impl FieldHash {
    /// Of a field of this name.
    pub fn new(field: &str) -> Self {
        Self { prefix: [field.as_bytes(), &[SEPARATOR]].concat().into() }
    }

    /// The hash of the joined values of several fields.
    pub(crate) fn joint(fields: &[&str]) -> Self {
        Self::new(&fields.join(&char::from(SEPARATOR).to_string()))
    }

    /// The hash of `value`.
    pub(crate) fn of(&self, value: &str) -> u64 {
        let (start, end) = (self.prefix.len(), self.prefix.len() + value.len());
        if end > SHORT {
            let mut state = Xxh64::new(0);
            state.update(&self.prefix);
            state.update(value.as_bytes());
            return state.digest();
        }
        let mut whole = [0u8; SHORT];
        whole[..start].copy_from_slice(&self.prefix);
        whole[start..end].copy_from_slice(value.as_bytes());
        xxh64(&whole[..end], 0)
    }

    /// The bucket of `value` among `buckets`.
    pub fn bucket(&self, value: &str, buckets: u64) -> u64 {
        self.of(value) % buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_values_hash_as_one_text() {
        for field in ["", "f", "größe", "a field whose name is longer than one stripe of thirty-two bytes"] {
            for length in (0..300).step_by(7).chain([31, 32, 33, 62, 63, 64, 125, 126, 127, 128, 129]) {
                let value = "v".repeat(length);
                let whole = [field.as_bytes(), &[SEPARATOR], value.as_bytes()].concat();
                assert_eq!(FieldHash::new(field).of(&value), xxh64(&whole, 0), "{field} {length}");
            }
        }
    }
}
