//! Serialization of structured values: bincode 1 with fixed-width little-endian integers and a limit on what a length may claim.
//!
//! A changed byte still decodes more often than not, so nothing is decoded before its checksum was compared: callers hand over the bytes of
//! a record, a manifest or a blob that this crate gave them, which were checked when they were read.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The most that one encoded value may take, and that any length inside it may claim.
pub const LIMIT: u64 = 1 << 31;

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_little_endian().with_limit(LIMIT).reject_trailing_bytes()
}

/// The bytes of a value.
///
/// # Errors
/// [`Error::TooLarge`] beyond [`LIMIT`] bytes.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    options().serialize(value).map_err(|error| match *error {
        bincode::ErrorKind::SizeLimit => Error::TooLarge { what: "an encoded value".into(), bytes: LIMIT + 1, limit: LIMIT },
        other => Error::corrupt("a value to encode", other.to_string()),
    })
}

/// The value of these bytes; all of them must be used.
///
/// # Errors
/// [`Error::Corrupt`] where they are not the encoding of a `T`. Never panics.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // A length inside cannot claim more than there is: bincode reserves what a length says before it reads.
    options().with_limit(bytes.len() as u64).deserialize(bytes).map_err(|error| Error::corrupt("an encoded value", error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_come_back(value in any::<(u8, Vec<u32>, String, Option<f32>)>()) {
            prop_assume!(value.3.is_none_or(|f| !f.is_nan()));
            prop_assert_eq!(decode::<(u8, Vec<u32>, String, Option<f32>)>(&encode(&value).unwrap()).unwrap(), value);
        }

        #[test]
        fn hostile_bytes_are_an_error_or_a_value_that_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            match decode::<(u8, Vec<u32>, String, Option<Vec<Vec<u8>>>)>(&bytes) {
                Ok(value) => prop_assert_eq!(encode(&value).unwrap(), bytes),
                Err(error) => prop_assert!(error.is_damage(), "{error}"),
            }
        }
    }

    #[test]
    fn a_length_beyond_the_bytes_reserves_nothing() {
        let mut bytes = u64::MAX.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0; 8]);
        assert!(decode::<Vec<u64>>(&bytes).is_err());
        bytes[..8].copy_from_slice(&(1u64 << 40).to_le_bytes());
        assert!(decode::<Vec<u64>>(&bytes).is_err());
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        let mut bytes = encode(&5u32).unwrap();
        bytes.push(0);
        assert!(decode::<u32>(&bytes).is_err());
    }
}
