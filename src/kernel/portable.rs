//! Loops that the compiler vectorises as well as a person would; each path instantiates them with its own CPU features, so the
//! order of operations is the same by construction.

use super::ENTRY_MAX;

#[inline(always)]
pub(super) fn table<const W: usize>(query: &[f32], columns: &[f32], bounds: &[u32], out: &mut [f32]) {
    for (part, entries) in bounds.windows(2).zip(out.as_chunks_mut::<W>().0) {
        *entries = [0.0; W];
        let (from, to) = (part[0] as usize, part[1] as usize);
        for (x, column) in query[from..to].iter().zip(columns[W * from..W * to].as_chunks::<W>().0) {
            for (entry, value) in entries.iter_mut().zip(column) {
                *entry = x.mul_add(*value, *entry);
            }
        }
    }
}

#[inline(always)]
pub(super) fn ranges<const W: usize>(table: &[f32], low: &mut [f32]) -> f32 {
    let mut widest = 0f32;
    for (entries, low) in table.as_chunks::<W>().0.iter().zip(low) {
        let (mut least, mut most) = ([f32::INFINITY; 8], [f32::NEG_INFINITY; 8]);
        for group in entries.as_chunks::<8>().0 {
            for lane in 0..8 {
                least[lane] = if group[lane] < least[lane] { group[lane] } else { least[lane] };
                most[lane] = if group[lane] > most[lane] { group[lane] } else { most[lane] };
            }
        }
        for half in [4, 2, 1] {
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
pub(super) fn quantise<const W: usize>(table: &[f32], low: &[f32], inverse: f32, round: f32, out: &mut [[u8; W]]) {
    for ((entries, low), bytes) in table.as_chunks::<W>().0.iter().zip(low).zip(out) {
        for (entry, byte) in entries.iter().zip(bytes) {
            // An i32 first: the conversion saturates, and vectorises.
            *byte = (((entry - low) * inverse + round) as i32).clamp(0, i32::from(ENTRY_MAX)) as u8;
        }
    }
}
