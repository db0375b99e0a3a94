//! Bytes as the scan takes them: lines, a block's codes of one sub-quantizer each.

/// Codes of a block: one a bit of a mask word.
pub const BLOCK: usize = 64;

/// 64 bytes on a cache line of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(64))]
pub struct Line(pub [u8; 64]);

impl Line {
    /// The bytes of some lines, one line after the other.
    #[inline]
    pub fn bytes(lines: &[Line]) -> &[u8] {
        // SAFETY: a Line is exactly 64 initialised bytes without padding, so n of them are 64 n bytes of the same lifetime.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast::<u8>(), lines.len() * 64) }
    }
}
