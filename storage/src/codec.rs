//! Serialization of structured values: bincode 1 with fixed-width little-endian integers and a limit on what a length may claim.
//!
//! Before every value stands its version, so that a field can be added later and an older Torre says that it lacks something instead of
//! taking the bytes for damage.
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

/// What is stored with its version before it.
pub trait Versioned {
    /// What it is, for messages.
    const WHAT: &'static str;
    /// The version that is written, and the newest that is read. The first is 1.
    const VERSION: u8;
}

/// The version and the bytes of a value.
///
/// # Errors
/// [`Error::TooLarge`] beyond [`LIMIT`] bytes.
pub fn encode<T: Serialize + Versioned>(value: &T) -> Result<Vec<u8>> {
    pack(vec![T::VERSION], value)
}

/// The value of these bytes; all of them must be used.
///
/// # Errors
/// [`Error::NewerPart`] for a version that this Torre does not know, [`Error::Corrupt`] where they are not the encoding of a `T`. Never
/// panics.
pub fn decode<T: DeserializeOwned + Versioned>(bytes: &[u8]) -> Result<T> {
    unpack(version::<T>(bytes)?, T::WHAT)
}

/// What stands behind the version, for what is laid out by hand.
///
/// # Errors
/// As [`decode`].
pub fn version<T: Versioned>(bytes: &[u8]) -> Result<&[u8]> {
    match bytes.split_first() {
        Some((version, rest)) if (1..=T::VERSION).contains(version) => Ok(rest),
        Some((version, _)) if *version > T::VERSION => Err(Error::NewerPart { what: T::WHAT.into(), found: *version, known: T::VERSION }),
        _ => Err(Error::corrupt(T::WHAT, "it has no version")),
    }
}

pub(crate) fn pack<T: Serialize + ?Sized>(mut bytes: Vec<u8>, value: &T) -> Result<Vec<u8>> {
    options().serialize_into(&mut bytes, value).map_err(|error| match *error {
        bincode::ErrorKind::SizeLimit => Error::TooLarge { what: "an encoded value".into(), bytes: LIMIT + 1, limit: LIMIT },
        other => Error::corrupt("a value to encode", other.to_string()),
    })?;
    Ok(bytes)
}

pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    // A length inside cannot claim more than there is: bincode reserves what a length says before it reads.
    options().with_limit(bytes.len() as u64).deserialize(bytes).map_err(|error| Error::corrupt(what, error.to_string()))
}

/// `N` bytes from a place on, where there are so many.
pub(crate) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Thing(u32);

    impl Versioned for Thing {
        const WHAT: &'static str = "a thing";
        const VERSION: u8 = 2;
    }

    #[test]
    fn a_newer_version_is_refused_by_name_and_none_is_damage() {
        let bytes = encode(&Thing(7)).unwrap();
        assert_eq!(bytes, [2, 7, 0, 0, 0]);
        assert_eq!(decode::<Thing>(&bytes).unwrap(), Thing(7));
        let newer = decode::<Thing>(&[3, 1]).unwrap_err();
        assert!(matches!(&newer, Error::NewerPart { what, found: 3, known: 2 } if what == "a thing"), "{newer}");
        assert!(!newer.is_damage());
        for bytes in [&[][..], &[0, 7, 0, 0, 0], &[2, 7]] {
            assert!(matches!(decode::<Thing>(bytes), Err(Error::Corrupt { .. })), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn values_come_back(value in any::<(u8, Vec<u32>, String, Option<f32>)>()) {
            prop_assume!(value.3.is_none_or(|f| !f.is_nan()));
            prop_assert_eq!(unpack::<(u8, Vec<u32>, String, Option<f32>)>(&pack(vec![], &value).unwrap(), "").unwrap(), value);
        }

        #[test]
        fn hostile_bytes_are_an_error_or_a_value_that_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            match unpack::<(u8, Vec<u32>, String, Option<Vec<Vec<u8>>>)>(&bytes, "") {
                Ok(value) => prop_assert_eq!(pack(Vec::new(), &value).unwrap(), bytes),
                Err(error) => prop_assert!(error.is_damage(), "{error}"),
            }
        }
    }

    #[test]
    fn a_length_beyond_the_bytes_reserves_nothing() {
        let mut bytes = u64::MAX.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0; 8]);
        assert!(unpack::<Vec<u64>>(&bytes, "").is_err());
        bytes[..8].copy_from_slice(&(1u64 << 40).to_le_bytes());
        assert!(unpack::<Vec<u64>>(&bytes, "").is_err());
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        let mut bytes = pack(vec![], &5u32).unwrap();
        bytes.push(0);
        assert!(unpack::<u32>(&bytes, "").is_err());
    }
}
