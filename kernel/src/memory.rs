//! Large arrays on large pages. A scan touches a new page every few microseconds and a refine step one per candidate; with small
//! pages each such touch walks the page table.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use super::Line;

/// Linux's large page, on x86-64 and mostly on ARM.
const LARGE_PAGE: usize = 2 << 20;

/// A fixed number of lines. From 2 MB on they start on a large page's boundary, and the system is asked to use large pages.
pub struct Lines {
    start: NonNull<Line>,
    count: usize,
}

// SAFETY: Lines owns its memory alone, and lines are plain bytes.
unsafe impl Send for Lines {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Lines {}

impl Lines {
    /// Lines of zeros.
    pub fn zeros(count: usize) -> Self {
        let Some(layout) = Self::layout(count) else {
            return Self { start: NonNull::dangling(), count: 0 };
        };
        // SAFETY: the layout's size is not 0 (see `layout`).
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start.cast::<Line>()) else { handle_alloc_error(layout) };
        if layout.align() >= LARGE_PAGE {
            advise(start.as_ptr().cast(), layout.size());
        }
        // SAFETY: the memory holds `count` lines; zero bytes are valid lines.
        unsafe { ptr::write_bytes(start.as_ptr(), 0, count) };
        Self { start, count }
    }

    /// Copies bytes into lines, the last one filled up with zeros.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut lines = Self::zeros(bytes.len().div_ceil(64));
        lines.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        lines
    }

    /// Its bytes, those that fill up the last line included.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        Line::bytes(self)
    }

    /// Its bytes, to be written.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: a Line is exactly 64 initialised bytes without padding, so n of them are 64 n bytes of the same lifetime.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast::<u8>(), self.count * 64) }
    }

    /// `None` for no lines. A size beyond what can be addressed ends the process, as it does in `Vec`.
    fn layout(count: usize) -> Option<Layout> {
        let size = count.saturating_mul(64);
        let align = if size >= LARGE_PAGE { LARGE_PAGE } else { 64 };
        match Layout::from_size_align(size, align) {
            Ok(layout) => (count > 0).then_some(layout),
            Err(_) => handle_alloc_error(Layout::new::<Line>()),
        }
    }
}

#[cfg(target_os = "linux")]
fn advise(start: *mut libc::c_void, size: usize) {
    // SAFETY: the range is memory of ours, just allocated; the advice changes nothing a program can see. It may be refused.
    unsafe { libc::madvise(start, size, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_start: *mut std::ffi::c_void, _size: usize) {}

impl Drop for Lines {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.count) {
            // SAFETY: allocated in `zeros` with this layout, which depends on the count alone.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) }
        }
    }
}

impl Deref for Lines {
    type Target = [Line];
    #[inline]
    fn deref(&self) -> &[Line] {
        // SAFETY: `start` points at `count` initialised lines, or is dangling and aligned with a count of 0.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl DerefMut for Lines {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Line] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.count) }
    }
}

impl Clone for Lines {
    fn clone(&self) -> Self {
        Self::from_bytes(self.bytes())
    }
}

impl PartialEq for Lines {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines", self.count)
    }
}

/// Returns memory that was freed to the system. glibc keeps what lies between pages in use, and after a build that is most of what
/// the build took.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointer, and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_it_is_given() {
        for bytes in [0usize, 1, 63, 64, 65, 1000, LARGE_PAGE - 1, LARGE_PAGE, LARGE_PAGE + 70, 3 * LARGE_PAGE] {
            let content: Vec<u8> = (0..bytes).map(|i| (i * 7 + i / 251) as u8).collect();
            let lines = Lines::from_bytes(&content);
            assert_eq!(lines.len(), bytes.div_ceil(64));
            assert!(lines.bytes()[..bytes] == content[..] && lines.bytes()[bytes..].iter().all(|&b| b == 0));
            assert_eq!(lines.as_ptr() as usize % 64, 0);
            let mut copy = lines.clone();
            assert!(copy == lines);
            if let Some(line) = copy.last_mut() {
                line.0[63] ^= 1;
                assert!(copy != lines);
            }
        }
    }
}
