//! What stored lists know of a snapshot.

use crate::segment::RowTable;

/// Where a row is: part and position.
pub(super) type Place = (u32, u32);

/// The parts of one state of a collection.
pub(crate) trait Parts {
    /// Grows with every change of what is in it.
    fn version(&self) -> u64;

    /// The rows of every part.
    fn tables(&self) -> Vec<&RowTable>;

    /// Whether the row at a place is live.
    fn is_live(&self, place: (u32, u32)) -> bool;

    /// Whether all rows of a part are live.
    fn is_whole(&self, part: usize) -> bool;

    /// The place of the one live row with this id.
    fn locate(&self, id: &str) -> Option<(u32, u32)>;
}
