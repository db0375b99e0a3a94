//! The scans.

use std::arch::aarch64::*;

use super::super::prefetch::prefetch;
use super::super::task::FILTER_LINES;
use super::super::{BLOCK, ExactTask, FilterTask, Line, Offsets, Sink};
use super::load;

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
pub(crate) fn filter<S: Sink>(task: FilterTask<'_>, sink: &mut S) -> usize {
    let tables = task.tables.as_chunks::<2>().0;
    let height = tables.len();
    let (table_whole, table_rest) = tables.as_chunks::<FILTER_LINES>();
    let mut threshold = task.threshold;
    let mut out = [0u16; BLOCK];
    for (block, lines) in task.codes.chunks_exact(height).enumerate() {
        if let Some(next) = task.next.get(block * height..) {
            prefetch::<Line, false>(&next[..height.min(next.len())]);
        }
        let mut sums = Sums::zero();
        let (whole, rest) = lines.as_chunks::<FILTER_LINES>();
        // Four entries of six bits add up in a byte.
        for (lines, tables) in whole.iter().zip(table_whole) {
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
pub(crate) fn exact<S: Sink>(task: ExactTask<'_>, sink: &mut S) {
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
