//! NEON: 16 codes a register. Compiled and tested under emulation only: nothing here says how fast it is, which is to be measured on
//! hardware first. What the compiler vectorises well is `portable`'s.
//!
//! - Filter: `tbl` looks 16 codes up at once. Entries add up in bytes while they fit (eight of them), then go into 16-bit sums.
//! - Exact: a table of 256 bytes is four quarters of four registers. `tbl` answers 0 where an index is not below 64, `tbx` leaves what
//!   stands there; flipping the index's top bits brings each quarter's codes below 64 in turn. The blocks share no loading of tables:
//!   one table takes half of the 32 registers and one block's sums a quarter, so a second block's sums would have to be loaded and
//!   stored as often as the tables are loaded now.
//! - Coarse: there is no product of u8 with i8. Flipping a bit takes 128 from the values, and 128 times the query's sum comes back at
//!   the end. Two products of size 128 * 64 and less add up in 16 bits.

mod products;
mod scan;

use std::arch::aarch64::*;

use super::Line;
use super::blocked::{PANEL, Tile, tiled};
use super::strided::viewed;
use super::stripe::{ABREAST, Stripe, striped};

pub(super) use products::{
    at_least, coarse, coarse_scores, column_maxima, dot, dot_f16, dot_i8, dots, l2, l2_f16, l2s, quantise, ranges, table, tile_products,
    tile_scores,
};
pub(super) use scan::{exact, filter};

/// `sum + x y`, in the order of the other paths' arguments.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_add(x: float32x4_t, y: float32x4_t, sum: float32x4_t) -> float32x4_t {
    vfmaq_f32(sum, x, y)
}

tiled!(tile, "neon", 6, 4, 4, float32x4_t, vdupq_n_f32(0.0), vdupq_n_f32, vld1q_f32, vst1q_f32, multiply_add);
tiled!(low_tile, "neon", 4, 4, 4, float32x4_t, vdupq_n_f32(0.0), vdupq_n_f32, vld1q_f32, vst1q_f32, multiply_add);
tiled!(single_tile, "neon", 1, 8, 4, float32x4_t, vdupq_n_f32(0.0), vdupq_n_f32, vld1q_f32, vst1q_f32, multiply_add);
striped!("neon", 2, 8, 4, float32x4_t, vdupq_n_f32(0.0), vdupq_n_f32, vld1q_f32, vst1q_f32, multiply_add);
viewed!("neon", 4, 4, float32x4_t, vdupq_n_f32(0.0), vdupq_n_f32, vld1q_f32, vst1q_f32, multiply_add, vaddq_f32);

#[target_feature(enable = "neon")]
pub(super) fn curve(curve: super::Curve, values: &mut [f32]) {
    super::curve::curve(curve, values);
}

#[target_feature(enable = "neon")]
pub(super) fn softmax(width: usize, values: &mut [f32]) {
    super::softmax::softmax(width, values);
}

/// A line in four registers.
#[inline]
#[target_feature(enable = "neon")]
fn load(line: &Line) -> [uint8x16_t; 4] {
    let start = line.0.as_ptr();
    // SAFETY: four times 16 of a line's 64 bytes.
    unsafe { [vld1q_u8(start), vld1q_u8(start.add(16)), vld1q_u8(start.add(32)), vld1q_u8(start.add(48))] }
}
