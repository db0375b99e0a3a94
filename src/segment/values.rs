//! What storage keeps of a row's vector, under a key of its own: who reads the row reads no vector, and the other way round.
//!
//! Layout, little-endian: `u8` version (1), `u8` kind (0: f32; 1 is kept for halves), `u16` 0, the values.

use torre_storage::codec::{self, Versioned};
use torre_storage::{Error, Result};

use crate::vector::Matrix;

const F32: u8 = 0;

/// A stored vector, borrowed from its bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Values<'a> {
    /// Little-endian f32 values.
    bytes: &'a [[u8; 4]],
}

impl Versioned for Values<'_> {
    const WHAT: &'static str = "a vector";
    const VERSION: u8 = 1;
}

impl<'a> Values<'a> {
    /// Bytes of a vector.
    pub(crate) fn encode(vector: &[f32]) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + vector.len() * 4);
        out.extend_from_slice(&[Self::VERSION, F32, 0, 0]);
        out.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
        out
    }

    /// Reads a vector.
    ///
    /// # Errors
    /// Those of storage's [`codec`].
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        match codec::version::<Self>(bytes)? {
            [F32, 0, 0, values @ ..] if values.len().is_multiple_of(4) => Ok(Self { bytes: values.as_chunks().0 }),
            _ => Err(Error::corrupt(Self::WHAT, "it does not decode")),
        }
    }

    /// Its width.
    pub(crate) fn dim(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = f32> + use<'a> {
        self.bytes.iter().map(|value| f32::from_le_bytes(*value))
    }

    pub(crate) fn to_vec(self) -> Vec<f32> {
        self.iter().collect()
    }

    /// Writes the values into `out`; the caller has compared [`Values::dim`] with its length.
    pub(crate) fn copy_to(&self, out: &mut [f32]) {
        for (slot, value) in out.iter_mut().zip(self.iter()) {
            *slot = value;
        }
    }

    /// Appends the values to a matrix of the same width, which the caller has compared.
    pub(crate) fn push_to(&self, matrix: &mut Matrix) {
        matrix.push_iter(self.iter());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let bytes = Values::encode(&[1.0, -2.5]);
        assert_eq!(bytes[..4], [1, 0, 0, 0]);
        let values = Values::decode(&bytes).unwrap();
        assert_eq!((values.dim(), values.to_vec()), (2, vec![1.0, -2.5]));
        for end in [0, 1, 3, 5, bytes.len() - 1] {
            assert!(Values::decode(&bytes[..end]).unwrap_err().is_damage(), "{end}");
        }
        for (at, wrong) in [(0, 0), (1, 1), (2, 1), (3, 1)] {
            let mut bytes = bytes.clone();
            bytes[at] = wrong;
            assert!(Values::decode(&bytes).unwrap_err().is_damage(), "{at}");
        }
        let newer = Values::decode(&[2, 0, 0, 0]).unwrap_err();
        assert!(matches!(newer, Error::NewerPart { found: 2, known: 1, .. }), "{newer}");
    }
}
