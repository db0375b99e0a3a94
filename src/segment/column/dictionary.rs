//! The distinct texts of a column, in the order of their bytes, and the codes that stand for them.

use std::sync::Arc;

use super::pages::Pages;

/// Sorted, distinct texts; a text's place is its code, so that an interval of texts is an interval of codes. Copies share them.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Dictionary {
    bytes: Arc<Vec<u8>>,
    /// `texts + 1` bounds into `bytes`.
    offsets: Arc<Vec<u32>>,
}

impl Dictionary {
    /// Takes texts that ascend.
    ///
    /// # Errors
    /// The bytes of the texts up to the first that ends beyond 4 GiB.
    pub(super) fn from_sorted<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Self, u64> {
        let (mut bytes, mut offsets) = (Vec::new(), vec![0]);
        for text in texts {
            bytes.extend_from_slice(text.as_bytes());
            offsets.push(u32::try_from(bytes.len()).map_err(|_| bytes.len() as u64)?);
        }
        bytes.shrink_to_fit();
        offsets.shrink_to_fit();
        Ok(Self { bytes: bytes.into(), offsets: offsets.into() })
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The text of a code, which must be below [`Dictionary::len`].
    pub(crate) fn get(&self, code: u32) -> &str {
        // Texts come from `&str`s, and bytes read back are checked; the empty text can only stand for a broken invariant.
        std::str::from_utf8(self.raw(code as usize)).unwrap_or_default()
    }

    fn raw(&self, at: usize) -> &[u8] {
        &self.bytes[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }

    /// Codes of the texts below which `is_below` holds; it must hold for a beginning of the texts in the order of their bytes.
    pub(crate) fn count_while(&self, is_below: impl Fn(&[u8]) -> bool) -> u32 {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if is_below(self.raw(middle)) { low = middle + 1 } else { high = middle }
        }
        low as u32
    }

    /// The code of a text.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        let code = self.count_while(|here| here < text.as_bytes());
        ((code as usize) < self.len() && self.raw(code as usize) == text.as_bytes()).then_some(code)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|code| self.get(code))
    }

    /// Little-endian u32s: the number of texts, their bounds; then the texts.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + self.offsets.len() * 4 + self.bytes.len());
        out.extend_from_slice(&(self.len() as u32).to_le_bytes());
        out.extend(self.offsets.iter().flat_map(|offset| offset.to_le_bytes()));
        out.extend_from_slice(&self.bytes);
        out
    }

    /// Reads what [`Dictionary::to_bytes`] wrote; `None` when the bytes are not ascending texts.
    pub(super) fn from_bytes(data: &[u8]) -> Option<Self> {
        let (count, rest) = data.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (bounds, bytes) = rest.split_at_checked(count.checked_add(1)?.checked_mul(4)?)?;
        let offsets: Vec<u32> = bounds.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let whole = offsets.first() == Some(&0) && offsets.is_sorted() && offsets.last().is_some_and(|&end| end as usize == bytes.len());
        let text = std::str::from_utf8(bytes).ok()?;
        if !whole || offsets.iter().any(|&at| !text.is_char_boundary(at as usize)) {
            return None;
        }
        let found = Self { bytes: bytes.to_vec().into(), offsets: offsets.into() };
        (1..count).all(|at| found.raw(at - 1) < found.raw(at)).then_some(found)
    }

    pub(super) fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bytes, &other.bytes)
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.offsets.capacity() * 4
    }
}

/// Codes of a dictionary, in as few bytes each as its length allows.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Codes {
    U8(Pages<u8>),
    U16(Pages<u16>),
    U32(Pages<u32>),
}

impl Codes {
    /// Codes below `texts`, or 0 where there are no texts.
    pub(super) fn new(codes: Vec<u32>, texts: usize) -> Self {
        match texts {
            0..=0x100 => Self::U8(codes.into_iter().map(|code| code as u8).collect()),
            0x101..=0x1_0000 => Self::U16(codes.into_iter().map(|code| code as u16).collect()),
            _ => Self::U32(codes.into_iter().collect()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::U8(codes) => codes.len(),
            Self::U16(codes) => codes.len(),
            Self::U32(codes) => codes.len(),
        }
    }

    pub(crate) fn get(&self, at: usize) -> u32 {
        match self {
            Self::U8(codes) => u32::from(codes.get(at)),
            Self::U16(codes) => u32::from(codes.get(at)),
            Self::U32(codes) => codes.get(at),
        }
    }

    /// Puts another code, below the number of texts, at a position.
    pub(super) fn set(&mut self, at: usize, code: u32) {
        match self {
            Self::U8(codes) => codes.set(at, code as u8),
            Self::U16(codes) => codes.set(at, code as u16),
            Self::U32(codes) => codes.set(at, code),
        }
    }

    /// Little-endian codes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::U8(codes) => codes.iter().collect(),
            Self::U16(codes) => codes.iter().flat_map(|code| code.to_le_bytes()).collect(),
            Self::U32(codes) => codes.iter().flat_map(|code| code.to_le_bytes()).collect(),
        }
    }

    /// Reads what [`Codes::to_bytes`] wrote of codes of so many texts; `None` where one stands for none of them.
    pub(super) fn from_bytes(data: &[u8], texts: usize) -> Option<Self> {
        let codes: Vec<u32> = match texts {
            0..=0x100 => data.iter().map(|code| u32::from(*code)).collect(),
            0x101..=0x1_0000 if data.len().is_multiple_of(2) => {
                data.as_chunks::<2>().0.iter().map(|b| u32::from(u16::from_le_bytes(*b))).collect()
            }
            0x1_0001.. if data.len().is_multiple_of(4) => data.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect(),
            _ => return None,
        };
        codes.iter().all(|&code| (code as usize) < texts.max(1)).then(|| Self::new(codes, texts))
    }

    pub(super) fn shrink(&mut self) {
        match self {
            Self::U8(codes) => codes.shrink(),
            Self::U16(codes) => codes.shrink(),
            Self::U32(codes) => codes.shrink(),
        }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::U8(codes) => codes.memory(),
            Self::U16(codes) => codes.memory(),
            Self::U32(codes) => codes.memory(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn dictionary(texts: &[&str]) -> Dictionary {
        Dictionary::from_sorted(texts.iter().copied()).unwrap()
    }

    #[test]
    fn texts_are_found_by_code_and_codes_by_text() {
        for texts in [vec![], vec![""], vec!["", "a", "aé", "b", "é"]] {
            let kept = dictionary(&texts);
            assert_eq!(kept.iter().collect::<Vec<_>>(), texts);
            for (code, text) in texts.iter().enumerate() {
                assert_eq!(kept.find(text), Some(code as u32));
            }
            assert!(kept.find("aa").is_none() && kept.find("\u{10ffff}").is_none());
            assert_eq!(Dictionary::from_bytes(&kept.to_bytes()).unwrap(), kept);
        }
        assert_eq!(dictionary(&["a", "b", "c"]).count_while(|text| text < b"c".as_slice()), 2);
    }

    #[test]
    fn bytes_that_are_no_dictionary_are_refused() {
        for texts in [["b", "a"], ["a", "a"]] {
            assert!(Dictionary::from_bytes(&dictionary(&texts).to_bytes()).is_none());
        }
        let good = dictionary(&["a", "é", "c\u{10ffff}"]);
        assert!(good.find("c").is_none());
        let good = dictionary(&["a", "c", "é"]).to_bytes();
        assert!((0..good.len()).all(|end| Dictionary::from_bytes(&good[..end]).is_none()));
        for at in 0..good.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                // Either refused, or a well-formed set of other texts.
                if let Some(found) = Dictionary::from_bytes(&bad) {
                    assert_eq!(found.to_bytes(), bad);
                    assert!(found.iter().all(|text| found.find(text).is_some()));
                }
            }
        }
    }

    #[test]
    fn codes_take_as_many_bytes_as_they_need() {
        for (texts, bytes) in [(0usize, 1), (1, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 4)] {
            let greatest = (texts.max(1) - 1) as u32;
            let codes = Codes::new(vec![0, greatest], texts);
            assert_eq!((codes.len(), codes.get(0), codes.get(1)), (2, 0, greatest));
            let stored = codes.to_bytes();
            assert_eq!(stored.len(), 2 * bytes);
            assert_eq!(Codes::from_bytes(&stored, texts).unwrap(), codes);
            if texts > 1 {
                // One that takes fewer bytes reads more of them.
                assert!(Codes::from_bytes(&stored, texts - 1).is_none_or(|codes| codes.len() != 2), "{texts}");
            }
        }
        assert!(Codes::from_bytes(&[0, 0, 0], 257).is_none());
    }
}
