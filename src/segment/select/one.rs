//! A condition of one row, where few are asked for.

use super::prepared::{Plan, degrees, passes};
use super::scan::Scan;
use crate::segment::RowTable;
use crate::segment::column::Bits;

impl Plan<'_> {
    /// Whether the condition is true of the row at a position; `None` where that is unknown.
    pub(super) fn at(&self, table: &RowTable, at: usize) -> Option<bool> {
        match self {
            Self::And(parts) => {
                parts
                    .iter()
                    .try_fold(Some(true), |before, part| match (before, part.at(table, at)) {
                        // Nothing that follows makes it true again.
                        (_, Some(false)) => Err(()),
                        (Some(true), Some(true)) => Ok(Some(true)),
                        _ => Ok(None),
                    })
                    .unwrap_or(Some(false))
            }
            Self::Or(parts) => parts
                .iter()
                .try_fold(Some(false), |before, part| match (before, part.at(table, at)) {
                    (_, Some(true)) => Err(()),
                    (Some(false), Some(false)) => Ok(Some(false)),
                    _ => Ok(None),
                })
                .unwrap_or(Some(true)),
            Self::Not(inner) => inner.at(table, at).map(|truth| !truth),
            Self::Certain(inner) => Some(inner.at(table, at) == Some(true)),
            Self::Scan { nulls, scan, .. } => (!has(*nulls, at)).then(|| scan.at(at)),
            Self::Null(bits) | Self::OnList(bits) => Some(has(*bits, at)),
            Self::Positions(bits) => Some(bits.get(at)),
            Self::Ids(test) => Some(passes(test, table.id(at))),
            Self::Within { lat, lon, circle } => degrees(lat, at).zip(degrees(lon, at)).and_then(|(lat, lon)| circle.contains(lat, lon)),
        }
    }
}

fn has(bits: Option<&Bits>, at: usize) -> bool {
    bits.is_some_and(|bits| bits.get(at))
}

impl Scan<'_> {
    /// Whether the value at a position passes.
    fn at(&self, at: usize) -> bool {
        match self {
            Self::Known(truth) => *truth,
            Self::Bools(bits, wanted) => bits.get(at) == *wanted,
            Self::I32(all, ends) => ends.hold(&all.get(at)),
            Self::I64(all, ends) => ends.hold(&all.get(at)),
            Self::I128(all, ends) => ends.hold(&all.get(at)),
            Self::F32(all, ends) => ends.hold(&all.get(at)),
            Self::F64(all, ends) => ends.hold(&all.get(at)),
            Self::Codes(codes, ends) => ends.hold(&codes.get(at)),
            Self::Few(all, set) => set.contains(&all.get(at)),
            Self::Wholes(all, set) => set.binary_search(&all.whole_at(at)).is_ok(),
            Self::Floats(all, set) => set.binary_search_by(|other| other.total_cmp(&(all.float_at(at) + 0.0))).is_ok(),
            Self::Coded(codes, table) => table[codes.get(at) as usize] != 0,
            Self::Lists(bounds, elements) => (bounds[at]..bounds[at + 1]).any(|cell| elements.at(cell as usize)),
        }
    }
}
