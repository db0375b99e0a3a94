//! A constant per row in 16 bits, for the scans: L2 is searched as 2 <q, x> - |x|^2, and the second term depends on the row alone.

use crate::kernel::BLOCK;

use super::layout::Layout;

/// Value of a lane: `lowest[list] + step * values[lane]`, never more than the constant it stands for and less than a step below. One in a
/// thousand rows may be below `lowest[list]`: what is that far away does not set the step of all others. It seems nearer than it is, and what
/// looks at it again finds out.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Constants {
    pub(crate) step: f32,
    /// A list's smallest constant.
    pub(crate) lowest: Vec<f32>,
    /// One a lane, padding lanes included.
    pub(crate) values: Vec<u16>,
}

impl Constants {
    /// `rows` holds a constant a row, in scan order.
    pub(crate) fn new(layout: &Layout, rows: &[f32]) -> Self {
        let mut lowest = vec![0f32; layout.lists()];
        let mut widest = 0f64;
        for (list, lowest) in lowest.iter_mut().enumerate() {
            let of_list = &rows[layout.rows_of(list)];
            let most = of_list.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let least = of_list.iter().copied().fold(f32::INFINITY, f32::min);
            if !of_list.is_empty() {
                *lowest = least;
                widest = widest.max(f64::from(most) - f64::from(least));
            }
        }
        let widest = usual(layout, rows, widest);
        for (list, lowest) in lowest.iter_mut().enumerate() {
            let of_list = &rows[layout.rows_of(list)];
            let most = of_list.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            if f64::from(most) - f64::from(*lowest) > widest && !of_list.is_empty() {
                *lowest = (f64::from(most) - widest) as f32;
            }
        }
        let step = (widest / 65_535.0) as f32;
        let mut values = vec![0u16; layout.blocks() * BLOCK];
        if step > 0.0 {
            for (list, lowest) in lowest.iter().enumerate() {
                let lanes = layout.blocks_of(list).start * BLOCK;
                for (value, constant) in values[lanes..].iter_mut().zip(&rows[layout.rows_of(list)]) {
                    *value = ((f64::from(*constant) - f64::from(*lowest)) / f64::from(step)) as u16;
                }
            }
        }
        Self { step, lowest, values }
    }

    /// The constants again, a row after the other, as exactly as they are kept.
    pub(crate) fn rows(&self, layout: &Layout) -> Vec<f32> {
        let mut rows = Vec::with_capacity(layout.rows());
        for (list, lowest) in self.lowest.iter().enumerate() {
            let lanes = layout.blocks_of(list).start * BLOCK;
            rows.extend(self.values[lanes..].iter().take(layout.rows_of(list).len()).map(|&v| lowest + self.step * f32::from(v)));
        }
        rows
    }

    pub(crate) fn bytes(&self) -> usize {
        self.lowest.len() * 4 + self.values.len() * 2
    }
}

/// A row this many times as far below the best of its list as the usual ones sets no step.
const EXTREME: f64 = 16.0;
/// One row in so many may be an extreme.
const EXTREMES: usize = 1000;

/// The range that a list's constants have, but for few far below the others, where the widest is `widest`.
fn usual(layout: &Layout, rows: &[f32], widest: f64) -> f64 {
    let mut depths = Vec::with_capacity(rows.len());
    for list in 0..layout.lists() {
        let of_list = &rows[layout.rows_of(list)];
        let most = of_list.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        depths.extend(of_list.iter().map(|&constant| f64::from(most) - f64::from(constant)));
    }
    if depths.is_empty() {
        return widest;
    }
    let at = depths.len() - 1 - (depths.len() / EXTREMES).max(1).min(depths.len() - 1);
    let usual = EXTREME * *depths.select_nth_unstable_by(at, f64::total_cmp).1;
    if usual > 0.0 && usual < widest { usual } else { widest }
}
