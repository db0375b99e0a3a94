//! Values by position, in pages that copies share.

use std::ops::Range;
use std::sync::Arc;

/// Values of a page.
const PAGE: usize = 1024;

/// Values by position. Cloning copies pointers, changing a value copies one page that others hold too.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Pages<T> {
    pages: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T: Copy> Pages<T> {
    pub(super) fn new() -> Self {
        Self { pages: Vec::new(), len: 0 }
    }

    /// Adds a value at the end.
    pub(super) fn push(&mut self, value: T) {
        if self.len.is_multiple_of(PAGE) {
            self.pages.push(Arc::default());
        }
        if let Some(last) = self.pages.last_mut() {
            Arc::make_mut(last).push(value);
        }
        self.len += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The value at a position, which must be below [`Pages::len`].
    pub(crate) fn get(&self, at: usize) -> T {
        self.pages[at / PAGE][at % PAGE]
    }

    /// Puts another value at a position, which must be below [`Pages::len`].
    pub(super) fn set(&mut self, at: usize, value: T) {
        Arc::make_mut(&mut self.pages[at / PAGE])[at % PAGE] = value;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        self.pages.iter().flat_map(|page| page.iter().copied())
    }

    /// The values at positions below [`Pages::len`], at most a page of them: in one piece or two.
    #[inline(always)]
    pub(crate) fn slices(&self, at: Range<usize>) -> (&[T], &[T]) {
        if at.is_empty() {
            return (&[], &[]);
        }
        let (from, to) = (at.start % PAGE, at.start % PAGE + at.len());
        let page = &self.pages[at.start / PAGE];
        if to <= PAGE { (&page[from..to], &[]) } else { (&page[from..], &self.pages[at.start / PAGE + 1][..to - PAGE]) }
    }

    /// Bytes of memory without the pages that are another one's too.
    pub(super) fn memory_beside(&self, other: &Self) -> usize {
        let shared = self.pages.iter().zip(&other.pages).filter(|(own, other)| Arc::ptr_eq(own, other));
        self.memory() - shared.map(|(page, _)| page.capacity() * size_of::<T>()).sum::<usize>()
    }

    pub(super) fn shrink(&mut self) {
        self.pages.shrink_to_fit();
        if let Some(last) = self.pages.last_mut().and_then(Arc::get_mut) {
            last.shrink_to_fit();
        }
    }

    /// Bytes of memory, those that copies share among them.
    pub(super) fn memory(&self) -> usize {
        // A pointer to the page, two counts and the vector's head.
        const HEAD: usize = 8 + 16 + 24;
        let values: usize = self.pages.iter().map(|page| page.capacity()).sum();
        values * size_of::<T>() + self.pages.len() * HEAD
    }
}

impl<T: Copy> FromIterator<T> for Pages<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut values = values.into_iter();
        let mut all = Self::new();
        loop {
            let page: Vec<T> = values.by_ref().take(PAGE).collect();
            if page.is_empty() {
                return all;
            }
            all.len += page.len();
            all.pages.push(Arc::new(page));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_where_they_were_put_and_copies_keep_theirs() {
        for len in [0, 1, 63, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 7] {
            let mut pages: Pages<u32> = (0..len as u32).collect();
            let mut pushed = Pages::new();
            (0..len as u32).for_each(|value| pushed.push(value));
            assert_eq!((&pushed, pages.len()), (&pages, len));
            let before = pages.clone();
            let mut plain: Vec<u32> = (0..len as u32).collect();
            for at in (0..len).step_by(97) {
                pages.set(at, 7);
                plain[at] = 7;
            }
            assert!(pages.iter().eq(plain.iter().copied()) && before.iter().eq(0..len as u32));
            for from in (0..len).step_by(61) {
                let at = from..len.min(from + 64);
                let (first, second) = pages.slices(at.clone());
                assert_eq!([first, second].concat(), plain[at]);
            }
        }
    }

    #[test]
    fn a_page_is_as_long_as_its_values() {
        let mut pages: Pages<u64> = Pages::new();
        (0..5).for_each(|value| pages.push(value));
        pages.shrink();
        assert!(pages.memory() <= 5 * 8 + 48, "{}", pages.memory());
    }
}
