//! AVX-512.

pub(super) use super::avx2::*;

pub(super) fn is_available() -> bool {
    false
}
