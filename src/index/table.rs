//! A query's lookup tables: what each centroid (or group of centroids) of each sub-quantizer adds to a score.

use crate::kernel::{EXACT_MAX, FILTER_MAX, Rounding};
use crate::quantizer::{CENTROIDS, GROUPS};

use super::engine::SearchEngine;
use super::ivf::IvfIndex;

/// Bytes of one scale for all sub-quantizers, and the numbers they came from.
#[derive(Debug)]
pub(crate) struct Tables<const W: usize> {
    floats: Vec<f32>,
    /// Each table's smallest entry: what its byte 0 stands for.
    low: Vec<f32>,
    bytes: Vec<[u8; W]>,
    /// The widest table's range.
    widest: f32,
    m: usize,
}

pub(crate) type FilterTables = Tables<GROUPS>;
pub(crate) type ExactTables = Tables<CENTROIDS>;

impl<const W: usize> Default for Tables<W> {
    fn default() -> Self {
        Self { floats: Vec::new(), low: Vec::new(), bytes: Vec::new(), widest: 0.0, m: 0 }
    }
}

impl<const W: usize> Tables<W> {
    fn fill(&mut self, engine: &SearchEngine, query: &[f32], columns: &[f32]) {
        let bounds = &engine.quantizer.pq.bounds;
        self.m = engine.quantizer.pq.m();
        self.floats.resize(self.m * W, 0.0);
        engine.kernel.table::<W>(query, columns, bounds, &mut self.floats);
    }

    fn measure(&mut self, engine: &SearchEngine) {
        self.low.resize(self.m, 0.0);
        self.widest = engine.kernel.ranges::<W>(&self.floats, &mut self.low);
    }

    /// The largest byte.
    const MOST: u8 = if W == GROUPS { FILTER_MAX } else { EXACT_MAX };

    /// The unit that lets the widest table use all of its bits.
    pub(crate) fn finest_unit(&self) -> f32 {
        self.widest / f32::from(Self::MOST)
    }

    /// Makes bytes of the given unit, rounded down after adding `add`. Answers the units in one, 0 when there are none.
    pub(crate) fn quantise(&mut self, engine: &SearchEngine, unit: f32, add: f32) -> f32 {
        let inverse = 1.0 / unit;
        let inverse = if unit > 0.0 && unit.is_finite() && inverse.is_finite() { inverse } else { 0.0 };
        self.bytes.resize(self.m.next_multiple_of(2), [0; W]);
        let rounding = Rounding { inverse, add, most: Self::MOST };
        engine.kernel.quantise::<W>(&self.floats, &self.low, rounding, &mut self.bytes);
        if !self.m.is_multiple_of(2) {
            self.bytes[self.m] = [0; W];
        }
        inverse
    }

    /// Lends the buffer of f32 entries, which only making the bytes needs.
    pub(crate) fn swap_floats(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.floats, &mut other.floats);
    }

    /// An even number of tables, for the kernels.
    pub(crate) fn bytes(&self) -> &[[u8; W]] {
        &self.bytes
    }

    /// The largest sum of bytes that a code can have.
    pub(crate) fn highest_sum(&self) -> u32 {
        self.bytes.iter().map(|table| u32::from(table.iter().copied().fold(0, u8::max))).sum()
    }
}

impl FilterTables {
    pub(crate) fn build(&mut self, engine: &SearchEngine, query: &[f32]) {
        self.fill(engine, query, &engine.groups);
        self.measure(engine);
    }
}

impl ExactTables {
    pub(crate) fn build(&mut self, engine: &SearchEngine, query: &[f32]) {
        self.build_floats(engine, query);
        self.measure(engine);
    }

    /// Only what [`score`](Self::score) needs.
    pub(crate) fn build_floats(&mut self, engine: &SearchEngine, query: &[f32]) {
        self.fill(engine, query, &engine.codebook);
    }

    /// The score of a code: entries in four sums by sub-quantizer modulo 4, then `base + ((s0 + s1) + (s2 + s3))`.
    #[inline]
    pub(crate) fn score(&self, index: &IvfIndex, block: usize, lane: usize, base: f32) -> f32 {
        let height = index.height();
        let (hi, lo) = (&index.hi[block * height..(block + 1) * height], &index.lo[block * height..(block + 1) * height]);
        let mut sums = [0f32; 4];
        for (j, table) in self.floats.as_chunks::<CENTROIDS>().0.iter().enumerate() {
            let shift = 4 * (j % 2);
            let (high, low) = (hi[j / 2].0[lane] >> shift & 15, lo[j / 2].0[lane] >> shift & 15);
            sums[j % 4] += table[usize::from(high << 4 | low)];
        }
        base + ((sums[0] + sums[1]) + (sums[2] + sums[3]))
    }

    /// Smallest possible sum of entries.
    pub(crate) fn lowest(&self) -> f64 {
        self.low.iter().map(|&x| f64::from(x)).sum()
    }

    /// Largest possible size of a sum of entries' sizes.
    pub(crate) fn size(&self) -> f64 {
        self.low.iter().map(|&x| f64::from(x.abs()) + f64::from(self.widest)).sum()
    }
}
