//! Loops that the compiler vectorises as well as a person would; each path instantiates them with its own CPU features, so the
//! order of operations is the same by construction.

use super::Rounding;
use super::query_tile::{ByteRows, QueryTile, TILE, TileScores};

#[inline(always)]
pub(super) fn table<const W: usize>(query: &[f32], columns: &[f32], bounds: &[u32], out: &mut [f32]) {
    /// Entries that are summed up in registers.
    const GROUP: usize = 16;
    for (part, entries) in bounds.windows(2).zip(out.as_chunks_mut::<W>().0) {
        let (from, to) = (part[0] as usize, part[1] as usize);
        let (query, columns) = (&query[from..to], columns[W * from..W * to].as_chunks::<W>().0);
        for (group, entries) in entries.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            let mut sums = [0f32; GROUP];
            for (x, column) in query.iter().zip(columns) {
                for (sum, value) in sums.iter_mut().zip(&column.as_chunks::<GROUP>().0[group]) {
                    *sum = x.mul_add(*value, *sum);
                }
            }
            *entries = sums;
        }
    }
}

#[inline(always)]
pub(super) fn ranges<const W: usize>(table: &[f32], low: &mut [f32]) -> f32 {
    /// As many of the smallest and of the largest values are followed side by side as hide the time of a comparison.
    const LANES: usize = 16;
    let mut widest = 0f32;
    for (entries, low) in table.as_chunks::<W>().0.iter().zip(low) {
        let (mut least, mut most) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        for group in entries.as_chunks::<LANES>().0 {
            for lane in 0..LANES {
                least[lane] = if group[lane] < least[lane] { group[lane] } else { least[lane] };
                most[lane] = if group[lane] > most[lane] { group[lane] } else { most[lane] };
            }
        }
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                least[lane] = if least[lane + half] < least[lane] { least[lane + half] } else { least[lane] };
                most[lane] = if most[lane + half] > most[lane] { most[lane + half] } else { most[lane] };
            }
        }
        *low = least[0];
        let range = most[0] - least[0];
        widest = if range > widest { range } else { widest };
    }
    widest
}

#[inline(always)]
pub(super) fn quantise<const W: usize>(table: &[f32], low: &[f32], rounding: Rounding, out: &mut [[u8; W]]) {
    let most = f32::from(rounding.most);
    for ((entries, low), bytes) in table.as_chunks::<W>().0.iter().zip(low).zip(out) {
        for (entry, byte) in entries.iter().zip(bytes) {
            let value = (entry - low) * rounding.inverse + rounding.add;
            // What is not a number becomes 0.
            let value = if value > 0.0 { value } else { 0.0 };
            let value = if value < most { value } else { most };
            // SAFETY: from 0 to 255. The checked conversion would not be vectorised.
            *byte = unsafe { value.to_int_unchecked::<i32>() } as u8;
        }
    }
}

#[inline(always)]
pub(super) fn coarse_scores(sums: &[i32], offset: i32, unit: f32, scales: &[f32], less: &[f32], out: &mut [f32]) {
    for (((out, sum), scale), less) in out.iter_mut().zip(sums).zip(scales).zip(less) {
        *out = sum.wrapping_sub(offset) as f32 * (scale * unit) - less;
    }
}

#[inline(always)]
pub(super) fn column_maxima(scores: &[f32], most: &mut [f32]) {
    for row in scores.chunks(most.len().max(1)) {
        for (most, score) in most.iter_mut().zip(row) {
            *most = if *score > *most { *score } else { *most };
        }
    }
}

#[inline(always)]
pub(super) fn tile_products(tile: &QueryTile, rows: ByteRows<'_>, out: &mut [[i32; TILE]]) {
    for (row, out) in out.iter_mut().enumerate() {
        let (whole, rest) = rows.row(row, tile.dim).as_chunks::<4>();
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        *out = [0; TILE];
        for (values, line) in whole.iter().chain([&last]).zip(tile.steps()) {
            let values = values.map(|x| i32::from(x.cast_signed()));
            for (sum, query) in out.iter_mut().zip(line.0.as_chunks::<4>().0) {
                for (x, q) in values.iter().zip(query) {
                    *sum = sum.wrapping_add(x * i32::from(q.cast_signed()));
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn tile_scores(by: TileScores<'_>, products: &[[i32; TILE]], scores: &mut [[f32; TILE]], reached: &mut [u16]) {
    for (row, ((products, scores), reached)) in products.iter().zip(scores).zip(reached).enumerate() {
        let (scale, less) = (by.scales[row], by.less.get(row).copied().unwrap_or(0.0));
        let mut bits = 0;
        for query in 0..TILE {
            let score = (products[query] as f32 * scale) * by.weights[query] - less;
            scores[query] = score;
            // What is no number is looked at closer, too.
            bits |= u16::from(score.is_nan() || score >= by.floors[query]) << query;
        }
        *reached = bits;
    }
}
