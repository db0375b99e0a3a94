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

use std::arch::aarch64::*;

use super::{BLOCK, ExactTask, FilterTask, IntQuery, Line, Offsets, Rounding, Sink, portable, prefetch};

#[target_feature(enable = "neon")]
pub(super) fn table<const W: usize>(query: &[f32], columns: &[f32], bounds: &[u32], out: &mut [f32]) {
    portable::table::<W>(query, columns, bounds, out);
}

#[target_feature(enable = "neon")]
pub(super) fn ranges<const W: usize>(table: &[f32], low: &mut [f32]) -> f32 {
    portable::ranges::<W>(table, low)
}

#[target_feature(enable = "neon")]
pub(super) fn quantise<const W: usize>(table: &[f32], low: &[f32], rounding: Rounding, out: &mut [[u8; W]]) {
    portable::quantise::<W>(table, low, rounding, out);
}

#[target_feature(enable = "neon")]
pub(super) fn coarse_scores(sums: &[i32], offset: i32, unit: f32, scales: &[f32], less: &[f32], out: &mut [f32]) {
    portable::coarse_scores(sums, offset, unit, scales, less, out);
}

#[target_feature(enable = "neon")]
pub(super) fn column_maxima(scores: &[f32], most: &mut [f32]) {
    portable::column_maxima(scores, most);
}

#[target_feature(enable = "neon")]
pub(super) fn at_least(scores: &[f32], bound: f32, out: &mut [u32]) -> usize {
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
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    accumulate!(a, b, load_f32, |x, y, sum| vfmaq_f32(sum, x, y))
}

#[inline]
#[target_feature(enable = "neon")]
pub(super) fn l2(a: &[f32], b: &[f32]) -> f32 {
    accumulate!(a, b, load_f32, squared)
}

#[target_feature(enable = "neon")]
pub(super) fn dot_f16(a: &[f32], row: &[u8]) -> f32 {
    accumulate!(a, row.as_chunks::<2>().0, load_f16, |x, y, sum| vfmaq_f32(sum, x, y))
}

#[target_feature(enable = "neon")]
pub(super) fn l2_f16(a: &[f32], row: &[u8]) -> f32 {
    accumulate!(a, row.as_chunks::<2>().0, load_f16, squared)
}

#[target_feature(enable = "neon")]
pub(super) fn dots(query: &[f32], rows: &[f32], out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        *out = dot(query, row);
    }
}

#[target_feature(enable = "neon")]
pub(super) fn l2s(query: &[f32], rows: &[f32], out: &mut [f32]) {
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
pub(super) fn dot_i8(query: &IntQuery, row: &[u8]) -> i32 {
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

#[inline]
#[target_feature(enable = "neon")]
fn load(line: &Line) -> [uint8x16_t; 4] {
    let start = line.0.as_ptr();
    // SAFETY: four times 16 of a line's 64 bytes.
    unsafe { [vld1q_u8(start), vld1q_u8(start.add(16)), vld1q_u8(start.add(32)), vld1q_u8(start.add(48))] }
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
pub(super) fn coarse(query: &[i8], blocks: &[Line], out: &mut [i32]) {
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

/// The 16-bit sums of a block's codes, in order.
struct Sums([uint16x8_t; 8]);

impl Sums {
    #[inline]
    #[target_feature(enable = "neon")]
    fn zero() -> Self {
        Self([vdupq_n_u16(0); 8])
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn add(&mut self, bytes: [uint8x16_t; 4]) {
        for (sums, bytes) in self.0.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            sums[0] = vaddw_u8(sums[0], vget_low_u8(bytes));
            sums[1] = vaddw_high_u8(sums[1], bytes);
        }
    }

    /// Adds the codes' constants and says which sums reach the threshold; stores the sums where one does.
    #[inline]
    #[target_feature(enable = "neon")]
    fn finish(mut self, offsets: Option<Offsets<'_>>, block: usize, threshold: u16, out: &mut [u16; BLOCK]) -> u64 {
        if let Some(offsets) = offsets {
            let weight = vdupq_n_u16(offsets.weight);
            let values = &offsets.values[block * BLOCK..(block + 1) * BLOCK];
            for (sum, values) in self.0.iter_mut().zip(values.as_chunks::<8>().0) {
                // SAFETY: 8 values of 2 bytes.
                let values = unsafe { vld1q_u16(values.as_ptr()) };
                let (low, high) = (vmull_u16(vget_low_u16(values), vget_low_u16(weight)), vmull_high_u16(values, weight));
                *sum = vaddq_u16(*sum, vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high)));
            }
        }
        let mut most = self.0[0];
        for sums in &self.0[1..] {
            most = vmaxq_u16(most, *sums);
        }
        if vmaxvq_u16(most) < threshold {
            return 0;
        }
        for (out, sums) in out.as_chunks_mut::<8>().0.iter_mut().zip(self.0) {
            // SAFETY: 8 values of 2 bytes.
            unsafe { vst1q_u16(out.as_mut_ptr(), sums) };
        }
        // A byte of ones or zeros a code; of each only its place's bit; pairs added three times make a byte of eight codes.
        let (wanted, places) = (vdupq_n_u16(threshold), vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201)));
        let mut bits = [vdupq_n_u8(0); 4];
        for (bits, [a, b]) in bits.iter_mut().zip(self.0.as_chunks::<2>().0) {
            let (a, b) = (vreinterpretq_u8_u16(vcgeq_u16(*a, wanted)), vreinterpretq_u8_u16(vcgeq_u16(*b, wanted)));
            *bits = vandq_u8(vuzp1q_u8(a, b), places);
        }
        let fours = vpaddq_u8(vpaddq_u8(bits[0], bits[1]), vpaddq_u8(bits[2], bits[3]));
        vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(fours, fours)))
    }
}

/// Adds a line's entries over its two sub-quantizers to byte sums.
#[inline]
#[target_feature(enable = "neon")]
fn add_line(bytes: &mut [uint8x16_t; 4], line: &Line, [even, odd]: &[[u8; 16]; 2]) {
    // SAFETY: 16 bytes each.
    let (even, odd) = unsafe { (vld1q_u8(even.as_ptr()), vld1q_u8(odd.as_ptr())) };
    for (sum, codes) in bytes.iter_mut().zip(load(line)) {
        let low = vqtbl1q_u8(even, vandq_u8(codes, vdupq_n_u8(15)));
        let high = vqtbl1q_u8(odd, vshrq_n_u8::<4>(codes));
        *sum = vaddq_u8(*sum, vaddq_u8(low, high));
    }
}

#[target_feature(enable = "neon")]
pub(super) fn filter<S: Sink>(task: FilterTask<'_>, sink: &mut S) -> usize {
    let tables = task.tables.as_chunks::<2>().0;
    let height = tables.len();
    let (table_fours, table_rest) = tables.as_chunks::<4>();
    let mut threshold = task.threshold;
    let mut out = [0u16; BLOCK];
    for (block, lines) in task.codes.chunks_exact(height).enumerate() {
        if let Some(next) = task.next.get(block * height..) {
            prefetch::<Line, false>(&next[..height.min(next.len())]);
        }
        let mut sums = Sums::zero();
        let (fours, rest) = lines.as_chunks::<4>();
        // Eight entries of five bits add up in a byte.
        for (lines, tables) in fours.iter().zip(table_fours) {
            let mut bytes = [vdupq_n_u8(0); 4];
            for (line, table) in lines.iter().zip(tables) {
                add_line(&mut bytes, line, table);
            }
            sums.add(bytes);
        }
        let mut bytes = [vdupq_n_u8(0); 4];
        for (line, table) in rest.iter().zip(table_rest) {
            add_line(&mut bytes, line, table);
        }
        sums.add(bytes);
        let lanes = sums.finish(task.offsets, block, threshold, &mut out);
        if lanes != 0 {
            threshold = sink.survivors(block, lanes, &out);
        }
    }
    task.next.len().min(task.codes.len())
}

/// A table of 256 bytes in four times four registers.
#[inline]
#[target_feature(enable = "neon")]
fn quarters(table: &[u8; 256]) -> [uint8x16x4_t; 4] {
    let start = table.as_ptr();
    // SAFETY: 4 x 64 bytes.
    unsafe { [vld1q_u8_x4(start), vld1q_u8_x4(start.add(64)), vld1q_u8_x4(start.add(128)), vld1q_u8_x4(start.add(192))] }
}

/// One of 256 entries for each byte.
#[inline]
#[target_feature(enable = "neon")]
fn lookup(quarters: &[uint8x16x4_t; 4], codes: uint8x16_t) -> uint8x16_t {
    let found = vqtbl4q_u8(quarters[0], codes);
    let found = vqtbx4q_u8(found, quarters[1], veorq_u8(codes, vdupq_n_u8(0x40)));
    let found = vqtbx4q_u8(found, quarters[2], veorq_u8(codes, vdupq_n_u8(0x80)));
    vqtbx4q_u8(found, quarters[3], veorq_u8(codes, vdupq_n_u8(0xc0)))
}

#[target_feature(enable = "neon")]
pub(super) fn exact<S: Sink>(task: ExactTask<'_>, sink: &mut S) {
    let tables = task.tables.as_chunks::<2>().0;
    let height = tables.len();
    let mut threshold = task.threshold;
    let mut out = [0u16; BLOCK];
    for (block, (hi, lo)) in task.hi.chunks_exact(height).zip(task.lo.chunks_exact(height)).enumerate() {
        let mut sums = Sums::zero();
        for ((hi, lo), [even, odd]) in hi.iter().zip(lo).zip(tables) {
            // Inserting shifts put the nibbles of one sub-quantizer together.
            let mut bytes = [vdupq_n_u8(0); 4];
            let table = quarters(even);
            for ((bytes, hi), lo) in bytes.iter_mut().zip(load(hi)).zip(load(lo)) {
                *bytes = lookup(&table, vsliq_n_u8::<4>(lo, hi));
            }
            let table = quarters(odd);
            for ((bytes, hi), lo) in bytes.iter_mut().zip(load(hi)).zip(load(lo)) {
                *bytes = vaddq_u8(*bytes, lookup(&table, vsriq_n_u8::<4>(hi, lo)));
            }
            sums.add(bytes);
        }
        let lanes = sums.finish(task.offsets, block, threshold, &mut out);
        if lanes != 0 {
            threshold = sink.survivors(block, lanes, &out);
        }
    }
}
