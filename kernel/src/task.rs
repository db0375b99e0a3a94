//! What the kernels are given, and whom they answer.

use super::line::{BLOCK, Line};

/// Largest query value of the coarse step's integer products: 255 * 64 * 2 fits an i16, so `vpmaddubsw` never saturates.
pub const COARSE_QUERY_MAX: i32 = 64;
/// Largest entry of a filter table: those of `FILTER_LINES` lines add up in a byte. Five bits would be a tenth faster where the codes are in
/// the cache, and no faster from memory; rounded to them, 64 tables under L2 lose 2 to 3 % of the true neighbours among 50 to 100 candidates.
pub const FILTER_MAX: u8 = 63;
/// Lines of a block, of two sub-quantizers each, whose entries add up in a byte.
pub(crate) const FILTER_LINES: usize = 2;
const _: () = assert!(2 * FILTER_LINES * FILTER_MAX as usize <= u8::MAX as usize);
/// Largest entry of an exact table: two of them add up in a byte, and 256 of them (32,512) in 16 bits.
pub const EXACT_MAX: u8 = 127;

/// A constant per code that is added to its sum: `(values[lane] * weight) >> 16`. One value a lane, padding lanes included.
#[derive(Clone, Copy)]
pub struct Offsets<'a> {
    /// One a lane.
    pub values: &'a [u16],
    /// What a value is multiplied with, in units of 2^-16.
    pub weight: u16,
}

/// Scan of the high-nibble plane of some blocks: what [`Kernel::filter`](crate::Kernel::filter) needs.
#[derive(Clone, Copy)]
pub struct FilterTask<'a> {
    /// `blocks x tables.len() / 2` lines.
    pub codes: &'a [Line],
    /// How many of the first lines were asked for while what came before was scanned; the scan may ask for the others ahead of itself.
    pub fetched: usize,
    /// Lines that will be scanned next: the first of them are fetched into the cache meanwhile.
    pub next: &'a [Line],
    /// 16 entries a sub-quantizer, an even number of them (the last is zeros when m is odd), entries up to [`FILTER_MAX`](crate::FILTER_MAX).
    pub tables: &'a [[u8; 16]],
    /// Under L2: what is added to each code's sum.
    pub offsets: Option<Offsets<'a>>,
    /// Blocks whose sums all lie below are passed over.
    pub threshold: u16,
}

/// Scan of both planes of some blocks: what [`Kernel::exact`](crate::Kernel::exact) needs.
#[derive(Clone, Copy)]
pub struct ExactTask<'a> {
    /// The high-nibble plane: `blocks x tables.len() / 2` lines.
    pub hi: &'a [Line],
    /// The low-nibble plane, in the same shape.
    pub lo: &'a [Line],
    /// 256 entries a sub-quantizer, an even number of them, entries up to [`EXACT_MAX`](crate::EXACT_MAX).
    pub tables: &'a [[u8; 256]],
    /// Under L2: what is added to each code's sum.
    pub offsets: Option<Offsets<'a>>,
    /// Blocks whose sums all lie below are passed over.
    pub threshold: u16,
}

/// How table entries become bytes: `(entry - low) * inverse`, rounded down after adding `add`, from 0 to `most`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rounding {
    /// One over the width of a step.
    pub inverse: f32,
    /// Added before rounding down.
    pub add: f32,
    /// The largest byte.
    pub most: u8,
}

/// Receives the codes of a block that reach the threshold.
pub trait Sink {
    /// `lanes` has a bit for every code of block `block` whose sum reaches the threshold, padding lanes included; answers the
    /// threshold from here on.
    fn survivors(&mut self, block: usize, lanes: u64, sums: &[u16; BLOCK]) -> u16;
}

/// A query for [`Kernel::dot_i8`](crate::Kernel::dot_i8).
#[derive(Clone, Default, Debug)]
pub struct IntQuery {
    pub(super) values: Vec<i16>,
    /// What is left after whole groups of 16, moved to the end, zeros before it: goes with the last 16 values of a row.
    pub(super) tail: [i16; 16],
    /// What one unit stands for.
    pub scale: f32,
    /// Sum of squares of the integer values.
    pub squares: i64,
}

impl IntQuery {
    /// Rounds the query to as many bits as its products with i8 values can have in an i32 sum, 15 at most.
    #[inline]
    pub fn set(&mut self, query: &[f32]) {
        let most = query.iter().fold(0f32, |most, x| if x.abs() > most { x.abs() } else { most });
        let room = (i32::MAX as usize / (128 * query.len().max(1))).clamp(1, 32_767) as f32;
        let inverse = if most > 0.0 && most.is_finite() { room / most } else { 0.0 };
        self.scale = if inverse > 0.0 && inverse.is_finite() { most / room } else { 0.0 };
        let inverse = if self.scale > 0.0 { inverse } else { 0.0 };
        self.values.clear();
        self.values.extend(query.iter().map(|x| round(x * inverse) as i16));
        self.squares = self.values.iter().map(|&v| i64::from(v) * i64::from(v)).sum();
        self.tail = [0; 16];
        let rest = self.values.len() % 16;
        self.tail[16 - rest..].copy_from_slice(&self.values[self.values.len() - rest..]);
    }
}

/// The nearest whole number, ties to even, of a number below 2^22 in size: without a call into the C library.
#[inline]
pub fn round(x: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    (x + SHIFT) - SHIFT
}
