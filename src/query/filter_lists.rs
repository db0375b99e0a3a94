//! The rows on the stored lists that a filter asks for.

use crate::filter::Bound;
use crate::segment::{Bits, Place, Shared, Snapshot};

/// A bit for every row of every part: whether it is on a list.
pub(crate) struct ListRows(Vec<Vec<Bits>>);

impl ListRows {
    /// Finds them; a list that there is not has none.
    pub(crate) fn new(shared: &Shared, snapshot: &Snapshot, bound: &Bound) -> Self {
        let mut parts: Vec<Vec<Bits>> = Vec::new();
        if bound.lists.is_empty() {
            return Self(parts);
        }
        parts.resize_with(snapshot.segments.len() + snapshot.runs.len(), Vec::new);
        for list in &bound.lists {
            let mut places: Vec<Place> = Vec::new();
            shared.lists.places(snapshot, list, &mut places);
            let mut positions = vec![Vec::new(); parts.len()];
            for (part, position) in places {
                if let Some(positions) = positions.get_mut(part as usize) {
                    positions.push(position as usize);
                }
            }
            for ((part, table), positions) in parts.iter_mut().zip(snapshot.tables()).zip(positions) {
                part.push(Bits::of(table.len(), &positions));
            }
        }
        Self(parts)
    }

    /// Of a part, list by list in the filter's order.
    pub(crate) fn of(&self, part: usize) -> &[Bits] {
        self.0.get(part).map_or(&[], Vec::as_slice)
    }
}
