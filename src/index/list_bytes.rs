//! A list's stored vectors as bytes with units: int8 records as they lie, those of other kinds rounded on the way.

use std::ops::Range;

use crate::kernel::ByteRows;
use crate::types::{Metric, Refine};

use super::refine::{RefineStore, bytes_of};

/// What a list's rows are rounded into, and their units.
#[derive(Default, Debug)]
pub(super) struct ListBytes {
    rounded: Vec<u8>,
    row: Vec<f32>,
    scales: Vec<f32>,
    less: Vec<f32>,
}

/// A list's rows: a score is `scale` times a product of bytes, less `less`.
pub(super) struct ListRows<'a> {
    pub(super) rows: ByteRows<'a>,
    /// A row's unit, twice that under L2.
    pub(super) scales: &'a [f32],
    /// A row's squared length under L2; empty otherwise.
    pub(super) less: &'a [f32],
}

impl ListBytes {
    /// The rows at some positions.
    pub(super) fn load<'a>(&'a mut self, store: &'a RefineStore, positions: Range<usize>) -> ListRows<'a> {
        self.scales.clear();
        self.less.clear();
        let (count, dim, l2) = (positions.len(), store.dim(), store.metric() == Metric::L2);
        let unit = |scale: f32| if l2 { 2.0 * scale } else { scale };
        let squared = |scale: f32, squares: u32| (f64::from(scale) * f64::from(scale) * f64::from(squares)) as f32;
        if store.kind() == Refine::Int8 {
            for position in positions.clone() {
                let (scale, squares) = store.byte_head(position);
                self.scales.push(unit(scale));
                self.less.extend(l2.then(|| squared(scale, squares)));
            }
            return ListRows { rows: store.byte_rows(positions), scales: &self.scales, less: &self.less };
        }
        self.row.resize(dim, 0.0);
        self.rounded.resize(count * dim, 0);
        for (position, bytes) in positions.zip(self.rounded.chunks_exact_mut(dim.max(1))) {
            store.vector(position, &mut self.row);
            let scale = bytes_of(&self.row, bytes);
            self.scales.push(unit(scale));
            let squares = || bytes.iter().map(|&x| i32::from(x.cast_signed()).pow(2).cast_unsigned()).fold(0u32, u32::saturating_add);
            self.less.extend(l2.then(|| squared(scale, squares())));
        }
        let rows = ByteRows { bytes: &self.rounded, stride: dim, count };
        ListRows { rows, scales: &self.scales, less: &self.less }
    }
}
