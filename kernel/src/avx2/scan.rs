//! The scans. They add table entries in bytes while they fit (four of the filter's, two of the exact scan's), then into 16-bit sums:
//! `all` adds the byte pairs as they are (modulo 2^16), `odd` their upper bytes; at the end the even sums are `all - (odd << 8)`. The
//! filter takes 8 vector operations for 64 lookups.

use std::arch::x86_64::*;

use super::super::task::FILTER_LINES;
use super::super::{BLOCK, ExactTask, FilterTask, Line, Offsets, Sink};

/// One of 16 entries for each byte's low nibble; the upper nibble must be 0.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn broadcast(table: &[u8; 16]) -> __m256i {
    // SAFETY: 16 bytes, unaligned load.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) }
}

/// The 16-bit sums of 32 codes while they are added up.
#[derive(Clone, Copy)]
struct Sums {
    all: __m256i,
    odd: __m256i,
}

impl Sums {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn zero() -> Self {
        Self { all: _mm256_setzero_si256(), odd: _mm256_setzero_si256() }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn add(&mut self, bytes: __m256i) {
        self.all = _mm256_add_epi16(self.all, bytes);
        self.odd = _mm256_add_epi16(self.odd, _mm256_srli_epi16::<8>(bytes));
    }

    /// Sums of codes 0..16 and 16..32 in order.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn ordered(self) -> [__m256i; 2] {
        let even = _mm256_sub_epi16(self.all, _mm256_slli_epi16::<8>(self.odd));
        let (low, high) = (_mm256_unpacklo_epi16(even, self.odd), _mm256_unpackhi_epi16(even, self.odd));
        [_mm256_permute2x128_si256::<0x20>(low, high), _mm256_permute2x128_si256::<0x31>(low, high)]
    }

    /// A bit for every code whose sum is at least `threshold`, in order.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn reach(self, threshold: __m256i) -> u32 {
        let even = _mm256_sub_epi16(self.all, _mm256_slli_epi16::<8>(self.odd));
        let even = _mm256_cmpeq_epi16(_mm256_max_epu16(even, threshold), even);
        let odd = _mm256_cmpeq_epi16(_mm256_max_epu16(self.odd, threshold), self.odd);
        _mm256_movemask_epi8(_mm256_blendv_epi8(odd, even, _mm256_set1_epi16(0x00ff))) as u32
    }
}

/// The end of a block: constants, threshold, and the sums in order when some code reaches it.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn finish(first: Sums, second: Sums, offsets: Option<Offsets<'_>>, block: usize, threshold: u16, out: &mut [u16; BLOCK]) -> u64 {
    let wanted = _mm256_set1_epi16(threshold as i16);
    let Some(offsets) = offsets else {
        let lanes = u64::from(first.reach(wanted)) | u64::from(second.reach(wanted)) << 32;
        if lanes != 0 {
            let ([a, b], [c, d]) = (first.ordered(), second.ordered());
            // SAFETY: 64 values of 2 bytes.
            unsafe {
                _mm256_storeu_si256(out.as_mut_ptr().cast(), a);
                _mm256_storeu_si256(out.as_mut_ptr().add(16).cast(), b);
                _mm256_storeu_si256(out.as_mut_ptr().add(32).cast(), c);
                _mm256_storeu_si256(out.as_mut_ptr().add(48).cast(), d);
            }
        }
        return lanes;
    };
    let weight = _mm256_set1_epi16(offsets.weight as i16);
    let mut lanes = 0;
    let values = &offsets.values[block * BLOCK..(block + 1) * BLOCK];
    for (quarter, sums) in [first, second].iter().flat_map(|part| part.ordered()).enumerate() {
        // SAFETY: 16 of 64 values, read and written; quarter < 4.
        let sums = unsafe {
            let value = _mm256_loadu_si256(values.as_ptr().add(16 * quarter).cast());
            let sums = _mm256_add_epi16(sums, _mm256_mulhi_epu16(value, weight));
            _mm256_storeu_si256(out.as_mut_ptr().add(16 * quarter).cast(), sums);
            sums
        };
        let reach = _mm256_cmpeq_epi16(_mm256_max_epu16(sums, wanted), sums);
        let packed = _mm_packs_epi16(_mm256_castsi256_si128(reach), _mm256_extracti128_si256::<1>(reach));
        lanes |= (_mm_movemask_epi8(packed) as u64) << (16 * quarter);
    }
    lanes
}

/// Byte sums of a line's 2 x 32 codes over its two sub-quantizers.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn line_sums(line: &Line, [even, odd]: &[[u8; 16]; 2]) -> [__m256i; 2] {
    let nibble = _mm256_set1_epi8(15);
    let (even, odd) = (broadcast(even), broadcast(odd));
    // SAFETY: the halves of a line's 64 bytes, which are aligned to 64.
    let (a, b) = unsafe { (_mm256_load_si256(line.0.as_ptr().cast()), _mm256_load_si256(line.0.as_ptr().add(32).cast())) };
    let low_a = _mm256_shuffle_epi8(even, _mm256_and_si256(a, nibble));
    let low_b = _mm256_shuffle_epi8(even, _mm256_and_si256(b, nibble));
    let high_a = _mm256_shuffle_epi8(odd, _mm256_and_si256(_mm256_srli_epi16::<4>(a), nibble));
    let high_b = _mm256_shuffle_epi8(odd, _mm256_and_si256(_mm256_srli_epi16::<4>(b), nibble));
    [_mm256_add_epi8(low_a, high_a), _mm256_add_epi8(low_b, high_b)]
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn filter<S: Sink>(task: FilterTask<'_>, sink: &mut S) -> usize {
    let tables = task.tables.as_chunks::<2>().0;
    let height = tables.len();
    let mut threshold = task.threshold;
    let mut sums = [0u16; BLOCK];
    for (block, lines) in task.codes.chunks_exact(height).enumerate() {
        if let Some(next) = task.next.get(block * height..) {
            for line in next.iter().take(height) {
                _mm_prefetch::<_MM_HINT_T1>(line.0.as_ptr().cast());
            }
        }
        let (mut first, mut second) = (Sums::zero(), Sums::zero());
        let (whole, rest) = lines.as_chunks::<FILTER_LINES>();
        let (tables, rest_tables) = tables.as_chunks::<FILTER_LINES>();
        for (lines, tables) in whole.iter().zip(tables) {
            // Four entries of six bits add up in a byte.
            let ([a0, b0], [a1, b1]) = (line_sums(&lines[0], &tables[0]), line_sums(&lines[1], &tables[1]));
            first.add(_mm256_add_epi8(a0, a1));
            second.add(_mm256_add_epi8(b0, b1));
        }
        for (line, table) in rest.iter().zip(rest_tables) {
            let [a, b] = line_sums(line, table);
            first.add(a);
            second.add(b);
        }
        let lanes = finish(first, second, task.offsets, block, threshold, &mut sums);
        if lanes != 0 {
            threshold = sink.survivors(block, lanes, &sums);
        }
    }
    task.next.len().min(task.codes.len())
}

/// One of 256 entries for each pair of nibbles: 16 shuffles by the low one, chosen among by the bits of the high one.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn lookup(table: &[u8; 256], hi: __m256i, lo: __m256i) -> __m256i {
    let mut found = [_mm256_setzero_si256(); 16];
    for (found, table) in found.iter_mut().zip(table.as_chunks::<16>().0) {
        *found = _mm256_shuffle_epi8(broadcast(table), lo);
    }
    // Bit b of the nibble moves to the byte's sign, which is what a blend looks at; bits that cross into the next byte stay below it.
    let bits = [_mm256_slli_epi16::<7>(hi), _mm256_slli_epi16::<6>(hi), _mm256_slli_epi16::<5>(hi), _mm256_slli_epi16::<4>(hi)];
    let mut left = 8;
    for bit in bits {
        for i in 0..left {
            found[i] = _mm256_blendv_epi8(found[2 * i], found[2 * i + 1], bit);
        }
        left /= 2;
    }
    found[0]
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn exact<S: Sink>(task: ExactTask<'_>, sink: &mut S) {
    let nibble = _mm256_set1_epi8(15);
    let tables = task.tables.as_chunks::<2>().0;
    let mut threshold = task.threshold;
    let mut sums = [0u16; BLOCK];
    for (block, (hi, lo)) in task.hi.chunks_exact(tables.len()).zip(task.lo.chunks_exact(tables.len())).enumerate() {
        let mut parts = [Sums::zero(); 2];
        for ((hi, lo), [even, odd]) in hi.iter().zip(lo).zip(tables) {
            for (half, part) in parts.iter_mut().enumerate() {
                // SAFETY: half of a line's 64 bytes, which are aligned to 64.
                let (hi, lo) = unsafe {
                    (_mm256_load_si256(hi.0.as_ptr().add(32 * half).cast()), _mm256_load_si256(lo.0.as_ptr().add(32 * half).cast()))
                };
                let first = lookup(even, _mm256_and_si256(hi, nibble), _mm256_and_si256(lo, nibble));
                let (hi, lo) = (_mm256_srli_epi16::<4>(hi), _mm256_srli_epi16::<4>(lo));
                let second = lookup(odd, _mm256_and_si256(hi, nibble), _mm256_and_si256(lo, nibble));
                part.add(_mm256_add_epi8(first, second));
            }
        }
        let lanes = finish(parts[0], parts[1], task.offsets, block, threshold, &mut sums);
        if lanes != 0 {
            threshold = sink.survivors(block, lanes, &sums);
        }
    }
}
