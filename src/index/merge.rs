//! Joins segments of one generation into one: codes and refine vectors are copied as they are, deleted rows left out.

use std::sync::OnceLock;

use crate::kernel::BLOCK;

use super::constants::Constants;
use super::ivf::{IvfIndex, L2, Planes};
use super::layout::Layout;
use super::refine::RefineStore;
use super::selection::Selection;

impl IvfIndex {
    /// Joins the inputs; answers the input and position that each new position came from. Within a list rows keep the inputs' order.
    /// `None` when the inputs differ in shape (they are then not of one generation), or there are none or too many rows.
    pub(crate) fn merge(inputs: &[(&IvfIndex, &Selection)]) -> Option<(Self, Vec<(u32, u32)>)> {
        let first = inputs.first()?.0;
        let (dim, m, metric, refine) = (first.dim, first.m, first.metric, first.refine());
        let alike =
            |ivf: &IvfIndex| ivf.dim == dim && ivf.m == m && ivf.metric == metric && ivf.refine() == refine && ivf.lists() == first.lists();
        if !inputs.iter().all(|(ivf, selection)| alike(ivf) && selection.blocks() == ivf.layout.blocks()) {
            return None;
        }
        let mut sources = Vec::new();
        let mut lengths = vec![0u32; first.lists()];
        for (list, length) in lengths.iter_mut().enumerate() {
            for (input, (ivf, selection)) in inputs.iter().enumerate() {
                let start = ivf.layout.blocks_of(list).start;
                for (within, position) in ivf.layout.rows_of(list).enumerate() {
                    if selection.contains(start + within / BLOCK, within % BLOCK) {
                        sources.push((input as u32, position as u32));
                        *length = length.checked_add(1)?;
                    }
                }
            }
        }
        let layout = Layout::new(&lengths)?;
        let mut planes = Planes::new(&layout, m);
        let mut store = RefineStore::new(refine, dim, metric, sources.len());
        let mut code = vec![0u8; m];
        for list in 0..layout.lists() {
            for (within, position) in layout.rows_of(list).enumerate() {
                let (input, from) = (inputs[sources[position].0 as usize].0, sources[position].1 as usize);
                let (block, lane) = {
                    let at = from - input.layout.rows_of(list).start;
                    (input.layout.blocks_of(list).start + at / BLOCK, at % BLOCK)
                };
                for (j, byte) in code.iter_mut().enumerate() {
                    *byte = input.code_byte(block, lane, j);
                }
                planes.set(layout.blocks_of(list).start + within / BLOCK, within % BLOCK, &code);
                store.copy(position, &input.refine, from);
            }
        }
        let l2 = first.l2.is_some().then(|| {
            let pick =
                |all: Vec<Vec<f32>>| -> Vec<f32> { sources.iter().map(|&(input, from)| all[input as usize][from as usize]).collect() };
            let constants = |(ivf, _): &(&IvfIndex, &Selection)| ivf.l2.as_ref().map(|l2| l2.filter.rows(&ivf.layout)).unwrap_or_default();
            let filter = pick(inputs.iter().map(constants).collect());
            let rows = pick(inputs.iter().map(|(ivf, _)| ivf.l2.as_ref().map(|l2| l2.rows.clone()).unwrap_or_default()).collect());
            L2 { filter: Constants::new(&layout, &filter), exact: Constants::new(&layout, &rows), rows }
        });
        let Planes { hi, lo, .. } = planes;
        Some((Self { dim, m, metric, layout, hi, lo, refine: store, l2, longest: OnceLock::new() }, sources))
    }
}
