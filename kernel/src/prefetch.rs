//! Asking for cache lines before they are needed.

/// Asks for the cache lines of some values, into the first level or the second.
#[inline(always)]
pub(crate) fn prefetch<T, const NEAR: bool>(values: &[T]) {
    let start = values.as_ptr().cast::<i8>();
    let mut at = start.wrapping_sub(start.addr() % 64);
    while at.addr() < start.addr() + size_of_val(values) {
        prefetch_line::<NEAR>(at);
        at = at.wrapping_add(64);
    }
}

#[inline(always)]
#[cfg(target_arch = "x86_64")]
fn prefetch_line<const NEAR: bool>(line: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
    // SAFETY: a prefetch has no effect that a program can see, and cannot fault.
    unsafe {
        if NEAR {
            _mm_prefetch::<_MM_HINT_T0>(line);
        } else {
            _mm_prefetch::<_MM_HINT_T1>(line);
        }
    }
}

#[inline(always)]
#[cfg(target_arch = "aarch64")]
fn prefetch_line<const NEAR: bool>(line: *const i8) {
    use std::arch::asm;
    // SAFETY: a prefetch has no effect that a program can see, and cannot fault; it touches no register, flag or stack.
    unsafe {
        if NEAR {
            asm!("prfm pldl1keep, [{}]", in(reg) line.addr(), options(nomem, nostack, preserves_flags));
        } else {
            asm!("prfm pldl2keep, [{}]", in(reg) line.addr(), options(nomem, nostack, preserves_flags));
        }
    }
}

#[inline(always)]
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn prefetch_line<const NEAR: bool>(_line: *const i8) {}
