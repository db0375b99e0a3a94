//! A quantizer as bytes, little-endian whatever the machine:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `TQZ1` |
//! | 1 | metric: 0 ip, 1 cosine, 2 l2 |
//! | 1 | group weight |
//! | 2 | exponent of the scale (i16) |
//! | 4, 4, 4 | dim, lists, m (u32) |
//! | 4 | eta (f32) |
//! | 4 (m + 1) | bounds of the parts (u32) |
//! | 4 lists dim | coarse centroids (f32) |
//! | 4 * 256 dim | codebook (f32) |
//! | 4 * 16 dim | group centres (f32) |
//!
//! and a calibration:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `TQC4` |
//! | 8 | rows (u64) |
//! | 4, 4 | m, dim (u32) |
//! | 4, 4 | lists, stops (u32) |
//! | 4 stops | probes of each stop (u32, ascending) |
//! | 4 lists, 5 times with the next | recall by lists alone (f32, 0 to 1) for 1, 3, 10, 30 and 100 hits |
//! | 4 * 11 stops | what each number of candidates keeps (f32, 0 to 1) |
//!
//! | 4, 4 | offset, slope of the density of lists (f32); both 0 where it is not known |
//! | 4 * 6 | its promises for shares of 0.5, 0.8, 0.9, 0.95, 0.98 and 0.99 (f32, 0 to 1) |
//! | 4 | bands of ranks (u32), each with the next |
//! | 4, 4 | rows before it, stops (u32) |
//! | 4 stops | probes of each stop (u32, ascending) |
//! | 4 lists | recall by lists alone (f32, 0 to 1) |
//! | 4 * 9 stops | what each number of candidates keeps (f32, 0 to 1) |
//!
//! `TQC3` ends before the bands, `TQC2` before the density. `TQC1` does too and had 9 numbers of candidates: more than the last of them keep the same.

use super::bands::{Band, MULTIPLES};
use super::calibration::{CANDIDATES, Calibration, Curve, KS, USUAL};
use super::density::{Density, SHARES};
use super::picked::Picked;
use super::{CENTROIDS, GROUPS, ProductQuantizer, Quantizer, choose, scale};
use crate::types::Metric;
use crate::vector::Matrix;

const TAG: &[u8; 4] = b"TQZ1";
const CALIBRATION_TAG: &[u8; 4] = b"TQC4";
const CALIBRATION_TAG_3: &[u8; 4] = b"TQC3";
const CALIBRATION_TAG_2: &[u8; 4] = b"TQC2";
const CALIBRATION_TAG_1: &[u8; 4] = b"TQC1";

impl Quantizer {
    /// The quantizer as bytes; [`Quantizer::from_bytes`] gives it back bit for bit.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let metric = match self.metric {
            Metric::InnerProduct => 0,
            Metric::Cosine => 1,
            Metric::L2 => 2,
        };
        let mut out = TAG.to_vec();
        out.extend([metric, self.group_weight]);
        out.extend(self.exponent.to_le_bytes());
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
        let &[metric, group_weight, low, high] = take(&mut rest, 4)? else { return None };
        let exponent = i16::from_le_bytes([low, high]);
        let metric = match metric {
            0 => Metric::InnerProduct,
            1 => Metric::Cosine,
            2 => Metric::L2,
            _ => return None,
        };
        if exponent.unsigned_abs() > scale::EXPONENT_MAX.unsigned_abs() || (metric == Metric::Cosine && exponent != 0) {
            return None;
        }
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
        Some(Self { metric, coarse, pq: ProductQuantizer { bounds, codebook, groups }, eta, group_weight, exponent })
    }
}

impl Calibration {
    /// The calibration as bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = CALIBRATION_TAG.to_vec();
        out.extend(self.rows.to_le_bytes());
        out.extend(self.m.to_le_bytes());
        out.extend(self.dim.to_le_bytes());
        out.extend((self.curves[0].lists.len() as u32).to_le_bytes());
        out.extend((self.stops.len() as u32).to_le_bytes());
        out.extend(self.stops.iter().flat_map(|stop| stop.to_le_bytes()));
        for curve in &self.curves {
            out.extend(curve.lists.iter().chain(curve.keep.iter().flatten()).flat_map(|recall| recall.to_le_bytes()));
        }
        let (offset, slope, promised) = self.density.as_ref().map_or((0.0, 0.0, SHARES), |d| (d.offset, d.slope, d.promised));
        out.extend([offset, slope].iter().chain(&promised).flat_map(|value| value.to_le_bytes()));
        out.extend((self.bands.len() as u32).to_le_bytes());
        for band in &self.bands {
            out.extend([band.before, band.stops.len() as u32].iter().chain(&band.stops).flat_map(|number| number.to_le_bytes()));
            out.extend(band.lists.iter().chain(band.keep.iter().flatten()).flat_map(|recall| recall.to_le_bytes()));
        }
        out
    }

    /// Reads [`Calibration::to_bytes`]' output; `None` for anything else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, mut rest) = bytes.split_first_chunk::<4>()?;
        let columns = match tag {
            CALIBRATION_TAG | CALIBRATION_TAG_3 | CALIBRATION_TAG_2 => CANDIDATES.len(),
            CALIBRATION_TAG_1 => USUAL,
            _ => return None,
        };
        let rows = u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
        let (m, dim) = (number(&mut rest)?, number(&mut rest)?);
        let (lists, count) = (number(&mut rest)? as usize, number(&mut rest)? as usize);
        let stops = stops(&mut rest, count)?;
        if lists == 0 {
            return None;
        }
        let mut curves = KS.map(|_| Curve::default());
        for curve in &mut curves {
            curve.lists = recalls(&mut rest, lists)?;
            let keep = recalls(&mut rest, count.checked_mul(columns)?)?;
            curve.keep = keep.chunks_exact(columns).map(|keep| std::array::from_fn(|at| keep[at.min(columns - 1)])).collect();
        }
        let density = if tag == CALIBRATION_TAG || tag == CALIBRATION_TAG_3 { density(&mut rest)? } else { None };
        let bands = if tag == CALIBRATION_TAG { bands(&mut rest, lists)? } else { Vec::new() };
        let (picked, picked_behind) = (Picked::default(), Picked::default());
        rest.is_empty().then_some(Self { rows, m, dim, stops, curves, density, bands, picked, picked_behind })
    }
}

/// Numbers of probes, ascending.
fn stops(rest: &mut &[u8], count: usize) -> Option<Vec<u32>> {
    let stops = take(rest, count.checked_mul(4)?)?;
    let stops: Vec<u32> = stops.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect();
    let ascending = stops.windows(2).all(|pair| pair[0] < pair[1]) && stops.first().is_some_and(|&first| first > 0);
    ascending.then_some(stops)
}

/// The bands of ranks at the end of a calibration, those of lower ranks first.
fn bands(rest: &mut &[u8], lists: usize) -> Option<Vec<Band>> {
    let mut bands: Vec<Band> = Vec::new();
    for _ in 0..number(rest)? {
        let (before, count) = (number(rest)?, number(rest)? as usize);
        if before == 0 || bands.last().is_some_and(|last| last.before >= before) {
            return None;
        }
        let stops = stops(rest, count)?;
        let recall = recalls(rest, lists)?;
        let keep = recalls(rest, count.checked_mul(MULTIPLES.len())?)?;
        bands.push(Band { before, stops, lists: recall, keep: keep.as_chunks().0.to_vec() });
    }
    Some(bands)
}

/// The density of lists at the end of a calibration; `Some(None)` where it is not known, `None` where this is none.
fn density(rest: &mut &[u8]) -> Option<Option<Density>> {
    let line = floats(rest, 2)?;
    let promised: [f32; SHARES.len()] = recalls(rest, SHARES.len())?.try_into().ok()?;
    let (offset, slope) = (line[0], line[1]);
    if offset.to_bits() == 0 && slope.to_bits() == 0 {
        return (promised == SHARES).then_some(None);
    }
    Some(Some(Density { offset, slope, promised }.usable()?))
}

fn recalls(rest: &mut &[u8], count: usize) -> Option<Vec<f32>> {
    let values = floats(rest, count)?;
    values.iter().all(|value| (0.0..=1.0).contains(value)).then_some(values)
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
        let params = TrainParams { lists: Some(3), m: Some(2), group_weight: 2, ..TrainParams::new(Metric::Cosine) };
        Quantizer::train(&clustered(300, 5, 4, 1), &params, &NoProgress).unwrap()
    }

    #[test]
    fn comes_back_bit_for_bit() {
        let quantizer = sample();
        let bytes = quantizer.to_bytes();
        assert_eq!(Quantizer::from_bytes(&bytes).unwrap(), quantizer);
        assert_eq!(&bytes[..8], b"TQZ1\x01\x02\0\0");
        assert_eq!(bytes.len(), 24 + 4 * (3 + 5 * (3 + 272)));
    }

    #[test]
    fn damage_is_refused_or_comes_back() {
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

    #[test]
    fn a_calibration_comes_back_and_damage_is_refused_or_comes_back() {
        let curve =
            |_| Curve { lists: (0..9).map(|at| at as f32 / 9.0).collect(), keep: vec![CANDIDATES.map(|r| 1.0 - 1.0 / r as f32); 3] };
        let band = |before| Band {
            before,
            stops: vec![2, 4],
            lists: (0..9).map(|at| at as f32 / 9.0).collect(),
            keep: vec![MULTIPLES.map(|multiple| 1.0 - 0.1 / multiple.max(0.1)); 2],
        };
        let calibration = Calibration {
            rows: 1000,
            m: 5,
            dim: 20,
            stops: vec![1, 3, 5],
            curves: KS.map(curve),
            density: Some(Density { offset: 0.5, slope: 9.0, promised: SHARES }),
            bands: [100, 1000].map(band).to_vec(),
            picked: Picked::default(),
            picked_behind: Picked::default(),
        };
        let bytes = calibration.to_bytes();
        assert_eq!(Calibration::from_bytes(&bytes).unwrap(), calibration);
        for cut in 0..bytes.len() {
            assert!(Calibration::from_bytes(&bytes[..cut]).is_none());
        }
        // As it was written before: without bands, without a density, without the last numbers of candidates.
        let head = 28 + 4 * calibration.stops.len();
        let mut before = [CALIBRATION_TAG_1, &bytes[4..head]].concat();
        let third = Calibration { bands: Vec::new(), ..calibration.clone() };
        let bytes_3 = third.to_bytes();
        let bytes_3 = &bytes_3[..bytes_3.len() - 4];
        assert_eq!(Calibration::from_bytes(&[CALIBRATION_TAG_3, &bytes_3[4..]].concat()).unwrap(), third);
        for curve in bytes_3[head..bytes_3.len() - 4 * (2 + SHARES.len())].chunks_exact(4 * (9 + 3 * CANDIDATES.len())) {
            before.extend(&curve[..36]);
            curve[36..].chunks_exact(4 * CANDIDATES.len()).for_each(|keep| before.extend(&keep[..4 * USUAL]));
        }
        let mut padded = Calibration { density: None, ..third };
        assert_eq!(Calibration::from_bytes(&padded.to_bytes()).unwrap(), padded);
        let second = [CALIBRATION_TAG_2, &bytes_3[4..bytes_3.len() - 4 * (2 + SHARES.len())]].concat();
        assert_eq!(Calibration::from_bytes(&second).unwrap(), padded);
        for keep in padded.curves.iter_mut().flat_map(|curve| &mut curve.keep) {
            let last = keep[USUAL - 1];
            keep[USUAL..].fill(last);
        }
        assert_eq!(Calibration::from_bytes(&before).unwrap(), padded);
        let mut rng = Rng::new(2, 1);
        for _ in 0..2000 {
            let mut damaged = bytes.clone();
            let at = rng.below(bytes.len());
            damaged[at] ^= 1 << rng.below(8);
            if let Some(calibration) = Calibration::from_bytes(&damaged) {
                assert_eq!(calibration.to_bytes(), damaged);
                let setting = calibration.pick(0.95, 10, u64::MAX);
                assert!(setting.nprobe >= 1 && setting.candidates >= 10);
                let behind = calibration.pick_behind((0.95, 500), 10, u64::MAX);
                assert!(behind.is_none_or(|behind| behind.nprobe >= 1 && behind.candidates >= 10));
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_or_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Quantizer::from_bytes(&bytes).is_none());
            let mut tagged = TAG.to_vec();
            tagged.extend([0u8; 4]);
            tagged.extend(bytes);
            prop_assert!(Quantizer::from_bytes(&tagged).is_none_or(|quantizer| quantizer.to_bytes() == tagged));
        }
    }
}
