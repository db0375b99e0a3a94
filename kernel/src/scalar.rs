//! The reference: what every other path must equal, bit for bit.

use half::f16;

pub(super) use super::blocked::{plain as low_tile, plain as single_tile, plain as tile};
pub(super) use super::curve::curve;
pub(super) use super::portable::{coarse_scores, column_maxima, quantise, ranges, table, tile_products, tile_scores};
pub(super) use super::softmax::softmax;
pub(super) use super::strided::plain_strided as strided;
pub(super) use super::stripe::plain_stripe as stripe;
use super::{BLOCK, ExactTask, FilterTask, IntQuery, Line, Offsets, Sink};

pub(super) fn looped<L: crate::Loop>(work: L) -> L::Output {
    work.run()
}

/// Folds 32 partial sums in halves. Adding zero makes -0 into +0, so that skipped and zero-filled lanes agree.
pub(super) fn fold(mut sums: [f32; 32]) -> f32 {
    for half in [16, 8, 4, 2, 1] {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
    }
    sums[0] + 0.0
}

pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 32];
    for (x, y) in a.chunks(32).zip(b.chunks(32)) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum = x.mul_add(*y, *sum);
        }
    }
    fold(sums)
}

pub(super) fn l2(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 32];
    for (x, y) in a.chunks(32).zip(b.chunks(32)) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            let d = x - y;
            *sum = d.mul_add(d, *sum);
        }
    }
    fold(sums)
}

/// Half-precision values from little-endian bytes.
fn halves(row: &[u8]) -> impl Iterator<Item = f32> {
    row.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32())
}

pub(super) fn dot_f16(a: &[f32], row: &[u8]) -> f32 {
    let mut sums = [0f32; 32];
    for (at, (x, y)) in a.iter().zip(halves(row)).enumerate() {
        sums[at % 32] = x.mul_add(y, sums[at % 32]);
    }
    fold(sums)
}

pub(super) fn l2_f16(a: &[f32], row: &[u8]) -> f32 {
    let mut sums = [0f32; 32];
    for (at, (x, y)) in a.iter().zip(halves(row)).enumerate() {
        let d = x - y;
        sums[at % 32] = d.mul_add(d, sums[at % 32]);
    }
    fold(sums)
}

pub(super) fn dots(query: &[f32], rows: &[f32], out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        *out = dot(query, row);
    }
}

pub(super) fn l2s(query: &[f32], rows: &[f32], out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        *out = l2(query, row);
    }
}

pub(super) fn dot_i8(query: &IntQuery, row: &[u8]) -> i32 {
    query.values.iter().zip(row).map(|(&q, &x)| i32::from(q) * i32::from(x as i8)).sum()
}

pub(super) fn coarse(query: &[i8], blocks: &[Line], out: &mut [i32]) {
    let steps = query.len() / 4;
    out.fill(0);
    if steps == 0 {
        return;
    }
    for (block, sums) in blocks.chunks_exact(steps).zip(out.as_chunks_mut::<16>().0) {
        for (line, q) in block.iter().zip(query.as_chunks::<4>().0) {
            for (sum, row) in sums.iter_mut().zip(line.0.as_chunks::<4>().0) {
                for (x, q) in row.iter().zip(q) {
                    *sum = sum.wrapping_add(i32::from(*x) * i32::from(*q));
                }
            }
        }
    }
}

pub(super) fn at_least(scores: &[f32], bound: f32, out: &mut [u32]) -> usize {
    let mut found = 0;
    for (score, at) in scores.iter().zip(0..) {
        out[found] = at;
        found += usize::from(*score >= bound);
    }
    found
}

/// Adds the codes' constants and says which sums reach the threshold.
pub(super) fn reach(sums: &mut [u16; BLOCK], offsets: Option<Offsets<'_>>, block: usize, threshold: u16) -> u64 {
    if let Some(offsets) = offsets {
        for (sum, value) in sums.iter_mut().zip(&offsets.values[block * BLOCK..]) {
            *sum = sum.wrapping_add(((u32::from(*value) * u32::from(offsets.weight)) >> 16) as u16);
        }
    }
    sums.iter().enumerate().fold(0, |lanes, (lane, &sum)| lanes | (u64::from(sum >= threshold) << lane))
}

pub(super) fn filter<S: Sink>(task: FilterTask<'_>, sink: &mut S) -> usize {
    let rows = task.tables.len() / 2;
    let mut threshold = task.threshold;
    for (block, lines) in task.codes.chunks_exact(rows).enumerate() {
        let mut sums = [0u16; BLOCK];
        for (line, [even, odd]) in lines.iter().zip(task.tables.as_chunks::<2>().0) {
            for (sum, byte) in sums.iter_mut().zip(line.0) {
                *sum += u16::from(even[usize::from(byte & 15)]) + u16::from(odd[usize::from(byte >> 4)]);
            }
        }
        let lanes = reach(&mut sums, task.offsets, block, threshold);
        if lanes != 0 {
            threshold = sink.survivors(block, lanes, &sums);
        }
    }
    0
}

pub(super) fn exact<S: Sink>(task: ExactTask<'_>, sink: &mut S) {
    let rows = task.tables.len() / 2;
    let mut threshold = task.threshold;
    for (block, (hi, lo)) in task.hi.chunks_exact(rows).zip(task.lo.chunks_exact(rows)).enumerate() {
        let mut sums = [0u16; BLOCK];
        for ((hi, lo), [even, odd]) in hi.iter().zip(lo).zip(task.tables.as_chunks::<2>().0) {
            for ((sum, hi), lo) in sums.iter_mut().zip(hi.0).zip(lo.0) {
                *sum += u16::from(even[usize::from((hi & 15) << 4 | lo & 15)]) + u16::from(odd[usize::from(hi & 0xf0 | lo >> 4)]);
            }
        }
        let lanes = reach(&mut sums, task.offsets, block, threshold);
        if lanes != 0 {
            threshold = sink.survivors(block, lanes, &sums);
        }
    }
}
