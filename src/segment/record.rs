//! What storage keeps of a row: id, vector, raw features.
//!
//! Layout, little-endian: `u16` length of the id, the id, `u32` width of the vector, the vector as f32, then the features as
//! [`Row::to_bytes`](crate::features::Row) writes them. Storage wraps this in its own envelope with key and checksum.

use crate::vector::Matrix;

/// A stored row, borrowed from its bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) id: &'a str,
    /// Little-endian f32 values.
    vector: &'a [u8],
    /// The features, encoded.
    pub(crate) features: &'a [u8],
}

impl<'a> Record<'a> {
    /// Bytes of a record.
    pub(crate) fn encode(id: &str, vector: &[f32], features: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(6 + id.len() + vector.len() * 4 + features.len());
        out.extend_from_slice(&(id.len() as u16).to_le_bytes());
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(&(vector.len() as u32).to_le_bytes());
        for value in vector {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(features);
        out
    }

    /// Reads a record; `None` when the bytes are not one.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (id, rest) = rest.split_at_checked(u16::from_le_bytes(*length) as usize)?;
        let (width, rest) = rest.split_first_chunk::<4>()?;
        let (vector, features) = rest.split_at_checked((u32::from_le_bytes(*width) as usize).checked_mul(4)?)?;
        Some(Self { id: std::str::from_utf8(id).ok()?, vector, features })
    }

    /// Width of the vector.
    pub(crate) fn dim(&self) -> usize {
        self.vector.len() / 4
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = f32> + 'a {
        self.vector.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))
    }

    /// Writes the vector into `out`; the caller has compared [`Record::dim`] with its length.
    pub(crate) fn copy_vector(&self, out: &mut [f32]) {
        for (slot, value) in out.iter_mut().zip(self.values()) {
            *slot = value;
        }
    }

    /// Appends the vector to `matrix`; false when the widths differ.
    pub(crate) fn push_vector(&self, matrix: &mut Matrix) -> bool {
        if self.dim() != matrix.dim() {
            return false;
        }
        matrix.push_iter(self.values());
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        let bytes = Record::encode("é1", &[1.0, -2.5], b"features");
        let record = Record::decode(&bytes).unwrap();
        assert_eq!((record.id, record.features, record.dim()), ("é1", &b"features"[..], 2));
        assert_eq!(record.values().collect::<Vec<_>>(), [1.0, -2.5]);
        for end in 0..bytes.len() - b"features".len() {
            assert!(Record::decode(&bytes[..end]).is_none(), "{end}");
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_or_another_record_that_comes_back() {
        let bytes = Record::encode("é1", &[1.0, -2.5], b"features");
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Some(record) = Record::decode(&bad) {
                let again = Record::encode(record.id, &record.values().collect::<Vec<_>>(), record.features);
                assert_eq!(again, bad, "bit {bit}");
            }
        }
    }
}
