//! Tiles of queries: a line has four dimensions of 16 queries, which `vpdpbusd` multiplies with the same four of a row at once. It takes
//! unsigned bytes on one side: flipping a row's top bits adds 128 to its values, and 128 times the queries' sums goes off at the end.

use std::arch::x86_64::*;

use super::super::query_tile::{ByteRows, QueryTile, TILE, TileScores};
use super::load;

/// Rows that share the loading of a line.
const ROWS: usize = 8;
/// Lines that stand for 64 dimensions.
const DEPTH: usize = 16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) fn tile_products(tile: &QueryTile, rows: ByteRows<'_>, out: &mut [[i32; TILE]]) {
    let (groups, rest) = out.as_chunks_mut::<ROWS>();
    let whole = ROWS * groups.len();
    for (group, out) in groups.iter_mut().enumerate() {
        products::<ROWS>(tile, rows.from(ROWS * group), out);
    }
    for (row, out) in rest.iter_mut().enumerate() {
        products::<1>(tile, rows.from(whole + row), std::array::from_mut(out));
    }
}

/// Products of the first N rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn products<const N: usize>(tile: &QueryTile, rows: ByteRows<'_>, out: &mut [[i32; TILE]; N]) {
    let flip = _mm512_set1_epi8(i8::MIN);
    // SAFETY: 16 values of 4 bytes.
    let less = _mm512_slli_epi32::<7>(unsafe { _mm512_loadu_si512(tile.sums.as_ptr().cast()) });
    let mut sums = [_mm512_sub_epi32(_mm512_setzero_si512(), less); N];
    let rows: [&[u8]; N] = std::array::from_fn(|row| rows.row(row, tile.dim));
    for (block, lines) in tile.steps().chunks(DEPTH).enumerate() {
        let from = 64 * block;
        let mut flipped = [[[0u8; 4]; DEPTH]; N];
        for (row, flipped) in rows.iter().zip(&mut flipped) {
            let values = &row[from..tile.dim.min(from + 64)];
            let mask = u64::MAX >> (64 - values.len());
            // SAFETY: the mask lets as many bytes be read as there are, and 64 are written into 64.
            unsafe {
                let bytes = _mm512_maskz_loadu_epi8(mask, values.as_ptr().cast());
                _mm512_storeu_si512(flipped.as_mut_ptr().cast(), _mm512_xor_si512(bytes, flip));
            }
        }
        for (step, line) in lines.iter().enumerate() {
            let queries = load(line);
            for (sum, flipped) in sums.iter_mut().zip(&flipped) {
                *sum = _mm512_dpbusd_epi32(*sum, _mm512_set1_epi32(i32::from_le_bytes(flipped[step])), queries);
            }
        }
    }
    for (sum, out) in sums.iter().zip(out) {
        // SAFETY: 16 values of 4 bytes.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), *sum) };
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(crate) fn tile_scores(by: TileScores<'_>, products: &[[i32; TILE]], scores: &mut [[f32; TILE]], reached: &mut [u16]) {
    // SAFETY: 16 values of 4 bytes each.
    let (weights, floors) = unsafe { (_mm512_loadu_ps(by.weights.as_ptr()), _mm512_loadu_ps(by.floors.as_ptr())) };
    for (row, ((products, scores), reached)) in products.iter().zip(scores).zip(reached).enumerate() {
        let less = by.less.get(row).copied().unwrap_or(0.0);
        // SAFETY: 16 values of 4 bytes.
        let product = _mm512_cvtepi32_ps(unsafe { _mm512_loadu_si512(products.as_ptr().cast()) });
        let score = _mm512_mul_ps(_mm512_mul_ps(product, _mm512_set1_ps(by.scales[row])), weights);
        let score = _mm512_sub_ps(score, _mm512_set1_ps(less));
        // What is no number is looked at closer, too.
        *reached = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(score, floors);
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(scores.as_mut_ptr(), score) };
    }
}
