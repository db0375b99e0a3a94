//! The choice of a CPU path, and its calls.

#[cfg(target_arch = "aarch64")]
use super::neon;
#[cfg(target_arch = "x86_64")]
use super::{amx, avx2, avx512};

use super::blocked::Tile;
use super::curve::Curve;
use super::line::{BLOCK, Line};
use super::looped::Loop;
use super::prefetch::prefetch;
use super::query_tile::{ByteRows, QueryTile, TILE, TileScores};
use super::scalar;
use super::strided::Strided;
use super::stripe::Stripe;
use super::task::{ExactTask, FilterTask, IntQuery, Rounding, Sink};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Isa {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Amx,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// One CPU path. It exists only where the CPU has what it needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kernel(Isa);

/// Picks the path and calls its function. SAFETY of all uses: a `Kernel` of a path is made by `available` alone, after the CPU was
/// found to have that path's features.
macro_rules! dispatch {
    ($isa:expr, $name:ident $(::<$w:ident>)? ( $($arg:expr),* )) => {
        match $isa {
            Isa::Scalar => scalar::$name$(::<$w>)?($($arg),*),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see the macro.
            Isa::Avx2 => unsafe { avx2::$name$(::<$w>)?($($arg),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see the macro.
            Isa::Avx512 => unsafe { avx512::$name$(::<$w>)?($($arg),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: see the macro.
            Isa::Amx => unsafe { amx::$name$(::<$w>)?($($arg),*) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: see the macro.
            Isa::Neon => unsafe { neon::$name$(::<$w>)?($($arg),*) },
        }
    };
}

impl Kernel {
    /// The reference, which every CPU has.
    pub const SCALAR: Self = Self(Isa::Scalar);

    /// The fastest path this CPU has.
    pub fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self::SCALAR)
    }

    /// Every path this CPU has, the fastest last.
    pub fn available() -> Vec<Self> {
        let mut found = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
                found.push(Self(Isa::Avx2));
                if avx512::is_available() {
                    found.push(Self(Isa::Avx512));
                    if amx::is_available() {
                        found.push(Self(Isa::Amx));
                    }
                }
            }
        }
        // The order of a register's lanes is taken for that of little-endian memory.
        #[cfg(target_arch = "aarch64")]
        if cfg!(target_endian = "little") && std::arch::is_aarch64_feature_detected!("neon") {
            found.push(Self(Isa::Neon));
        }
        found
    }

    /// The path of this name, if the CPU has it.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|kernel| kernel.name() == name)
    }

    /// `scalar`, `avx2`, `avx512`, `amx` (AVX-512 with a matrix unit) or `neon`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Isa::Amx => "amx",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
        }
    }

    /// Inner product of two vectors of one length.
    #[inline]
    pub fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len(), "vectors of two lengths");
        dispatch!(self.0, dot(a, b))
    }

    /// Squared distance of two vectors of one length.
    #[inline]
    pub fn l2(self, a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len(), "vectors of two lengths");
        dispatch!(self.0, l2(a, b))
    }

    /// Inner products of one vector with `out.len()` rows of its length.
    #[inline]
    pub fn dots(self, query: &[f32], rows: &[f32], out: &mut [f32]) {
        assert_eq!(rows.len(), out.len() * query.len(), "rows of another length");
        dispatch!(self.0, dots(query, rows, out));
    }

    /// Squared distances of one vector to `out.len()` rows of its length.
    #[inline]
    pub fn l2s(self, query: &[f32], rows: &[f32], out: &mut [f32]) {
        assert_eq!(rows.len(), out.len() * query.len(), "rows of another length");
        dispatch!(self.0, l2s(query, rows, out));
    }

    /// Inner products of a query's parts with `W` vectors each. `columns` is dimension-major: value `d` of the W vectors stands at
    /// `W * d`. Part `j` is the dimensions `bounds[j]..bounds[j + 1]`; its W products go to `out[W * j..]`.
    #[inline]
    pub fn table<const W: usize>(self, query: &[f32], columns: &[f32], bounds: &[u32], out: &mut [f32]) {
        assert_eq!(columns.len(), W * query.len(), "columns of another length");
        assert_eq!(out.len(), W * bounds.len().saturating_sub(1), "table of another size");
        dispatch!(self.0, table::<W>(query, columns, bounds, out));
    }

    /// Smallest value of each table of W entries into `low`; answers the widest range (largest minus smallest) of all.
    #[inline]
    pub fn ranges<const W: usize>(self, table: &[f32], low: &mut [f32]) -> f32 {
        assert_eq!(table.len(), W * low.len(), "table of another size");
        dispatch!(self.0, ranges::<W>(table, low))
    }

    /// Entries to bytes: `(entry - low) * inverse`, rounded down after adding `round`, from 0 to `most`.
    #[inline]
    pub fn quantise<const W: usize>(self, table: &[f32], low: &[f32], rounding: Rounding, out: &mut [[u8; W]]) {
        assert_eq!(table.len(), W * low.len(), "table of another size");
        assert!(out.len() >= low.len(), "table of another size");
        dispatch!(self.0, quantise::<W>(table, low, rounding, out));
    }

    /// Inner product of a vector with a row of half-precision values (little-endian bytes) of its length.
    #[inline]
    pub fn dot_f16(self, a: &[f32], row: &[u8]) -> f32 {
        assert_eq!(2 * a.len(), row.len(), "vectors of two lengths");
        dispatch!(self.0, dot_f16(a, row))
    }

    /// Squared distance of a vector to a row of half-precision values (little-endian bytes) of its length.
    #[inline]
    pub fn l2_f16(self, a: &[f32], row: &[u8]) -> f32 {
        assert_eq!(2 * a.len(), row.len(), "vectors of two lengths");
        dispatch!(self.0, l2_f16(a, row))
    }

    /// Exact integer product of a query with a row of i8 values (as bytes) of its length.
    #[inline]
    pub fn dot_i8(self, query: &IntQuery, row: &[u8]) -> i32 {
        assert_eq!(query.values.len(), row.len(), "vectors of two lengths");
        dispatch!(self.0, dot_i8(query, row))
    }

    /// Exact integer products of rows with the queries of a tile, row after row; there are `out.len()` rows of the tile's dimension.
    #[inline]
    pub fn tile_products(self, tile: &QueryTile, rows: ByteRows<'_>, out: &mut [[i32; TILE]]) {
        assert_eq!(rows.count, out.len(), "products of another number");
        assert!(rows.holds(tile.dim), "rows cut short");
        dispatch!(self.0, tile_products(tile, rows, out));
    }

    /// Makes scores of a tile's products, and sets a bit of `reached[row]` for each query whose floor the row's score is not below.
    #[inline]
    pub fn tile_scores(self, by: TileScores<'_>, products: &[[i32; TILE]], scores: &mut [[f32; TILE]], reached: &mut [u16]) {
        let rows = products.len();
        assert!(scores.len() == rows && reached.len() == rows && by.scales.len() == rows, "arrays of several lengths");
        assert!(by.less.is_empty() || by.less.len() == rows, "arrays of several lengths");
        dispatch!(self.0, tile_scores(by, products, scores, reached));
    }

    /// Integer products of a query (values up to [`COARSE_QUERY_MAX`](crate::COARSE_QUERY_MAX), a multiple of 4 of them) with blocks of 16 rows of u8 values:
    /// line `t` of a block holds dimensions 4 t .. 4 t + 3 of its 16 rows, row after row.
    #[inline]
    pub fn coarse(self, query: &[i8], blocks: &[Line], out: &mut [i32]) {
        assert!(query.len().is_multiple_of(4) && out.len().is_multiple_of(16), "lengths not padded");
        assert_eq!(blocks.len(), out.len() / 16 * (query.len() / 4), "blocks of another size");
        dispatch!(self.0, coarse(query, blocks, out));
    }

    /// The coarse step's scores: `(sum - offset) * (scale * unit) - less`, in this order.
    #[inline]
    pub fn coarse_scores(self, sums: &[i32], offset: i32, unit: f32, scales: &[f32], less: &[f32], out: &mut [f32]) {
        assert!(sums.len() == out.len() && scales.len() == out.len() && less.len() == out.len(), "arrays of several lengths");
        dispatch!(self.0, coarse_scores(sums, offset, unit, scales, less, out));
    }

    /// Raises `most` to the maxima of columns, as many as `most` is long, that the scores are dealt into in turn.
    #[inline]
    pub fn column_maxima(self, scores: &[f32], most: &mut [f32]) {
        dispatch!(self.0, column_maxima(scores, most));
    }

    /// Places of the scores that reach a bound, ascending, into the front of `out` (as long as the scores); answers how many.
    #[inline]
    pub fn at_least(self, scores: &[f32], bound: f32, out: &mut [u32]) -> usize {
        assert_eq!(scores.len(), out.len(), "arrays of two lengths");
        dispatch!(self.0, at_least(scores, bound, out))
    }

    /// Scans the high-nibble plane; `sink` gets the blocks that hold a code whose sum reaches the threshold. Answers how many lines of
    /// `task.next` were asked for.
    #[inline]
    pub fn filter<S: Sink>(self, task: FilterTask<'_>, sink: &mut S) -> usize {
        let rows = task.tables.len() / 2;
        assert!(task.tables.len().is_multiple_of(2) && rows > 0, "tables come in pairs");
        let blocks = task.codes.len() / rows;
        assert_eq!(task.codes.len(), blocks * rows, "not whole blocks");
        assert!(task.offsets.is_none_or(|o| o.values.len() == blocks * BLOCK), "a constant a lane");
        dispatch!(self.0, filter(task, sink))
    }

    /// Scans both planes; `sink` gets the blocks that hold a code whose sum reaches the threshold.
    #[inline]
    pub fn exact<S: Sink>(self, task: ExactTask<'_>, sink: &mut S) {
        let rows = task.tables.len() / 2;
        assert!(task.tables.len().is_multiple_of(2) && rows > 0, "tables come in pairs");
        let blocks = task.hi.len() / rows;
        assert!(task.hi.len() == blocks * rows && task.lo.len() == blocks * rows, "not whole blocks");
        assert!(task.offsets.is_none_or(|o| o.values.len() == blocks * BLOCK), "a constant a lane");
        dispatch!(self.0, exact(task, sink));
    }

    /// Rows of a whole tile of this path.
    pub(crate) fn tile_height(self) -> usize {
        match self.0 {
            Isa::Scalar => 1,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => 6,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Amx => 12,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => 6,
        }
    }

    #[inline]
    pub(crate) fn tile(self, tile: Tile<'_>) {
        dispatch!(self.0, tile(tile));
    }

    /// A tile of 4 rows.
    #[inline]
    pub(crate) fn low_tile(self, tile: Tile<'_>) {
        dispatch!(self.0, low_tile(tile));
    }

    /// A tile of one row.
    #[inline]
    pub(crate) fn single_tile(self, tile: Tile<'_>) {
        dispatch!(self.0, single_tile(tile));
    }

    #[inline]
    pub(crate) fn stripe(self, stripe: Stripe<'_>) {
        dispatch!(self.0, stripe(stripe));
    }

    #[inline]
    pub(crate) fn curve_in_path(self, curve: Curve, values: &mut [f32]) {
        dispatch!(self.0, curve(curve, values));
    }

    #[inline]
    pub(crate) fn softmax_in_path(self, width: usize, values: &mut [f32]) {
        dispatch!(self.0, softmax(width, values));
    }

    /// Runs loops of the caller's, compiled for this path. See [`Loop`].
    #[inline]
    pub fn run<L: Loop>(self, work: L) -> L::Output {
        dispatch!(self.0, looped(work))
    }

    /// Heights of the tiles of products that are not packed, the largest first; the last is 1.
    pub(crate) fn heights(self) -> &'static [usize] {
        match self.0 {
            Isa::Scalar => &[1],
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &[6, 4, 2, 1],
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Amx => &[12, 8, 4, 2, 1],
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => &[6, 4, 2, 1],
        }
    }

    #[inline]
    pub(crate) fn strided<const H: usize>(self, task: Strided<'_>) {
        dispatch!(self.0, strided::<H>(task));
    }

    /// Asks for the cache lines of some values, soon to be used.
    #[inline(always)]
    pub fn prefetch<T>(self, values: &[T]) {
        prefetch::<T, true>(values);
    }

    /// Asks for the cache lines of some values, into the second level: they will be used later.
    #[inline(always)]
    pub fn prefetch_far<T>(self, values: &[T]) {
        prefetch::<T, false>(values);
    }
}
