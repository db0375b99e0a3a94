//! Tables, products and the coarse step.

use std::arch::x86_64::*;

use super::super::query_tile::{TILE, TileScores};
use super::super::{IntQuery, Line, Rounding, portable, scalar};

#[target_feature(enable = "avx2,fma")]
pub(crate) fn table<const W: usize>(query: &[f32], columns: &[f32], bounds: &[u32], out: &mut [f32]) {
    portable::table::<W>(query, columns, bounds, out);
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn ranges<const W: usize>(table: &[f32], low: &mut [f32]) -> f32 {
    portable::ranges::<W>(table, low)
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn quantise<const W: usize>(table: &[f32], low: &[f32], rounding: Rounding, out: &mut [[u8; W]]) {
    portable::quantise::<W>(table, low, rounding, out);
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn coarse_scores(sums: &[i32], offset: i32, unit: f32, scales: &[f32], less: &[f32], out: &mut [f32]) {
    portable::coarse_scores(sums, offset, unit, scales, less, out);
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn column_maxima(scores: &[f32], most: &mut [f32]) {
    portable::column_maxima(scores, most);
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn tile_scores(by: TileScores<'_>, products: &[[i32; TILE]], scores: &mut [[f32; TILE]], reached: &mut [u16]) {
    portable::tile_scores(by, products, scores, reached);
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn at_least(scores: &[f32], bound: f32, out: &mut [u32]) -> usize {
    let wanted = _mm256_set1_ps(bound);
    let mut found = 0;
    let (eights, rest) = scores.as_chunks::<8>();
    for (scores, first) in eights.iter().zip((0..).step_by(8)) {
        // SAFETY: 8 values.
        let scores = unsafe { _mm256_loadu_ps(scores.as_ptr()) };
        let mut lanes = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(scores, wanted));
        while lanes != 0 {
            out[found] = first + lanes.trailing_zeros();
            found += 1;
            lanes &= lanes - 1;
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
#[target_feature(enable = "avx2,fma")]
fn fold(sums: [__m256; 4]) -> f32 {
    let eight = _mm256_add_ps(_mm256_add_ps(sums[0], sums[2]), _mm256_add_ps(sums[1], sums[3]));
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    let one = _mm_add_ss(two, _mm_shuffle_ps::<1>(two, two));
    _mm_cvtss_f32(one) + 0.0
}

/// Ones in the first `n` of 8 lanes.
static LANES: [[i32; 8]; 9] = {
    let mut masks = [[0; 8]; 9];
    let mut n = 0;
    while n <= 8 {
        let mut lane = 0;
        while lane < n {
            masks[n][lane] = -1;
            lane += 1;
        }
        n += 1;
    }
    masks
};

/// Sums `$step(x, y, sum)` over every 8 values of two vectors of one length (the last ones zero-filled) into 4 x 8 partial sums.
macro_rules! accumulate {
    ($a:ident, $b:ident, $step:expr) => {{
        let n = $a.len().min($b.len());
        let whole = n / 32 * 32;
        let (a, b) = ($a.as_ptr(), $b.as_ptr());
        let zero = _mm256_setzero_ps();
        let [mut s0, mut s1, mut s2, mut s3] = [zero; 4];
        let mut at = 0;
        while at < whole {
            // SAFETY: at + 32 <= whole <= n, the length of both.
            unsafe {
                s0 = $step(_mm256_loadu_ps(a.add(at)), _mm256_loadu_ps(b.add(at)), s0);
                s1 = $step(_mm256_loadu_ps(a.add(at + 8)), _mm256_loadu_ps(b.add(at + 8)), s1);
                s2 = $step(_mm256_loadu_ps(a.add(at + 16)), _mm256_loadu_ps(b.add(at + 16)), s2);
                s3 = $step(_mm256_loadu_ps(a.add(at + 24)), _mm256_loadu_ps(b.add(at + 24)), s3);
            }
            at += 32;
        }
        let rest = n - whole;
        // SAFETY: whole + 8 i < n wherever lanes are loaded from there, and the mask lets only the values be read that are left.
        unsafe {
            if rest > 0 {
                s0 = $step(part(a.add(at), rest), part(b.add(at), rest), s0);
            }
            if rest > 8 {
                s1 = $step(part(a.add(at + 8), rest - 8), part(b.add(at + 8), rest - 8), s1);
            }
            if rest > 16 {
                s2 = $step(part(a.add(at + 16), rest - 16), part(b.add(at + 16), rest - 16), s2);
            }
            if rest > 24 {
                s3 = $step(part(a.add(at + 24), rest - 24), part(b.add(at + 24), rest - 24), s3);
            }
        }
        fold([s0, s1, s2, s3])
    }};
}

/// The first `n` (at most 8) values from an address, zeros after them.
///
/// # Safety
/// That many values must be readable there.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn part(from: *const f32, n: usize) -> __m256 {
    // SAFETY: the mask's ones are n at most; the caller vouches for the values.
    unsafe { _mm256_maskload_ps(from, _mm256_loadu_si256(LANES[n.min(8)].as_ptr().cast())) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    accumulate!(a, b, |x, y, sum| _mm256_fmadd_ps(x, y, sum))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
pub(crate) fn l2(a: &[f32], b: &[f32]) -> f32 {
    accumulate!(a, b, |x, y, sum| {
        let d = _mm256_sub_ps(x, y);
        _mm256_fmadd_ps(d, d, sum)
    })
}

/// Eight values from the first 16 bytes of `row`, which must have as many.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn eight_halves(row: &[u8; 16]) -> __m256 {
    // SAFETY: 16 bytes, unaligned load.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(row.as_ptr().cast()) })
}

/// Sums `step(x, y, sum)` over a vector and a row of half-precision values, the last ones zero-filled to 8.
macro_rules! accumulate_halves {
    ($a:ident, $row:ident, $step:expr) => {{
        let mut sums = [_mm256_setzero_ps(); 4];
        let ((a, a_rest), (row, row_rest)) = ($a.as_chunks::<8>(), $row.as_chunks::<16>());
        let ((a, a_last), (row, row_last)) = (a.as_chunks::<4>(), row.as_chunks::<4>());
        let step = |sum: &mut __m256, a: &[f32; 8], row: &[u8; 16]| {
            // SAFETY: 8 values, unaligned load.
            let a = unsafe { _mm256_loadu_ps(a.as_ptr()) };
            *sum = $step(a, eight_halves(row), *sum);
        };
        for (a, row) in a.iter().zip(row) {
            for ((sum, a), row) in sums.iter_mut().zip(a).zip(row) {
                step(sum, a, row);
            }
        }
        for ((sum, a), row) in sums.iter_mut().zip(a_last).zip(row_last) {
            step(sum, a, row);
        }
        if !a_rest.is_empty() {
            // The row's last 16 bytes, shifted so that what is left comes first and zeros follow.
            let last = match $row.last_chunk::<16>() {
                Some(last) => u128::from_le_bytes(*last) >> (8 * (16 - row_rest.len())),
                None => row_rest.iter().rev().fold(0, |all, &byte| all << 8 | u128::from(byte)),
            };
            // SAFETY: as many values as `a_rest` has.
            let a = unsafe { part(a_rest.as_ptr(), a_rest.len()) };
            let sum = &mut sums[a_last.len()];
            *sum = $step(a, eight_halves(&last.to_le_bytes()), *sum);
        }
        fold(sums)
    }};
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn dot_f16(a: &[f32], row: &[u8]) -> f32 {
    accumulate_halves!(a, row, |x, y, sum| _mm256_fmadd_ps(x, y, sum))
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn l2_f16(a: &[f32], row: &[u8]) -> f32 {
    accumulate_halves!(a, row, |x, y, sum| {
        let d = _mm256_sub_ps(x, y);
        _mm256_fmadd_ps(d, d, sum)
    })
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn dots(query: &[f32], rows: &[f32], out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        *out = dot(query, row);
    }
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn l2s(query: &[f32], rows: &[f32], out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        *out = l2(query, row);
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn sum_i32(v: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b1110>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two)))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
pub(crate) fn dot_i8(query: &IntQuery, row: &[u8]) -> i32 {
    let n = row.len();
    let whole = n / 16 * 16;
    let (mut first, mut second) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    let mut at = 0;
    // SAFETY: at + 32 or at + 16 <= whole <= n, the length of the row and of the query's values (checked by the caller).
    unsafe {
        let product = |at: usize| {
            let x = _mm256_cvtepi8_epi16(_mm_loadu_si128(row.as_ptr().add(at).cast()));
            _mm256_madd_epi16(x, _mm256_loadu_si256(query.values.as_ptr().add(at).cast()))
        };
        while at + 32 <= whole {
            first = _mm256_add_epi32(first, product(at));
            second = _mm256_add_epi32(second, product(at + 16));
            at += 32;
        }
        if at < whole {
            first = _mm256_add_epi32(first, product(at));
        }
    }
    if whole < n {
        let mut short = [0u8; 16];
        let last: &[u8] = if n >= 16 {
            &row[n - 16..]
        } else {
            short[16 - n..].copy_from_slice(row);
            &short
        };
        // SAFETY: `last` has 16 bytes, `tail` 16 values.
        let product = unsafe {
            let x = _mm256_cvtepi8_epi16(_mm_loadu_si128(last.as_ptr().cast()));
            _mm256_madd_epi16(x, _mm256_loadu_si256(query.tail.as_ptr().cast()))
        };
        first = _mm256_add_epi32(first, product);
    }
    sum_i32(_mm256_add_epi32(first, second))
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn coarse(query: &[i8], blocks: &[Line], out: &mut [i32]) {
    let steps = query.len() / 4;
    out.fill(0);
    if steps == 0 {
        return;
    }
    let ones = _mm256_set1_epi16(1);
    // Two blocks at a time share the query's broadcasts.
    let mut pairs = blocks.chunks_exact(2 * steps).zip(out.chunks_exact_mut(32));
    for (lines, out) in &mut pairs {
        let mut sums = [_mm256_setzero_si256(); 4];
        for (step, q) in query.as_chunks::<4>().0.iter().enumerate() {
            let q = _mm256_set1_epi32(i32::from_le_bytes(q.map(|x| x as u8)));
            for half in 0..4 {
                let line = &lines[half / 2 * steps + step];
                // SAFETY: half of a line's 64 bytes, which are aligned to 64.
                let x = unsafe { _mm256_load_si256(line.0.as_ptr().add(half % 2 * 32).cast()) };
                sums[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(_mm256_maddubs_epi16(x, q), ones));
            }
        }
        for (sum, out) in sums.iter().zip(out.as_chunks_mut::<8>().0) {
            // SAFETY: 8 values of 4 bytes.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), *sum) }
        }
    }
    let done = out.len() / 32 * 32;
    if done < out.len() {
        scalar::coarse(query, &blocks[done / 16 * steps..], &mut out[done..]);
    }
}
