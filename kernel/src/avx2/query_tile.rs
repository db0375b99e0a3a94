//! Tiles of queries: bytes widened to 16 bits, `vpmaddwd` multiplies four dimensions of four queries with the same four of a row. A query's
//! sum stands in two halves, which are added at the end.

use std::arch::x86_64::*;

use super::super::line::Line;
use super::super::query_tile::{ByteRows, QueryTile, TILE};

/// Rows that share the widening of a line.
const ROWS: usize = 2;

#[target_feature(enable = "avx2,fma")]
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
#[target_feature(enable = "avx2,fma")]
fn products<const N: usize>(tile: &QueryTile, rows: ByteRows<'_>, out: &mut [[i32; TILE]; N]) {
    let mut sums = [[_mm256_setzero_si256(); 4]; N];
    let rows: [&[u8]; N] = std::array::from_fn(|row| rows.row(row, tile.dim));
    let (fours, rests): ([&[[u8; 4]]; N], [&[u8]; N]) = (rows.map(|row| row.as_chunks().0), rows.map(|row| row.as_chunks::<4>().1));
    let whole = tile.dim / 4;
    let fours = fours.map(|fours| &fours[..whole]);
    for (step, line) in tile.steps()[..whole].iter().enumerate() {
        let queries = widened(line);
        for (four, sums) in fours.iter().zip(&mut sums) {
            add(four[step], queries, sums);
        }
    }
    if let Some(line) = tile.steps().get(whole) {
        let queries = widened(line);
        for (rest, sums) in rests.iter().zip(&mut sums) {
            let mut four = [0; 4];
            four.iter_mut().zip(*rest).for_each(|(value, byte)| *value = *byte);
            add(four, queries, sums);
        }
    }
    // Adding neighbours goes by halves of a register: queries 0 1 4 5 2 3 6 7.
    let order = _mm256_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7);
    for (sums, out) in sums.iter().zip(out) {
        for (pair, out) in sums.as_chunks::<2>().0.iter().zip(out.as_chunks_mut::<8>().0) {
            let eight = _mm256_permutevar8x32_epi32(_mm256_hadd_epi32(pair[0], pair[1]), order);
            // SAFETY: 8 values of 4 bytes.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), eight) };
        }
    }
}

/// A line's values in 16 bits, four queries a register.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn widened(line: &Line) -> [__m256i; 4] {
    let mut queries = [_mm256_setzero_si256(); 4];
    for (queries, bytes) in queries.iter_mut().zip(line.0.as_chunks::<16>().0) {
        // SAFETY: 16 bytes.
        *queries = _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
    }
    queries
}

/// Adds the products of four of a row's values with those of the queries.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add(four: [u8; 4], queries: [__m256i; 4], sums: &mut [__m256i; 4]) {
    let row = _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(i32::from_le_bytes(four))));
    for (sum, queries) in sums.iter_mut().zip(queries) {
        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(row, queries));
    }
}
