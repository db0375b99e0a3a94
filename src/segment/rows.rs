//! Row numbers of one segment, by position.

/// Row numbers by position: 4 bytes a row as long as a segment's rows span less than 2^32, else 8.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Rows {
    /// `base + offset`.
    Near {
        /// The smallest row number.
        base: u64,
        /// Distance from `base`, by position.
        offsets: Vec<u32>,
    },
    /// As they are.
    Far(Vec<u64>),
}

impl Rows {
    pub(crate) fn new(rows: &[u64]) -> Self {
        let base = rows.iter().copied().min().unwrap_or(0);
        let offsets: Option<Vec<u32>> = rows.iter().map(|row| u32::try_from(row - base).ok()).collect();
        offsets.map_or_else(|| Self::Far(rows.to_vec()), |offsets| Self::Near { base, offsets })
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Near { offsets, .. } => offsets.len(),
            Self::Far(rows) => rows.len(),
        }
    }

    pub(crate) fn get(&self, position: usize) -> u64 {
        match self {
            Self::Near { base, offsets } => base + u64::from(offsets[position]),
            Self::Far(rows) => rows[position],
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        (0..self.len()).map(|position| self.get(position))
    }

    /// The smallest row number; 0 where there is none.
    pub(crate) fn base(&self) -> u64 {
        match self {
            Self::Near { base, .. } => *base,
            Self::Far(rows) => rows.iter().copied().min().unwrap_or(0),
        }
    }

    /// Distances from [`Rows::base`], little-endian: u32s where all fit, else u64s.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let base = self.base();
        match self {
            Self::Near { offsets, .. } => offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect(),
            Self::Far(rows) => rows.iter().flat_map(|row| (row - base).to_le_bytes()).collect(),
        }
    }

    /// Reads what [`Rows::to_bytes`] wrote of rows from `base` on; `None` for anything else, and where a number would not fit.
    pub(crate) fn from_bytes(data: &[u8], base: u64, rows: usize) -> Option<Self> {
        let distances: Vec<u64> = if data.len() == rows.checked_mul(4)? {
            data.as_chunks::<4>().0.iter().map(|b| u64::from(u32::from_le_bytes(*b))).collect()
        } else if data.len() == rows.checked_mul(8)? {
            data.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect()
        } else {
            return None;
        };
        let numbers: Vec<u64> = distances.iter().map(|distance| base.checked_add(*distance)).collect::<Option<_>>()?;
        let found = Self::new(&numbers);
        // One way only to write them.
        let narrow = matches!(found, Self::Near { .. });
        (found.base() == base && narrow == (data.len() == rows * 4)).then_some(found)
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Near { offsets, .. } => offsets.capacity() * 4,
            Self::Far(rows) => rows.capacity() * 8,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keeps_near_and_far_rows() {
        for rows in [vec![], vec![7], vec![9, 5, 1 << 31], vec![0, 1 << 40, 3]] {
            let kept = Rows::new(&rows);
            assert!(kept.iter().eq(rows.iter().copied()));
            let (bytes, base) = (kept.to_bytes(), kept.base());
            assert_eq!(Rows::from_bytes(&bytes, base, rows.len()).unwrap(), kept);
            assert!(Rows::from_bytes(&bytes, base, rows.len() + 1).is_none());
            assert!(Rows::from_bytes(&bytes, base, usize::MAX).is_none(), "a head may say any number");
            // Elsewhere they begin elsewhere.
            let moved: Vec<u64> = rows.iter().map(|row| row - base + 70).collect();
            let there = if rows.is_empty() { 0 } else { 70 };
            assert!(Rows::from_bytes(&bytes, there, rows.len()).unwrap().iter().eq(moved.iter().copied()));
        }
        assert!(Rows::from_bytes(&1u32.to_le_bytes(), 5, 1).is_none(), "none of them is the base");
        assert!(Rows::from_bytes(&[0; 8], 5, 1).is_none(), "half of it would do");
        assert!(Rows::from_bytes(&[0, 0, 0, 0, 1, 0, 0, 0], u64::MAX, 2).is_none());
        assert!(matches!(Rows::new(&[5, 6]), Rows::Near { base: 5, .. }));
        assert!(matches!(Rows::new(&[5, 1 << 40]), Rows::Far(_)));
    }
}
