//! The codes of a segment, in scan order, as two planes of nibbles.

use std::sync::OnceLock;

use crate::kernel::{BLOCK, Kernel, Lines};
use crate::quantizer::{CENTROIDS, GROUPS, Quantizer};
use crate::types::{Metric, Refine};
use crate::vector::Matrix;

use super::constants::Constants;
use super::layout::Layout;
use super::refine::{RefineQuery, RefineStore};
use super::selection::Selection;

/// An immutable inverted file: rows list by list, codes in blocks of 64, refine vectors beside them. It knows rows by their dense
/// position (0..n in scan order) and needs a [`Quantizer`] to be searched.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct IvfIndex {
    pub(super) dim: usize,
    pub(super) m: usize,
    pub(super) metric: Metric,
    pub(super) layout: Layout,
    /// High nibbles. Line `t` of a block: byte `i` holds code `i`'s nibble of sub-quantizer 2 t in its low half, of 2 t + 1 in its high half.
    pub(super) hi: Lines,
    /// Low nibbles, in the same shape.
    pub(super) lo: Lines,
    pub(super) refine: RefineStore,
    pub(super) l2: Option<L2>,
    /// See [`IvfIndex::longest`], once somebody asked.
    pub(super) longest: OnceLock<f32>,
}

/// What L2 adds to a row's score: minus the squared length of what its code stands for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct L2 {
    /// By the high nibbles alone (the groups' centres).
    pub(super) filter: Constants,
    /// By the whole code, a row after the other.
    pub(super) rows: Vec<f32>,
    /// The same, rounded, for the scan.
    pub(super) exact: Constants,
}

impl IvfIndex {
    /// Sorts rows into their lists, keeping their order within a list; answers the input row of each position too.
    /// `codes` is `rows x m` bytes, row after row; `assignment` the list of each row.
    pub(crate) fn build(
        quantizer: &Quantizer,
        vectors: &Matrix,
        assignment: &[u32],
        codes: &[u8],
        refine: Refine,
    ) -> Option<(Self, Vec<u32>)> {
        let (m, dim, lists) = (quantizer.pq.m(), quantizer.dim(), quantizer.lists());
        if vectors.rows() != assignment.len() || codes.len() != assignment.len() * m || (vectors.dim() != dim && vectors.rows() > 0) {
            return None;
        }
        let mut lengths = vec![0u32; lists];
        for &list in assignment {
            *lengths.get_mut(list as usize)? += 1;
        }
        let layout = Layout::new(&lengths)?;
        let mut order = vec![0u32; assignment.len()];
        let mut free: Vec<usize> = (0..lists).map(|list| layout.rows_of(list).start).collect();
        for (row, &list) in assignment.iter().enumerate() {
            order[free[list as usize]] = row as u32;
            free[list as usize] += 1;
        }
        let code = |row: u32| &codes[row as usize * m..(row as usize + 1) * m];
        let mut planes = Planes::new(&layout, m);
        let mut store = RefineStore::new(refine, dim, quantizer.metric, order.len());
        for list in 0..lists {
            for (within, position) in layout.rows_of(list).enumerate() {
                planes.set(layout.blocks_of(list).start + within / BLOCK, within % BLOCK, code(order[position]));
                store.set(position, vectors.row(order[position] as usize));
            }
        }
        let l2 = (quantizer.metric == Metric::L2).then(|| {
            let (mut by_group, mut by_code) = (Vec::with_capacity(order.len()), Vec::with_capacity(order.len()));
            let mut decoded = vec![0f32; dim];
            for list in 0..lists {
                for position in layout.rows_of(list) {
                    let code = code(order[position]);
                    decode(quantizer, list, |j| code[j] >> 4, &quantizer.pq.groups, GROUPS, &mut decoded);
                    by_group.push(minus_squares(&decoded));
                    decode(quantizer, list, |j| code[j], &quantizer.pq.codebook, CENTROIDS, &mut decoded);
                    by_code.push(minus_squares(&decoded));
                }
            }
            L2 { filter: Constants::new(&layout, &by_group), exact: Constants::new(&layout, &by_code), rows: by_code }
        });
        let Planes { hi, lo, .. } = planes;
        Some((Self { dim, m, metric: quantizer.metric, layout, hi, lo, refine: store, l2, longest: OnceLock::new() }, order))
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Bytes of a code.
    pub(crate) fn m(&self) -> usize {
        self.m
    }

    pub(crate) fn rows(&self) -> usize {
        self.layout.rows()
    }

    pub(crate) fn lists(&self) -> usize {
        self.layout.lists()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn refine(&self) -> Refine {
        self.refine.kind()
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let l2 = self.l2.as_ref().map_or(0, |l2| l2.filter.bytes() + l2.exact.bytes() + 4 * l2.rows.len());
        self.layout.bytes() + 64 * (self.hi.len() + self.lo.len()) + self.refine.memory() + l2
    }

    /// Block and lane of a row: where its bit is in the [`Selection`].
    pub(crate) fn block_lane(&self, position: usize) -> (usize, usize) {
        self.layout.block_lane(position)
    }

    /// All its rows.
    pub(crate) fn all(&self) -> Selection {
        Selection::from_words(&self.layout.lanes())
    }

    /// Lines of a block.
    pub(super) fn height(&self) -> usize {
        self.m.div_ceil(2)
    }

    /// Forgets the refine vectors: records of another kind take their place, which [`IvfIndex::set_refine`] fills.
    pub(crate) fn empty_refine(&mut self, kind: Refine) {
        // First the old ones go, so that never both are there.
        self.refine = RefineStore::new(Refine::None, self.dim, self.metric, 0);
        self.refine = RefineStore::new(kind, self.dim, self.metric, self.layout.rows());
    }

    pub(crate) fn set_refine(&mut self, position: usize, vector: &[f32]) {
        self.refine.set(position, vector);
    }

    /// The score of a row's refine vector, for a query that was made ready for this kind.
    pub(crate) fn refine_score(&self, kernel: Kernel, query: &[f32], forms: &mut RefineQuery, position: usize) -> f32 {
        self.refine.score(kernel, query, forms, position)
    }

    /// See [`RefineStore::rounding`]; the query is in the quantizer's scale.
    pub(crate) fn refine_rounding(&self, query: &[f32], position: usize) -> f64 {
        self.refine.rounding(query, position)
    }

    /// The length of the longest refine vector, or a little more; found when it is asked for first.
    pub(crate) fn longest(&self) -> f32 {
        *self.longest.get_or_init(|| {
            let mut row = vec![0.0; self.dim];
            let length = |position: usize| {
                if self.refine_vector(position, &mut row) {
                    row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt()
                } else {
                    0.0
                }
            };
            let longest = (0..self.rows()).map(length).fold(0.0, f64::max);
            (longest * 1.001) as f32
        })
    }

    /// The stored refine vector's values; false when none is kept.
    pub(crate) fn refine_vector(&self, position: usize, out: &mut [f32]) -> bool {
        self.refine.vector(position, out)
    }

    /// The scale and the bytes of a row's refine vector; `None` where that is of another kind.
    pub(crate) fn refine_int8(&self, position: usize) -> Option<(f32, &[u8])> {
        self.refine.int8(position)
    }

    /// Sub-quantizer `j`'s byte of the code at a block and lane.
    #[inline(always)]
    pub(super) fn code_byte(&self, block: usize, lane: usize, j: usize) -> u8 {
        let at = block * self.height() + j / 2;
        let shift = 4 * (j % 2);
        (self.hi[at].0[lane] >> shift & 15) << 4 | (self.lo[at].0[lane] >> shift & 15)
    }

    /// A row's code.
    #[cfg(test)]
    pub(crate) fn code(&self, position: usize, out: &mut [u8]) {
        let (block, lane) = self.block_lane(position);
        for (j, byte) in out.iter_mut().enumerate().take(self.m) {
            *byte = self.code_byte(block, lane, j);
        }
    }

    /// What a row's code stands for: its list's centroid plus its sub-quantizers' centroids.
    pub(crate) fn decode(&self, quantizer: &Quantizer, position: usize, out: &mut [f32]) {
        let (block, lane) = self.block_lane(position);
        let list = self.layout.list_of(position);
        decode(quantizer, list, |j| self.code_byte(block, lane, j), &quantizer.pq.codebook, CENTROIDS, out);
    }
}

fn decode(quantizer: &Quantizer, list: usize, code: impl Fn(usize) -> u8, book: &[f32], entries: usize, out: &mut [f32]) {
    out.copy_from_slice(quantizer.coarse.row(list));
    for (j, part) in quantizer.pq.bounds.windows(2).enumerate() {
        let (from, to) = (part[0] as usize, part[1] as usize);
        let row = entries * from + usize::from(code(j)) * (to - from);
        for (out, value) in out[from..to].iter_mut().zip(&book[row..]) {
            *out += value;
        }
    }
}

fn minus_squares(vector: &[f32]) -> f32 {
    -(vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() as f32)
}

/// The two planes while they are filled.
pub(super) struct Planes {
    pub(super) hi: Lines,
    pub(super) lo: Lines,
    height: usize,
}

impl Planes {
    pub(super) fn new(layout: &Layout, m: usize) -> Self {
        let height = m.div_ceil(2);
        Self { hi: Lines::zeros(layout.blocks() * height), lo: Lines::zeros(layout.blocks() * height), height }
    }

    pub(super) fn set(&mut self, block: usize, lane: usize, code: &[u8]) {
        let lines = block * self.height..(block + 1) * self.height;
        for ((pair, hi), lo) in code.chunks(2).zip(&mut self.hi[lines.clone()]).zip(&mut self.lo[lines]) {
            let odd = pair.get(1).copied().unwrap_or(0);
            hi.0[lane] = pair[0] >> 4 | odd & 0xf0;
            lo.0[lane] = pair[0] & 15 | odd << 4;
        }
    }
}
