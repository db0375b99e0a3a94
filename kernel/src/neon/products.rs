//! Tables, products and the coarse step.

use std::arch::aarch64::*;

use super::super::query_tile::{ByteRows, QueryTile, TILE, TileScores};
use super::super::{IntQuery, Line, Rounding, portable};
use super::load;

#[target_feature(enable = "neon")]
pub(crate) fn table<const W: usize>(query: &[f32], columns: &[f32], bounds: &[u32], out: &mut [f32]) {
    portable::table::<W>(query, columns, bounds, out);
}

#[target_feature(enable = "neon")]
pub(crate) fn ranges<const W: usize>(table: &[f32], low: &mut [f32]) -> f32 {
    portable::ranges::<W>(table, low)
}

#[target_feature(enable = "neon")]
pub(crate) fn quantise<const W: usize>(table: &[f32], low: &[f32], rounding: Rounding, out: &mut [[u8; W]]) {
    portable::quantise::<W>(table, low, rounding, out);
}

#[target_feature(enable = "neon")]
pub(crate) fn coarse_scores(sums: &[i32], offset: i32, unit: f32, scales: &[f32], less: &[f32], out: &mut [f32]) {
    portable::coarse_scores(sums, offset, unit, scales, less, out);
}

#[target_feature(enable = "neon")]
pub(crate) fn column_maxima(scores: &[f32], most: &mut [f32]) {
    portable::column_maxima(scores, most);
}

#[target_feature(enable = "neon")]
pub(crate) fn tile_products(tile: &QueryTile, rows: ByteRows<'_>, out: &mut [[i32; TILE]]) {
    portable::tile_products(tile, rows, out);
}

#[target_feature(enable = "neon")]
pub(crate) fn tile_scores(by: TileScores<'_>, products: &[[i32; TILE]], scores: &mut [[f32; TILE]], reached: &mut [u16]) {
    portable::tile_scores(by, products, scores, reached);
}

#[target_feature(enable = "neon")]
pub(crate) fn at_least(scores: &[f32], bound: f32, out: &mut [u32]) -> usize {
    let wanted = vdupq_n_f32(bound);
    let mut found = 0;
    let (eights, rest) = scores.as_chunks::<8>();
    for (scores, first) in eights.iter().zip((0..).step_by(8)) {
        // SAFETY: 8 values, four at a time.
        let (low, high) = unsafe { (vld1q_f32(scores.as_ptr()), vld1q_f32(scores.as_ptr().add(4))) };
        // All ones or zeros: a byte a score.
        let reach = vmovn_u16(vuzp1q_u16(vreinterpretq_u16_u32(vcgeq_f32(low, wanted)), vreinterpretq_u16_u32(vcgeq_f32(high, wanted))));
        let mut lanes = vget_lane_u64::<0>(vreinterpret_u64_u8(reach));
        while lanes != 0 {
            let lane = lanes.trailing_zeros() / 8;
            out[found] = first + lane;
            found += 1;
            lanes &= !(0xff << (8 * lane));
        }
    }
    for (score, at) in rest.iter().zip(8 * eights.len() as u32..) {
        if *score >= bound {
            out[found] = at;
            found += 1;
        }
    }
    found
}

/// Folds 32 partial sums in halves, as `scalar::fold` does.
#[inline]
#[target_feature(enable = "neon")]
fn fold(mut sums: [float32x4_t; 8]) -> f32 {
    for half in [4, 2, 1] {
        for at in 0..half {
            sums[at] = vaddq_f32(sums[at], sums[at + half]);
        }
    }
    let two = vadd_f32(vget_low_f32(sums[0]), vget_high_f32(sums[0]));
    vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two) + 0.0
}

#[inline]
#[target_feature(enable = "neon")]
fn load_f32(values: &[f32; 4]) -> float32x4_t {
    // SAFETY: 4 values of 4 bytes; no alignment is asked for.
    unsafe { vld1q_f32(values.as_ptr()) }
}

/// Half-precision values from little-endian bytes.
#[inline]
#[target_feature(enable = "neon")]
fn load_f16(values: &[[u8; 2]; 4]) -> float32x4_t {
    // SAFETY: 8 bytes; no alignment is asked for.
    let bytes = unsafe { vld1_u8(values.as_flattened().as_ptr()) };
    vcvt_f32_f16(vreinterpret_f16_u8(bytes))
}

/// The 4 values from a place on, zeros where there are no more.
#[inline]
fn rest<T: Copy + Default>(values: &[T], from: usize) -> [T; 4] {
    let zero = T::default();
    match values.get(from..).unwrap_or_default() {
        &[a, b, c, d, ..] => [a, b, c, d],
        &[a, b, c] => [a, b, c, zero],
        &[a, b] => [a, b, zero, zero],
        &[a] => [a, zero, zero, zero],
        [] => [zero; 4],
    }
}

/// Sums `$step(x, y, sum)` over every 4 values of two vectors of one length (the last ones zero-filled) into 8 x 4 partial sums.
/// `$load` makes floats of the second one's.
macro_rules! accumulate {
    ($a:expr, $b:expr, $load:ident, $step:expr) => {{
        let mut sums = [vdupq_n_f32(0.0); 8];
        let ((a, a_rest), (b, b_rest)) = ($a.as_chunks::<32>(), $b.as_chunks::<32>());
        for (a, b) in a.iter().zip(b) {
            for ((sum, a), b) in sums.iter_mut().zip(a.as_chunks::<4>().0).zip(b.as_chunks::<4>().0) {
                *sum = $step(load_f32(a), $load(b), *sum);
            }
        }
        for (at, sum) in sums.iter_mut().enumerate() {
            if 4 * at < a_rest.len() {
                *sum = $step(load_f32(&rest(a_rest, 4 * at)), $load(&rest(b_rest, 4 * at)), *sum);
            }
        }
        fold(sums)
    }};
}

#[inline]
#[target_feature(enable = "neon")]
fn squared(x: float32x4_t, y: float32x4_t, sum: float32x4_t) -> float32x4_t {
    let d = vsubq_f32(x, y);
    vfmaq_f32(sum, d, d)
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    accumulate!(a, b, load_f32, |x, y, sum| vfmaq_f32(sum, x, y))
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn l2(a: &[f32], b: &[f32]) -> f32 {
    accumulate!(a, b, load_f32, squared)
}

#[target_feature(enable = "neon")]
pub(crate) fn dot_f16(a: &[f32], row: &[u8]) -> f32 {
    accumulate!(a, row.as_chunks::<2>().0, load_f16, |x, y, sum| vfmaq_f32(sum, x, y))
}

#[target_feature(enable = "neon")]
pub(crate) fn l2_f16(a: &[f32], row: &[u8]) -> f32 {
    accumulate!(a, row.as_chunks::<2>().0, load_f16, squared)
}

#[target_feature(enable = "neon")]
pub(crate) fn dots(query: &[f32], rows: &[f32], out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        *out = dot(query, row);
    }
}

#[target_feature(enable = "neon")]
pub(crate) fn l2s(query: &[f32], rows: &[f32], out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        *out = l2(query, row);
    }
}

/// Adds the products of 16 values each to 4 x 4 sums.
#[inline]
#[target_feature(enable = "neon")]
fn add_products(sums: &mut [int32x4_t; 4], query: &[i16; 16], row: &[u8; 16]) {
    // SAFETY: 16 values of 2 bytes, eight at a time, and 16 bytes.
    let (low, high, row) = unsafe { (vld1q_s16(query.as_ptr()), vld1q_s16(query.as_ptr().add(8)), vld1q_u8(row.as_ptr())) };
    let row = vreinterpretq_s8_u8(row);
    let (first, second) = (vmovl_s8(vget_low_s8(row)), vmovl_high_s8(row));
    sums[0] = vmlal_s16(sums[0], vget_low_s16(first), vget_low_s16(low));
    sums[1] = vmlal_high_s16(sums[1], first, low);
    sums[2] = vmlal_s16(sums[2], vget_low_s16(second), vget_low_s16(high));
    sums[3] = vmlal_high_s16(sums[3], second, high);
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn dot_i8(query: &IntQuery, row: &[u8]) -> i32 {
    let mut sums = [vdupq_n_s32(0); 4];
    let (whole, rest) = row.as_chunks::<16>();
    for (query, row) in query.values.as_chunks::<16>().0.iter().zip(whole) {
        add_products(&mut sums, query, row);
    }
    if !rest.is_empty() {
        let mut short = [0u8; 16];
        let last = match row.last_chunk::<16>() {
            Some(last) => last,
            None => {
                short[16 - row.len()..].copy_from_slice(row);
                &short
            }
        };
        add_products(&mut sums, &query.tail, last);
    }
    vaddvq_s32(vaddq_s32(vaddq_s32(sums[0], sums[1]), vaddq_s32(sums[2], sums[3])))
}

/// Adds the products of one or two lines with four query values each to the sums of 16 rows, two a row.
#[inline]
#[target_feature(enable = "neon")]
fn add_rows<const N: usize>(sums: &mut [int32x4_t; 8], lines: &[Line; N], query: &[[i8; 4]; N]) {
    const { assert!(N == 1 || N == 2, "more do not fit 16 bits") };
    let mut products = [vdupq_n_s16(0); 8];
    for (line, q) in lines.iter().zip(query) {
        let q = vreinterpretq_s8_s32(vdupq_n_s32(i32::from_le_bytes(q.map(|x| x.cast_unsigned()))));
        for (products, x) in products.as_chunks_mut::<2>().0.iter_mut().zip(load(line)) {
            let x = vreinterpretq_s8_u8(veorq_u8(x, vdupq_n_u8(0x80)));
            products[0] = vmlal_s8(products[0], vget_low_s8(x), vget_low_s8(q));
            products[1] = vmlal_high_s8(products[1], x, q);
        }
    }
    for (sum, products) in sums.iter_mut().zip(products) {
        *sum = vpadalq_s16(*sum, products);
    }
}

#[target_feature(enable = "neon")]
pub(crate) fn coarse(query: &[i8], blocks: &[Line], out: &mut [i32]) {
    let query = query.as_chunks::<4>().0;
    out.fill(0);
    if query.is_empty() {
        return;
    }
    let less = vdupq_n_s32(query.iter().flatten().map(|&x| 128 * i32::from(x)).sum());
    let (query_pairs, query_rest) = query.as_chunks::<2>();
    for (block, out) in blocks.chunks_exact(query.len()).zip(out.as_chunks_mut::<16>().0) {
        let mut sums = [vdupq_n_s32(0); 8];
        let (pairs, rest) = block.as_chunks::<2>();
        for (lines, q) in pairs.iter().zip(query_pairs) {
            add_rows::<2>(&mut sums, lines, q);
        }
        for (line, q) in rest.as_chunks::<1>().0.iter().zip(query_rest.as_chunks::<1>().0) {
            add_rows::<1>(&mut sums, line, q);
        }
        for (out, [a, b]) in out.as_chunks_mut::<4>().0.iter_mut().zip(sums.as_chunks::<2>().0) {
            // SAFETY: 4 values of 4 bytes.
            unsafe { vst1q_s32(out.as_mut_ptr(), vaddq_s32(vpaddq_s32(*a, *b), less)) };
        }
    }
}
