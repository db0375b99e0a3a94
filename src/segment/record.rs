//! What storage keeps of a row beside its vector: id and raw features.
//!
//! Layout, little-endian: `u8` version (1), `u16` length of the id, the id, then the features as
//! [`Row::to_bytes`](crate::features::Row) writes them. Storage wraps this in its own envelope with key and checksum.

use torre_storage::codec::{self, Versioned};
use torre_storage::{Error, Result};

/// A stored row, borrowed from its bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) id: &'a str,
    /// The features, encoded.
    pub(crate) features: &'a [u8],
}

impl Versioned for Record<'_> {
    const WHAT: &'static str = "a record";
    const VERSION: u8 = 1;
}

impl<'a> Record<'a> {
    /// Bytes of a record.
    pub(crate) fn encode(id: &str, features: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(3 + id.len() + features.len());
        out.push(Self::VERSION);
        out.extend_from_slice(&(id.len() as u16).to_le_bytes());
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(features);
        out
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Those of storage's [`codec`].
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let rest = codec::version::<Self>(bytes)?;
        Self::parse(rest).ok_or_else(|| Error::corrupt(Self::WHAT, "it does not decode"))
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (id, features) = rest.split_at_checked(u16::from_le_bytes(*length) as usize)?;
        Some(Self { id: std::str::from_utf8(id).ok()?, features })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        let bytes = Record::encode("é1", b"features");
        let record = Record::decode(&bytes).unwrap();
        assert_eq!((record.id, record.features), ("é1", &b"features"[..]));
        for end in 0..bytes.len() - b"features".len() {
            assert!(Record::decode(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_or_another_record_that_comes_back() {
        let bytes = Record::encode("é1", b"features");
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(record) = Record::decode(&bad) {
                let again = Record::encode(record.id, record.features);
                assert_eq!(again, bad, "bit {bit}");
            }
        }
    }
}
