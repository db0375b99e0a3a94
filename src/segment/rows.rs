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

    /// Little-endian u64s.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(u64::to_le_bytes).collect()
    }

    /// Reads what [`Rows::to_bytes`] wrote; `None` unless there are `rows` of them.
    pub(crate) fn from_bytes(data: &[u8], rows: usize) -> Option<Self> {
        if data.len() != rows.checked_mul(8)? {
            return None;
        }
        Some(Self::new(&data.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect::<Vec<_>>()))
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
            assert_eq!(Rows::from_bytes(&kept.to_bytes(), rows.len()).unwrap(), kept);
            assert!(Rows::from_bytes(&kept.to_bytes(), rows.len() + 1).is_none());
        }
        assert!(matches!(Rows::new(&[5, 6]), Rows::Near { base: 5, .. }));
        assert!(matches!(Rows::new(&[5, 1 << 40]), Rows::Far(_)));
    }
}
