//! AVX-512 with AMX: a matrix unit that multiplies 16 rows of 64 bytes with 16 queries at once. All but tiles of queries is AVX-512's.
//!
//! The compiler's intrinsics are not stable, hence assembly. Its registers are used within one block of assembly each, between a
//! configuration and a release, so that nobody else meets them.

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _xgetbv};
use std::sync::OnceLock;

pub(super) use super::avx512::{
    at_least, coarse, coarse_scores, column_maxima, curve, dot, dot_f16, dot_i8, dots, exact, filter, l2, l2_f16, l2s, looped, low_tile,
    quantise, ranges, single_tile, softmax, strided, stripe, table, tile, tile_scores,
};

use super::avx512;
use super::line::Line;
use super::query_tile::{ByteRows, QueryTile, TILE};

/// Rows of a register.
const ROWS: usize = 16;
/// Registers of rows that share the loading of a register of queries, and hide the unit's latency.
const GROUPS: usize = 4;

/// What each register holds: sums (0 to 3), rows (4, 5) and queries (6), all of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration([u8; 64]);

static CONFIGURATION: Configuration = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut register = 0;
    while register < 7 {
        bytes[16 + 2 * register] = 64;
        bytes[48 + register] = ROWS as u8;
        register += 1;
    }
    Configuration(bytes)
};

/// Whether the CPU has the unit and the system lets this process use it, which is asked for once.
pub(super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_unit() && permitted())
}

fn has_unit() -> bool {
    const TILES_AND_INT8: u32 = 1 << 24 | 1 << 25;
    const TILE_STATE: u64 = 1 << 17 | 1 << 18;
    if !is_x86_feature_detected!("xsave") {
        return false;
    }
    // SAFETY: leaf 7 is there where AVX-512 is, and so is `xgetbv`.
    unsafe { __cpuid_count(7, 0).edx & TILES_AND_INT8 == TILES_AND_INT8 && extended_state() & TILE_STATE == TILE_STATE }
}

/// What of the CPU's state the system keeps for a thread.
///
/// # Safety
/// The CPU has XSAVE, enabled by the system.
#[target_feature(enable = "xsave")]
unsafe fn extended_state() -> u64 {
    // SAFETY: the caller's promise.
    unsafe { _xgetbv(0) }
}

/// Linux keeps the unit's state (8 KB a thread) for those alone that asked.
#[cfg(target_os = "linux")]
fn permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_int = 0x1023;
    const TILE_DATA: libc::c_ulong = 18;
    // SAFETY: asks for a permission; it may be refused, and changes no memory.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0 }
}

/// Other systems have no such permission, or one that is asked for otherwise.
#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn tile_products(tile: &QueryTile, rows: ByteRows<'_>, out: &mut [[i32; TILE]]) {
    let depth = tile.lines.len() / ROWS;
    // Whole registers of rows are read, behind the last dimension and the last row too: as far as there is something to be read.
    let readable = |registers: usize| (ROWS * registers - 1) * rows.stride + 64 * depth <= rows.bytes.len();
    let mut registers = out.len().div_ceil(ROWS);
    while registers > 0 && !readable(registers) {
        registers -= 1;
    }
    let done = out.len().min(ROWS * registers);
    if registers > 0 && depth > 0 {
        // SAFETY: the CPU has the unit and the process may use it (see `is_available`); the configuration is a valid one.
        unsafe { asm!("ldtilecfg [{0}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly)) };
        let (out, rest) = out[..done].as_chunks_mut::<{ ROWS * GROUPS }>();
        for (group, out) in out.iter_mut().enumerate() {
            // SAFETY: configured above; all of these registers' rows can be read; there is room for 64 rows of sums.
            unsafe { four(&tile.lines, rows.from(ROWS * GROUPS * group), depth, out.as_mut_ptr()) };
        }
        let first = ROWS * GROUPS * out.len();
        for (group, out) in rest.chunks_mut(ROWS).enumerate() {
            let mut sums = [[0; TILE]; ROWS];
            // SAFETY: as above; there is room for 16 rows of sums.
            unsafe { one(&tile.lines, rows.from(first + ROWS * group), depth, sums.as_mut_ptr()) };
            out.copy_from_slice(&sums[..out.len()]);
        }
        // SAFETY: as above.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
    if done < out.len() {
        avx512::tile_products(tile, rows.from(done), &mut out[done..]);
    }
}

/// Sums of 64 rows.
///
/// # Safety
/// The unit is configured by [`CONFIGURATION`]; `queries` are 16 lines for each of `depth` steps; 63 strides and `64 * depth` bytes can be read from
/// the rows' first byte on; 64 rows can be written at `out`.
#[inline]
unsafe fn four(queries: &[Line], rows: ByteRows<'_>, depth: usize, out: *mut [i32; TILE]) {
    debug_assert!(depth > 0 && queries.len() >= ROWS * depth);
    let start = rows.bytes.as_ptr();
    let register = ROWS * rows.stride;
    // SAFETY: the caller's promises.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm6, [{queries} + {line}]",
            "tileloadd tmm4, [{first} + {stride}]",
            "tdpbssd tmm0, tmm4, tmm6",
            "tileloadd tmm5, [{second} + {stride}]",
            "tdpbssd tmm1, tmm5, tmm6",
            "tileloadd tmm4, [{third} + {stride}]",
            "tdpbssd tmm2, tmm4, tmm6",
            "tileloadd tmm5, [{fourth} + {stride}]",
            "tdpbssd tmm3, tmm5, tmm6",
            "add {queries}, 1024",
            "add {first}, 64",
            "add {second}, 64",
            "add {third}, 64",
            "add {fourth}, 64",
            "dec {depth}",
            "jnz 2b",
            "tilestored [{out} + {line}], tmm0",
            "tilestored [{out} + {line} + 1024], tmm1",
            "tilestored [{out} + {line} + 2048], tmm2",
            "tilestored [{out} + {line} + 3072], tmm3",
            queries = inout(reg) queries.as_ptr() => _,
            first = inout(reg) start => _,
            second = inout(reg) start.wrapping_add(register) => _,
            third = inout(reg) start.wrapping_add(2 * register) => _,
            fourth = inout(reg) start.wrapping_add(3 * register) => _,
            depth = inout(reg) depth => _,
            stride = in(reg) rows.stride,
            line = in(reg) 64usize,
            out = in(reg) out,
            options(nostack),
        );
    }
}

/// Sums of 16 rows.
///
/// # Safety
/// As [`four`], for 15 strides and 16 rows.
#[inline]
unsafe fn one(queries: &[Line], rows: ByteRows<'_>, depth: usize, out: *mut [i32; TILE]) {
    debug_assert!(depth > 0 && queries.len() >= ROWS * depth);
    // SAFETY: the caller's promises.
    unsafe {
        asm!(
            "tilezero tmm0",
            "2:",
            "tileloadd tmm6, [{queries} + {line}]",
            "tileloadd tmm4, [{rows} + {stride}]",
            "tdpbssd tmm0, tmm4, tmm6",
            "add {queries}, 1024",
            "add {rows}, 64",
            "dec {depth}",
            "jnz 2b",
            "tilestored [{out} + {line}], tmm0",
            queries = inout(reg) queries.as_ptr() => _,
            rows = inout(reg) rows.bytes.as_ptr() => _,
            depth = inout(reg) depth => _,
            stride = in(reg) rows.stride,
            line = in(reg) 64usize,
            out = in(reg) out,
            options(nostack),
        );
    }
}
