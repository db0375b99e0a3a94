//! An index as named runs of little-endian bytes, for storage, and back. Everything is checked on the way in, so that a scan need not.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::kernel::{BLOCK, Lines};
use crate::types::{Metric, Refine};

use super::constants::Constants;
use super::ivf::{IvfIndex, L2};
use super::layout::Layout;
use super::refine::RefineStore;

/// Rows of each list, u32 each.
const LENGTHS: u8 = 1;
/// The high-nibble plane: blocks of ceil(m / 2) lines of 64 bytes.
const HI: u8 = 2;
/// The low-nibble plane, in the same shape.
const LO: u8 = 3;
/// Refine records (see [`RefineStore`]); absent with [`Refine::None`].
const REFINE: u8 = 4;
/// L2 only: the filter's constants: step f32, lowest of each list f32, values u16 a lane.
const FILTER: u8 = 5;
/// L2 only: the codes' constants, f32 a row.
const CONSTANTS: u8 = 6;

/// f16 only, where there are any: rows that half precision does not carry: position u32, values f32 x dim.
const WIDE: u8 = 7;

/// What the stored parts must fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    pub(crate) dim: usize,
    pub(crate) m: usize,
    pub(crate) lists: usize,
    pub(crate) metric: Metric,
    pub(crate) refine: Refine,
}

/// Stored parts do not make an index.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub(crate) enum PartsError {
    #[error("index part {part}: expected {expected} bytes, got {got}")]
    Length { part: u8, expected: usize, got: usize },
    #[error("index part {part} is missing")]
    Missing { part: u8 },
    #[error("index part {part}: a number is not finite")]
    NotFinite { part: u8 },
    #[error("index: {what} is out of range")]
    Range { what: &'static str },
}

impl IvfIndex {
    pub(crate) fn shape(&self) -> Shape {
        Shape { dim: self.dim, m: self.m, lists: self.lists(), metric: self.metric, refine: self.refine() }
    }

    /// The bytes to store, by part.
    pub(crate) fn parts(&self) -> Vec<(u8, Cow<'_, [u8]>)> {
        let lengths: Vec<u8> = self.layout.lengths().flat_map(u32::to_le_bytes).collect();
        let mut parts = vec![(LENGTHS, Cow::Owned(lengths)), (HI, Cow::Borrowed(self.hi.bytes())), (LO, Cow::Borrowed(self.lo.bytes()))];
        if self.refine() != Refine::None {
            parts.push((REFINE, Cow::Borrowed(self.refine.bytes())));
            let wide = self.refine.wide_bytes();
            if !wide.is_empty() {
                parts.push((WIDE, Cow::Owned(wide)));
            }
        }
        if let Some(l2) = &self.l2 {
            let mut filter = Vec::with_capacity(4 + 4 * l2.filter.lowest.len() + 2 * l2.filter.values.len());
            filter.extend(l2.filter.step.to_le_bytes());
            filter.extend(l2.filter.lowest.iter().flat_map(|x| x.to_le_bytes()));
            filter.extend(l2.filter.values.iter().flat_map(|x| x.to_le_bytes()));
            parts.push((FILTER, Cow::Owned(filter)));
            parts.push((CONSTANTS, Cow::Owned(l2.rows.iter().flat_map(|x| x.to_le_bytes()).collect())));
        }
        parts
    }

    /// Builds an index from stored parts, in any order.
    pub(crate) fn from_parts(shape: Shape, parts: &[(u8, &[u8])]) -> Result<Self, PartsError> {
        let Shape { dim, m, lists, metric, refine } = shape;
        if refine == Refine::Auto {
            return Err(PartsError::Range { what: "the kind of refine vectors" });
        }
        if m == 0 || m > 256 {
            return Err(PartsError::Range { what: "the number of sub-quantizers" });
        }
        if dim == 0 || dim > 1 << 20 {
            return Err(PartsError::Range { what: "the dimension" });
        }
        let find = |part: u8, expected: Option<usize>| {
            let bytes = parts.iter().find(|(p, _)| *p == part).map(|(_, bytes)| *bytes).ok_or(PartsError::Missing { part })?;
            let expected = expected.ok_or(PartsError::Range { what: "the number of rows" })?;
            if bytes.len() == expected { Ok(bytes) } else { Err(PartsError::Length { part, expected, got: bytes.len() }) }
        };
        let lengths: Vec<u32> = find(LENGTHS, lists.checked_mul(4))?.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let layout = Layout::new(&lengths).ok_or(PartsError::Range { what: "the number of rows" })?;
        let plane = layout.blocks().checked_mul(m.div_ceil(2) * 64);
        let hi = Lines::from_bytes(find(HI, plane)?);
        let lo = Lines::from_bytes(find(LO, plane)?);
        let mut store = RefineStore::new(refine, dim, metric, 0);
        if refine != Refine::None {
            let records = find(REFINE, layout.rows().checked_mul(RefineStore::stride(refine, dim, metric)))?;
            if !store.take(records) {
                return Err(PartsError::NotFinite { part: REFINE });
            }
            if let Some((_, wide)) = parts.iter().find(|(part, _)| *part == WIDE)
                && !store.take_wide(wide, layout.rows())
            {
                return Err(PartsError::Range { what: "a row that half precision does not carry" });
            }
        }
        let l2 = if metric == Metric::L2 {
            let filter = find(FILTER, (lists.checked_mul(4)).and_then(|n| n.checked_add(4 + layout.blocks().checked_mul(2 * BLOCK)?)))?;
            let (floats, values) = filter.split_at(4 + 4 * lists);
            let mut floats = finite(FILTER, floats)?;
            let step = floats.remove(0);
            if step < 0.0 {
                return Err(PartsError::Range { what: "the step of the filter's constants" });
            }
            let values = values.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect();
            let rows = finite(CONSTANTS, find(CONSTANTS, layout.rows().checked_mul(4))?)?;
            let filter = Constants { step, lowest: floats, values };
            Some(L2 { filter, exact: Constants::new(&layout, &rows), rows })
        } else {
            None
        };
        Ok(Self { dim, m, metric, layout, hi, lo, refine: store, l2, longest: OnceLock::new() })
    }
}

fn finite(part: u8, bytes: &[u8]) -> Result<Vec<f32>, PartsError> {
    let floats: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    if floats.iter().all(|x| x.is_finite()) { Ok(floats) } else { Err(PartsError::NotFinite { part }) }
}
