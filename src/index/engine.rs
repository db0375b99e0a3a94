//! What all searches of a generation share: the quantizer in the forms that a query needs.

use std::sync::Arc;

use crate::kernel::Kernel;
use crate::quantizer::{CENTROIDS, GROUPS, ProductQuantizer, Quantizer};

use super::coarse_copy::CoarseCopy;

/// A quantizer prepared for searching, and the CPU path to search by.
#[derive(Debug)]
pub(crate) struct SearchEngine {
    pub(super) quantizer: Arc<Quantizer>,
    pub(super) kernel: Kernel,
    pub(super) coarse: CoarseCopy,
    /// Group centres, dimension-major: 16 values a dimension.
    pub(super) groups: Vec<f32>,
    /// Centroids, dimension-major: 256 values a dimension.
    pub(super) codebook: Vec<f32>,
}

impl SearchEngine {
    /// Prepares a quantizer for the fastest path of this CPU.
    pub(crate) fn new(quantizer: Arc<Quantizer>) -> Self {
        Self::with_kernel(quantizer, Kernel::detect())
    }

    pub(crate) fn with_kernel(quantizer: Arc<Quantizer>, kernel: Kernel) -> Self {
        let coarse = CoarseCopy::new(&quantizer, kernel);
        let groups = dimension_major(&quantizer.pq, &quantizer.pq.groups, GROUPS);
        let codebook = dimension_major(&quantizer.pq, &quantizer.pq.codebook, CENTROIDS);
        Self { quantizer, kernel, coarse, groups, codebook }
    }

    pub(crate) fn quantizer(&self) -> &Arc<Quantizer> {
        &self.quantizer
    }

    /// Bytes in memory beside the quantizer's own.
    pub(crate) fn bytes(&self) -> usize {
        self.coarse.bytes() + 4 * (self.groups.len() + self.codebook.len())
    }
}

fn dimension_major(pq: &ProductQuantizer, book: &[f32], entries: usize) -> Vec<f32> {
    let mut columns = vec![0f32; book.len()];
    for part in pq.bounds.windows(2) {
        let (from, to) = (part[0] as usize, part[1] as usize);
        for (entry, row) in book[entries * from..entries * to].chunks_exact((to - from).max(1)).enumerate() {
            for (d, value) in row.iter().enumerate() {
                columns[entries * (from + d) + entry] = *value;
            }
        }
    }
    columns
}
