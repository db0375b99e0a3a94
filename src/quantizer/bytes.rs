//! A quantizer as bytes, little-endian whatever the machine:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `TQZ1` |
//! | 1 | metric: 0 ip, 1 cosine, 2 l2 |
//! | 3 | zero |
//! | 4, 4, 4 | dim, lists, m (u32) |
//! | 4 | eta (f32) |
//! | 4 (m + 1) | bounds of the parts (u32) |
//! | 4 lists dim | coarse centroids (f32) |
//! | 4 * 256 dim | codebook (f32) |
//! | 4 * 16 dim | group centres (f32) |

use super::{CENTROIDS, GROUPS, ProductQuantizer, Quantizer, choose};
use crate::types::Metric;
use crate::vector::Matrix;

const TAG: &[u8; 4] = b"TQZ1";

impl Quantizer {
    /// The quantizer as bytes; [`Quantizer::from_bytes`] gives it back bit for bit.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let metric = match self.metric {
            Metric::Ip => 0,
            Metric::Cosine => 1,
            Metric::L2 => 2,
        };
        let mut out = TAG.to_vec();
        out.extend([metric, 0, 0, 0]);
        for number in [self.dim() as u32, self.lists() as u32, self.pq.m() as u32] {
            out.extend(number.to_le_bytes());
        }
        out.extend(self.eta.to_le_bytes());
        out.extend(self.pq.bounds.iter().flat_map(|bound| bound.to_le_bytes()));
        for values in [self.coarse.as_slice(), &self.pq.codebook, &self.pq.groups] {
            out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        out
    }

    /// Reads [`Quantizer::to_bytes`]' output; `None` for anything that is not a whole, usable quantizer.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(TAG)?;
        let metric = match take(&mut rest, 4)? {
            [0, 0, 0, 0] => Metric::Ip,
            [1, 0, 0, 0] => Metric::Cosine,
            [2, 0, 0, 0] => Metric::L2,
            _ => return None,
        };
        let (dim, lists, m) = (number(&mut rest)? as usize, number(&mut rest)? as usize, number(&mut rest)? as usize);
        let eta = f32::from_bits(number(&mut rest)?);
        if dim == 0 || lists == 0 || m == 0 || m > dim.min(choose::MAX_M) || !(eta.is_finite() && eta >= 1.0) {
            return None;
        }
        let values = lists.checked_add(CENTROIDS + GROUPS)?.checked_mul(dim)?.checked_add(m + 1)?;
        if rest.len() != values.checked_mul(4)? {
            return None;
        }
        let bounds: Vec<u32> = (0..=m).map_while(|_| number(&mut rest)).collect();
        let ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if bounds.first() != Some(&0) || bounds.last().map(|&last| last as usize) != Some(dim) || !ascending {
            return None;
        }
        let coarse = Matrix::from_vec(dim, floats(&mut rest, lists * dim)?)?;
        let codebook = floats(&mut rest, CENTROIDS * dim)?;
        let groups = floats(&mut rest, GROUPS * dim)?;
        Some(Self { metric, coarse, pq: ProductQuantizer { bounds, codebook, groups }, eta })
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?))
}

fn floats(rest: &mut &[u8], count: usize) -> Option<Vec<f32>> {
    let bytes = take(rest, count.checked_mul(4)?)?;
    let values: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    values.iter().all(|value| value.is_finite()).then_some(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::progress::NoProgress;
    use crate::quantizer::TrainParams;
    use crate::quantizer::rng::Rng;
    use crate::quantizer::testing::clustered;

    fn sample() -> Quantizer {
        let params = TrainParams { lists: Some(3), m: Some(2), ..TrainParams::new(Metric::Cosine) };
        Quantizer::train(&clustered(300, 5, 4, 1), &params, &NoProgress).unwrap()
    }

    #[test]
    fn comes_back_bit_for_bit() {
        let quantizer = sample();
        let bytes = quantizer.to_bytes();
        assert_eq!(Quantizer::from_bytes(&bytes).unwrap(), quantizer);
        assert_eq!(&bytes[..8], b"TQZ1\x01\0\0\0");
        assert_eq!(bytes.len(), 24 + 4 * (3 + 5 * (3 + 272)));
    }

    #[test]
    fn damage_is_refused_or_harmless() {
        let bytes = sample().to_bytes();
        for cut in 0..bytes.len() {
            assert!(Quantizer::from_bytes(&bytes[..cut]).is_none());
        }
        let mut rng = Rng::new(1, 1);
        for _ in 0..2000 {
            let mut damaged = bytes.clone();
            let at = rng.below(36);
            damaged[at] ^= 1 << rng.below(8);
            if let Some(quantizer) = Quantizer::from_bytes(&damaged) {
                assert_eq!(quantizer.to_bytes(), damaged);
            }
        }
        let mut not_a_number = bytes.clone();
        not_a_number[36..40].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(Quantizer::from_bytes(&not_a_number).is_none());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Quantizer::from_bytes(&bytes).is_none());
            let mut tagged = TAG.to_vec();
            tagged.extend([0u8; 4]);
            tagged.extend(bytes);
            let _ = Quantizer::from_bytes(&tagged);
        }
    }
}
