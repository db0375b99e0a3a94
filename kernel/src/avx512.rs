//! AVX-512 with BW, VBMI and VNNI: a line a register. What does not gain from the width is AVX2's.
//!
//! - Filter: `vpermb` looks 64 nibbles up at once in a table of 16; summed as in `avx2`. Up to four blocks a pass share the loading of
//!   the tables.
//! - Exact: a table of 256 bytes is four registers. `vpermb` looks 64 codes up in one of them, by the low six bits; merge masks from
//!   the top two bits choose among the four. Four blocks a pass share the loading of a table.
//! - Coarse: `vpdpbusd` multiplies 4 u8 by 4 i8 values and adds them up, exactly as `vpmaddubsw` does where nothing saturates.

mod query_tile;

use std::arch::x86_64::*;

pub(super) use super::avx2::{
    at_least, coarse_scores, column_maxima, dot, dot_f16, dot_i8, dots, l2, l2_f16, l2s, quantise, ranges, table,
};
pub(super) use query_tile::{tile_products, tile_scores};

use super::blocked::{PANEL, Tile, tiled};
use super::strided::viewed;
use super::stripe::{ABREAST, Stripe, striped};
use super::task::FILTER_LINES;
use super::{BLOCK, ExactTask, FilterTask, Line, Offsets, Sink};

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vnni")
}

tiled!(tile, "avx512f", 12, 2, 16, __m512, _mm512_setzero_ps(), _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps);
tiled!(low_tile, "avx512f", 4, 2, 16, __m512, _mm512_setzero_ps(), _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps);
tiled!(single_tile, "avx512f", 1, 2, 16, __m512, _mm512_setzero_ps(), _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps);
striped!("avx512f", 4, 2, 16, __m512, _mm512_setzero_ps(), _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps);
viewed!(
    "avx512f,avx512bw,avx512vl,avx2,fma",
    2,
    16,
    __m512,
    _mm512_setzero_ps(),
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps
);

#[target_feature(enable = "avx512f,avx512vl,avx512bw,fma")]
pub(super) fn curve(curve: super::Curve, values: &mut [f32]) {
    super::curve::curve(curve, values);
}

#[target_feature(enable = "avx512f,avx512vl,avx512bw,fma")]
pub(super) fn softmax(width: usize, values: &mut [f32]) {
    super::softmax::softmax(width, values);
}

/// Blocks that share the loading of a table, where there are as many.
const PASS: usize = 4;
/// Lines by which the asking runs ahead of the scan.
const AHEAD: usize = 256;

/// A line, which is aligned to its 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(line: &Line) -> __m512i {
    // SAFETY: 64 bytes, aligned to 64.
    unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
}

/// The 16-bit sums of 64 codes while they are added up (see `avx2`).
#[derive(Clone, Copy)]
struct Sums {
    all: __m512i,
    odd: __m512i,
}

impl Sums {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn zero() -> Self {
        Self { all: _mm512_setzero_si512(), odd: _mm512_setzero_si512() }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn add(&mut self, bytes: __m512i) {
        self.all = _mm512_add_epi16(self.all, bytes);
        self.odd = _mm512_add_epi16(self.odd, _mm512_srli_epi16::<8>(bytes));
    }

    /// Adds the codes' constants, stores the sums in order and says which reach the threshold. The sums are stored, and constants
    /// looked at, only where that can matter.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn finish(self, offsets: Option<Offsets<'_>>, block: usize, threshold: u16, out: &mut [u16; BLOCK]) -> u64 {
        let wanted = _mm512_set1_epi16(threshold.cast_signed());
        let even = _mm512_sub_epi16(self.all, _mm512_slli_epi16::<8>(self.odd));
        if offsets.is_none() && _mm512_cmpge_epu16_mask(even, wanted) | _mm512_cmpge_epu16_mask(self.odd, wanted) == 0 {
            return 0;
        }
        // Word 2 i is code 2 i's sum from `even`, word 2 i + 1 code 2 i + 1's from `odd`; codes 0..32 first. An index of 32 and more
        // takes from the second register.
        let mut places = [[0u16; 32]; 2];
        for (half, places) in places.iter_mut().enumerate() {
            for (at, place) in places.iter_mut().enumerate() {
                *place = (16 * half + at / 2 + 32 * (at % 2)) as u16;
            }
        }
        let mut lanes = 0;
        for (half, places) in places.iter().enumerate() {
            // SAFETY: 32 values of 2 bytes.
            let places = unsafe { _mm512_loadu_si512(places.as_ptr().cast()) };
            let mut sums = _mm512_permutex2var_epi16(even, places, self.odd);
            if let Some(offsets) = offsets {
                let values = &offsets.values[block * BLOCK + 32 * half..block * BLOCK + 32 * half + 32];
                // SAFETY: 32 values of 2 bytes.
                let values = unsafe { _mm512_loadu_si512(values.as_ptr().cast()) };
                sums = _mm512_add_epi16(sums, _mm512_mulhi_epu16(values, _mm512_set1_epi16(offsets.weight.cast_signed())));
            }
            // SAFETY: 32 of 64 values of 2 bytes; half < 2.
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().add(32 * half).cast(), sums) };
            lanes |= u64::from(_mm512_cmpge_epu16_mask(sums, wanted)) << (32 * half);
        }
        lanes
    }
}

/// The tables of a line's two sub-quantizers, each four times over: `vpermb` looks at six bits of an index, and whatever the upper two
/// are, it finds the entry of the lower four. So nibbles need not be masked off.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn fourfold([even, odd]: &[[u8; 16]; 2]) -> [__m512i; 2] {
    // SAFETY: 16 bytes each, unaligned loads.
    let (even, odd) = unsafe { (_mm_loadu_si128(even.as_ptr().cast()), _mm_loadu_si128(odd.as_ptr().cast())) };
    [_mm512_broadcast_i32x4(even), _mm512_broadcast_i32x4(odd)]
}

/// Byte sums of a line's codes over its two sub-quantizers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn line_sums(line: &Line, [even, odd]: [__m512i; 2]) -> __m512i {
    let codes = load(line);
    _mm512_add_epi8(_mm512_permutexvar_epi8(codes, even), _mm512_permutexvar_epi8(_mm512_srli_epi16::<4>(codes), odd))
}

/// Sums of the first N blocks of `lines`, which share the loading of the tables; asks for the lines of `ahead` meanwhile, evenly spread,
/// since the memory takes only so many requests at a time.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn filter_blocks<const N: usize>(lines: &[Line], tables: &[[[u8; 16]; 2]], ahead: &[Line]) -> [Sums; N] {
    let height = tables.len();
    let lines = &lines[..N * height];
    let mut totals = [Sums::zero(); N];
    let (whole, rest) = tables.as_chunks::<FILTER_LINES>();
    for (group, tables) in whole.iter().enumerate() {
        // Four entries of six bits add up in a byte.
        let mut sums = [_mm512_setzero_si512(); N];
        for (at, tables) in tables.iter().enumerate() {
            let step = FILTER_LINES * group + at;
            fetch(ahead, N * step, N);
            let tables = fourfold(tables);
            for (block, sum) in sums.iter_mut().enumerate() {
                *sum = _mm512_add_epi8(*sum, line_sums(&lines[block * height + step], tables));
            }
        }
        for (total, sum) in totals.iter_mut().zip(sums) {
            total.add(sum);
        }
    }
    for (at, tables) in rest.iter().enumerate() {
        let step = FILTER_LINES * whole.len() + at;
        fetch(ahead, N * step, N);
        let tables = fourfold(tables);
        for (block, total) in totals.iter_mut().enumerate() {
            total.add(line_sums(&lines[block * height + step], tables));
        }
    }
    totals
}

/// The blocks of a scan in turn: what of a block reaches the threshold goes to the sink, which moves the threshold.
struct Ends<'a, S> {
    sink: &'a mut S,
    offsets: Option<Offsets<'a>>,
    threshold: u16,
    sums: [u16; BLOCK],
    /// The next block.
    block: usize,
}

impl<S: Sink> Ends<'_, S> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn take<const N: usize>(&mut self, blocks: [Sums; N]) {
        for sums in blocks {
            let lanes = sums.finish(self.offsets, self.block, self.threshold, &mut self.sums);
            if lanes != 0 {
                self.threshold = self.sink.survivors(self.block, lanes, &self.sums);
            }
            self.block += 1;
        }
    }
}

/// Asks for some lines from a place on, as far as there are any.
#[inline]
#[target_feature(enable = "avx512f")]
fn fetch(lines: &[Line], from: usize, count: usize) {
    if from < lines.len() {
        for at in from..from + count {
            _mm_prefetch::<_MM_HINT_T1>(lines.as_ptr().wrapping_add(at).cast());
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn filter<S: Sink>(task: FilterTask<'_>, sink: &mut S) -> usize {
    let tables = task.tables.as_chunks::<2>().0;
    let height = tables.len();
    let blocks = task.codes.len() / height;
    let mut ends = Ends { sink, offsets: task.offsets, threshold: task.threshold, sums: [0; BLOCK], block: 0 };
    // Lines of `codes`, then of `next`, that were asked for.
    let (mut asked, mut asked_next) = (task.fetched.min(task.codes.len()), 0);
    while ends.block < blocks {
        let at = ends.block * height;
        let lines = &task.codes[at..];
        let pass = match blocks - ends.block {
            1 => 1,
            2 | 3 => 2,
            _ => PASS,
        };
        let until = at + pass * height + AHEAD;
        asked = asked.max(at + pass * height);
        let ahead = if asked < task.codes.len() {
            let from = asked;
            asked = (asked + pass * height).min(until).min(task.codes.len());
            &task.codes[from..asked]
        } else {
            let from = asked_next;
            asked_next = (asked_next + pass * height).min(until.saturating_sub(task.codes.len())).min(task.next.len()).max(from);
            &task.next[from..asked_next]
        };
        match pass {
            1 => ends.take(filter_blocks::<1>(lines, tables, ahead)),
            2 => ends.take(filter_blocks::<2>(lines, tables, ahead)),
            _ => ends.take(filter_blocks::<PASS>(lines, tables, ahead)),
        }
    }
    asked_next
}

/// A table of 256 bytes in four registers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn quarters(table: &[u8; 256]) -> [__m512i; 4] {
    // SAFETY: 4 x 64 bytes, unaligned loads.
    unsafe {
        [
            _mm512_loadu_si512(table.as_ptr().cast()),
            _mm512_loadu_si512(table.as_ptr().add(64).cast()),
            _mm512_loadu_si512(table.as_ptr().add(128).cast()),
            _mm512_loadu_si512(table.as_ptr().add(192).cast()),
        ]
    }
}

/// One of 256 entries for each byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn lookup(quarters: &[__m512i; 4], codes: __m512i) -> __m512i {
    let top = _mm512_movepi8_mask(codes);
    let second = _mm512_movepi8_mask(_mm512_slli_epi16::<1>(codes));
    let found = _mm512_permutexvar_epi8(codes, quarters[0]);
    let found = _mm512_mask_permutexvar_epi8(found, !top & second, codes, quarters[1]);
    let found = _mm512_mask_permutexvar_epi8(found, top & !second, codes, quarters[2]);
    _mm512_mask_permutexvar_epi8(found, top & second, codes, quarters[3])
}

/// Sums of N blocks from the first of `hi` and `lo` on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn exact_blocks<const N: usize>(hi: &[Line], lo: &[Line], tables: &[[[u8; 256]; 2]]) -> [Sums; N] {
    let nibble = _mm512_set1_epi8(15);
    let height = tables.len();
    let mut sums = [Sums::zero(); N];
    for (at, [even, odd]) in tables.iter().enumerate() {
        let (even, odd) = (quarters(even), quarters(odd));
        for (block, sums) in sums.iter_mut().enumerate() {
            let (hi, lo) = (load(&hi[block * height + at]), load(&lo[block * height + at]));
            // Bits that a 16-bit shift carries into the other byte are masked off.
            let first = _mm512_or_si512(_mm512_slli_epi16::<4>(_mm512_and_si512(hi, nibble)), _mm512_and_si512(lo, nibble));
            let second = _mm512_or_si512(_mm512_andnot_si512(nibble, hi), _mm512_and_si512(_mm512_srli_epi16::<4>(lo), nibble));
            sums.add(_mm512_add_epi8(lookup(&even, first), lookup(&odd, second)));
        }
    }
    sums
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn exact<S: Sink>(task: ExactTask<'_>, sink: &mut S) {
    let tables = task.tables.as_chunks::<2>().0;
    let height = tables.len();
    let blocks = task.hi.len() / height;
    let mut ends = Ends { sink, offsets: task.offsets, threshold: task.threshold, sums: [0; BLOCK], block: 0 };
    while ends.block < blocks {
        let at = ends.block * height;
        let (hi, lo) = (&task.hi[at..], &task.lo[at..]);
        if blocks - ends.block < PASS {
            ends.take(exact_blocks::<1>(hi, lo, tables));
        } else {
            fetch(hi, PASS * height, PASS * height);
            fetch(lo, PASS * height, PASS * height);
            ends.take(exact_blocks::<PASS>(hi, lo, tables));
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn coarse(query: &[i8], blocks: &[Line], out: &mut [i32]) {
    let steps = query.len() / 4;
    out.fill(0);
    if steps == 0 {
        return;
    }
    let query = query.as_chunks::<4>().0;
    // Four blocks at a time share the query's broadcasts.
    for (lines, out) in blocks.chunks(4 * steps).zip(out.chunks_mut(64)) {
        let mut sums = [_mm512_setzero_si512(); 4];
        let count = out.len() / 16;
        for (step, q) in query.iter().enumerate() {
            let q = _mm512_set1_epi32(i32::from_le_bytes(q.map(|x| x.cast_unsigned())));
            for (block, sum) in sums.iter_mut().enumerate().take(count) {
                *sum = _mm512_dpbusd_epi32(*sum, load(&lines[block * steps + step]), q);
            }
        }
        for (sum, out) in sums.iter().zip(out.as_chunks_mut::<16>().0) {
            // SAFETY: 16 values of 4 bytes.
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), *sum) };
        }
    }
}
