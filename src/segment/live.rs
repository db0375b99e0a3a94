//! The live rows of a snapshot in the order of their numbers, to be walked beside what storage has of them: that knows rows, not ids.

use std::collections::BTreeMap;

use crate::segment::{Place, Snapshot};

/// A walk over live rows, upwards.
pub(crate) struct LiveRows {
    parts: Vec<Part>,
    /// The first live row that was passed over.
    missing: Option<u64>,
}

/// The live rows of a segment or a run whose numbers have their upper half in common.
struct Part {
    part: u32,
    /// The upper half.
    high: u64,
    /// The lower half, and below it the position; ascending.
    rows: Vec<u64>,
    at: usize,
}

impl Part {
    /// The next row's number and position.
    fn next(&self) -> Option<(u64, u32)> {
        self.rows.get(self.at).map(|next| (self.high << 32 | next >> 32, *next as u32))
    }
}

impl LiveRows {
    /// The live rows of the segments.
    pub(crate) fn sealed(snapshot: &Snapshot) -> Self {
        let rows = snapshot.segments.iter().map(|view| {
            let (body, selection) = (&view.body, &view.selection);
            let live = |&position: &usize| {
                let (block, lane) = body.index.block_lane(position);
                selection.contains(block, lane)
            };
            (0..body.rows.len()).filter(live).map(|position| (body.rows.row(position), position as u32))
        });
        Self::new(rows, 0)
    }

    /// The live rows of the segments and of the tail.
    pub(crate) fn all(snapshot: &Snapshot) -> Self {
        let mut all = Self::sealed(snapshot);
        let rows = snapshot.runs.iter().map(|view| view.positions().map(|position| (view.body.rows.row(position), position as u32)));
        all.parts.extend(Self::new(rows, snapshot.segments.len() as u32).parts);
        all
    }

    /// Numbers and positions of each part; the first part has the number `first`.
    fn new(parts: impl Iterator<Item = impl Iterator<Item = (u64, u32)>>, first: u32) -> Self {
        let mut all = Vec::new();
        for (part, rows) in (first..).zip(parts) {
            let mut by_half: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            for (row, position) in rows {
                let (high, packed) = (row >> 32, row << 32 | u64::from(position));
                by_half.entry(high).or_default().push(packed);
            }
            all.extend(by_half.into_iter().map(|(high, mut rows)| {
                rows.sort_unstable();
                Part { part, high, rows, at: 0 }
            }));
        }
        Self { parts: all, missing: None }
    }

    /// Where this row is, if it is live. Rows are asked for in ascending order.
    pub(crate) fn place(&mut self, row: u64) -> Option<Place> {
        for part in &mut self.parts {
            while let Some((number, position)) = part.next().filter(|(number, _)| *number <= row) {
                part.at += 1;
                if number == row {
                    return Some((part.part, position));
                }
                self.missing = Some(self.missing.map_or(number, |missing| missing.min(number)));
            }
        }
        None
    }

    /// The first live row that was not asked for.
    pub(crate) fn missing(&self) -> Option<u64> {
        let left = self.parts.iter().filter_map(|part| part.next().map(|(number, _)| number));
        left.chain(self.missing).min()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_where_they_are_and_what_was_passed_over_is_known() {
        let parts = [vec![(7, 0), (3, 1), (9, 2), (1 << 40, 3)], vec![], vec![(8, 0), (5, 1)]];
        let walk = || LiveRows::new(parts.iter().map(|part| part.iter().copied()), 0);
        let mut live = walk();
        let places: Vec<Option<Place>> = (0..12).map(|row| live.place(row)).collect();
        let mut expected = vec![None; 12];
        for (row, place) in [(3, (0, 1)), (5, (2, 1)), (7, (0, 0)), (8, (2, 0)), (9, (0, 2))] {
            expected[row] = Some(place);
        }
        assert_eq!(places, expected);
        assert_eq!((live.place(1 << 40), live.missing()), (Some((0, 3)), None));
        let mut live = walk();
        assert_eq!(live.missing(), Some(3));
        assert_eq!((live.place(3), live.missing()), (Some((0, 1)), Some(5)));
        assert_eq!((live.place(8), live.missing()), (Some((2, 0)), Some(5)));
        let mut live = walk();
        [3, 5, 7, 8].into_iter().for_each(|row| assert!(live.place(row).is_some()));
        assert_eq!(live.missing(), Some(9));
    }
}
