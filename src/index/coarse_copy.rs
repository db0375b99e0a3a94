//! The centroids in the form that the coarse step reads first.

use crate::kernel::{Kernel, Line};
use crate::quantizer::Quantizer;
use crate::types::Metric;

/// Rows of a block of the integer copy.
const ROWS: usize = 16;
/// What is added to a centroid's integer value to make it unsigned.
pub(super) const OFFSET: i32 = 128;

/// The centroids as bytes, in blocks of 16 rows; line `t` of a block holds dimensions 4 t .. 4 t + 3 of its rows.
#[derive(Debug)]
pub(crate) struct CoarseCopy {
    pub(super) steps: usize,
    pub(super) blocks: Vec<Line>,
    /// What a unit of each row stands for.
    pub(super) scales: Vec<f32>,
    /// What is taken off each row's score: its squared length under L2, infinity for rows that fill up the last block.
    pub(super) less: Vec<f32>,
}

impl CoarseCopy {
    pub(crate) fn new(quantizer: &Quantizer, kernel: Kernel) -> Self {
        let (lists, dim) = (quantizer.lists(), quantizer.dim());
        let steps = dim.div_ceil(4);
        let padded = lists.next_multiple_of(ROWS);
        let mut blocks = vec![Line([OFFSET as u8; 64]); padded / ROWS * steps];
        let (mut scales, mut less) = (vec![0f32; padded], vec![f32::INFINITY; padded]);
        for (list, row) in quantizer.coarse.iter().enumerate().take(lists) {
            let most = row.iter().fold(0f32, |most, x| most.max(x.abs()));
            let scale = most / 127.0;
            scales[list] = scale;
            less[list] = if quantizer.metric == Metric::L2 { kernel.dot(row, row) } else { 0.0 };
            if scale > 0.0 && scale.is_finite() {
                for (d, x) in row.iter().enumerate() {
                    let value = (x / scale).round_ties_even() as i32;
                    blocks[list / ROWS * steps + d / 4].0[list % ROWS * 4 + d % 4] = (value.clamp(-127, 127) + OFFSET) as u8;
                }
            }
        }
        Self { steps, blocks, scales, less }
    }

    /// A centroid's values as signed bytes, as many as `out` has room for.
    pub(super) fn row(&self, list: usize, out: &mut [u8]) {
        let lines = &self.blocks[list / ROWS * self.steps..];
        for (values, line) in out.chunks_mut(4).zip(lines) {
            let from = list % ROWS * 4;
            values.iter_mut().zip(&line.0[from..from + 4]).for_each(|(value, byte)| *value = byte ^ OFFSET as u8);
        }
    }

    /// Half a centroid's squared length under L2; 0 otherwise.
    pub(super) fn half_squares(&self, list: u32) -> f32 {
        0.5 * self.less[list as usize]
    }

    pub(crate) fn bytes(&self) -> usize {
        self.blocks.len() * 64 + self.scales.len() * 8
    }
}
