//! Fields of rows that were changed without the rows being put anew: laid over what their records say, until they are folded into these.

use std::sync::Arc;

use crate::features::Row;

/// What was changed of one row since its record was written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Patch {
    pub(crate) row: u64,
    /// Number of the last delta entry that changed it.
    pub(crate) number: u64,
    /// All changed fields, encoded; a null says that the row has no such field.
    fields: Arc<[u8]>,
}

impl Patch {
    fn new(row: u64, number: u64, fields: &Row) -> Self {
        Self { row, number, fields: fields.to_bytes().into() }
    }

    /// The changed fields.
    pub(crate) fn fields(&self) -> Row {
        // They were encoded here, and so they decode.
        Row::from_bytes(&self.fields).unwrap_or_default()
    }
}

/// The patches of a snapshot, by row. Cloning copies a few pointers; a commit adds a layer, and layers of like size are merged, so that there
/// are logarithmically many.
#[derive(Clone, Debug)]
pub(crate) struct Patches {
    /// By row, each; a later layer's patch of a row holds all that an earlier one's does.
    layers: Vec<Arc<[Patch]>>,
    /// The number of the next delta entry.
    pub(crate) next: u64,
    /// Changes of rows in the delta entries that count, and their bytes.
    stored: Stored,
}

/// What delta entries hold.
#[derive(Clone, Copy, Debug, Default)]
struct Stored {
    rows: u64,
    bytes: u64,
}

/// A layer is merged with the one before unless that has more than this many times its patches.
const RATIO: usize = 3;
/// Changes from which on deltas are folded, however few rows there are.
const FEW: u64 = 4096;
/// Deltas are folded when they are changes of more than this part of the live rows,
const SHARE: u64 = 8;
/// or when a change takes more bytes than this, were there as many.
const CHANGE_BYTES: u64 = 128;

impl Patches {
    /// None; the next delta entry gets this number.
    pub(crate) fn new(next: u64) -> Self {
        Self { layers: Vec::new(), next, stored: Stored::default() }
    }

    /// True when every row is as its record says.
    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// The patch of a row.
    pub(crate) fn get(&self, row: u64) -> Option<&Patch> {
        let found = |layer: &'_ Arc<[Patch]>| layer.binary_search_by_key(&row, |patch| patch.row).ok();
        self.layers.iter().rev().find_map(|layer| layer.get(found(layer)?))
    }

    /// The number of the delta entry that changed a row last; 0 where its record says all.
    pub(crate) fn number(&self, row: u64) -> u64 {
        self.get(row).map_or(0, |patch| patch.number)
    }

    /// Makes a row's features, as its record has them, what they are.
    pub(crate) fn apply(&self, row: u64, features: &mut Row) {
        if let Some(patch) = self.get(row) {
            lay_over(features, &patch.fields());
        }
    }

    /// Adds the rows of delta entry `number`, which takes so many bytes: ascending, with the fields that it changes.
    pub(crate) fn push(&mut self, number: u64, rows: &[(u64, Row)], bytes: usize) {
        self.next = self.next.max(number + 1);
        if rows.is_empty() {
            return;
        }
        self.stored.rows += rows.len() as u64;
        self.stored.bytes += bytes as u64;
        let cumulative = |(row, fields): &(u64, Row)| match self.get(*row) {
            None => Patch::new(*row, number, fields),
            Some(before) => {
                let mut all = before.fields();
                fields.iter().for_each(|(name, value)| drop(all.insert(name, value.clone())));
                Patch::new(*row, number, &all)
            }
        };
        self.layers.push(rows.iter().map(cumulative).collect());
        while let [.., before, last] = self.layers.as_slice() {
            if before.len() > RATIO * last.len() {
                break;
            }
            let merged = merge(before, last).into();
            self.layers.truncate(self.layers.len() - 2);
            self.layers.push(merged);
        }
    }

    /// The patches of all rows, by row.
    pub(crate) fn all(&self) -> Vec<Patch> {
        self.layers.iter().rev().fold(Vec::new(), |later, layer| merge(layer, &later))
    }

    /// The patches that delta entries from this number on have changed, by row.
    pub(crate) fn since(&self, number: u64) -> Vec<Patch> {
        let mut late = self.all();
        late.retain(|patch| patch.number >= number);
        late
    }

    /// Those that are left when the delta entries below `first`, which `folded` held all of, are folded.
    pub(crate) fn without(&self, first: u64, folded: &Self) -> Self {
        let late = self.since(first);
        let stored = Stored {
            rows: self.stored.rows.saturating_sub(folded.stored.rows),
            bytes: self.stored.bytes.saturating_sub(folded.stored.bytes),
        };
        let layers = if late.is_empty() { Vec::new() } else { vec![late.into()] };
        Self { layers, next: self.next, stored }
    }

    /// How much there is, as a share of what makes folding due in a collection of so many live rows: from 1 on it is.
    pub(crate) fn fullness(&self, live: u64) -> f64 {
        let most = (live / SHARE).max(FEW);
        (self.stored.rows as f64 / most as f64).max(self.stored.bytes as f64 / (most * CHANGE_BYTES) as f64)
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        // Beside the bytes of the fields their two counts.
        let of = |patch: &Patch| size_of::<Patch>() + patch.fields.len() + 16;
        self.layers.iter().flat_map(|layer| layer.iter()).map(of).sum()
    }
}

/// Sets the fields of a row that have a value in `changes`, and removes those that are null there.
pub(crate) fn lay_over(features: &mut Row, changes: &Row) {
    for (name, value) in changes.iter() {
        if value.is_null() {
            features.remove(name);
        } else {
            features.insert(name, value.clone());
        }
    }
}

/// Both layers as one; of a row in both, the later one's.
fn merge(before: &[Patch], later: &[Patch]) -> Vec<Patch> {
    let mut all = Vec::with_capacity(before.len() + later.len());
    let mut later = later.iter().peekable();
    for patch in before {
        while let Some(next) = later.next_if(|next| next.row < patch.row) {
            all.push(next.clone());
        }
        if later.peek().is_none_or(|next| next.row != patch.row) {
            all.push(patch.clone());
        }
    }
    all.extend(later.cloned());
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::features::Value;
    use crate::row;

    /// The patches of a naive list of changes, as rows of fields.
    fn listed(patches: &[Patch]) -> BTreeMap<u64, (u64, Row)> {
        patches.iter().map(|patch| (patch.row, (patch.number, patch.fields()))).collect()
    }

    #[test]
    fn layers_hold_what_a_plain_map_does_and_copies_keep_theirs() {
        let (mut patches, mut plain) = (Patches::new(5), BTreeMap::<u64, (u64, Row)>::new());
        for number in 5..400u64 {
            let before = (patches.clone(), plain.clone());
            let rows: Vec<(u64, Row)> = (0..number % 7)
                .map(|n| ((number * 31 + n * n * 17) % 200, row! { if n % 2 == 0 { "a" } else { "b" } => number as i64 }))
                .collect::<BTreeMap<u64, Row>>()
                .into_iter()
                .collect();
            patches.push(number, &rows, 10);
            for (row, fields) in rows {
                let entry = plain.entry(row).or_insert_with(|| (0, Row::new()));
                entry.0 = number;
                fields.iter().for_each(|(name, value)| drop(entry.1.insert(name, value.clone())));
            }
            assert_eq!(listed(&patches.all()), plain);
            assert_eq!(listed(&before.0.all()), before.1);
            assert!(patches.layers.len() <= 8, "{}", patches.layers.len());
        }
        assert_eq!(patches.next, 400);
        for row in 0..200 {
            assert_eq!(patches.number(row), plain.get(&row).map_or(0, |(number, _)| *number));
        }
        let late = patches.since(390);
        assert!(late.iter().all(|patch| patch.number >= 390) && late.len() == plain.values().filter(|(number, _)| *number >= 390).count());
        let left = patches.without(390, &Patches::new(0));
        assert_eq!((listed(&left.all()), left.next), (listed(&late), 400));
        assert!(patches.without(400, &patches).is_empty() && patches.without(400, &patches).fullness(0) == 0.0);
    }

    #[test]
    fn a_patch_sets_fields_and_takes_them_away() {
        let mut patches = Patches::new(1);
        patches.push(1, &[(7, row! { "a" => 1, "b" => null })], 10);
        patches.push(2, &[(7, row! { "c" => "x" })], 10);
        let mut features = row! { "a" => 0, "b" => 0, "d" => 4 };
        patches.apply(7, &mut features);
        assert_eq!(features, row! { "a" => 1, "d" => 4, "c" => "x" });
        let mut other = row! { "a" => 0 };
        patches.apply(8, &mut other);
        assert_eq!(other.get("a"), Some(&Value::Int(0)));
    }

    #[test]
    fn folding_is_due_by_changes_and_by_bytes() {
        let mut patches = Patches::new(1);
        patches.push(1, &[(0, row! { "a" => 1 })], (FEW * CHANGE_BYTES) as usize / 2);
        assert_eq!(patches.fullness(100), 0.5);
        patches.push(2, &[(0, row! { "a" => 1 })], (FEW * CHANGE_BYTES) as usize / 2);
        assert_eq!((patches.fullness(100), patches.fullness(8 * FEW), patches.fullness(16 * FEW)), (1.0, 1.0, 0.5));
    }
}
