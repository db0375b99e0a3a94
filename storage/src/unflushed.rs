//! Blobs that a crash could still take: written since the last flush of their store. A manifest that names one waits for a flush; one that
//! names others does not, whatever else is being written beside it.

use std::collections::BTreeMap;

use crate::key::CollectionId;

/// What was written to the store of blobs and is not known durable.
#[derive(Default)]
pub(crate) struct Unflushed {
    /// Bytes applied since the last flush began.
    bytes: u64,
    /// Counts the flushes that have begun.
    round: u64,
    /// The round of each blob's last write.
    blobs: BTreeMap<(CollectionId, u64), u64>,
}

impl Unflushed {
    /// Notes that chunks of a blob have been applied.
    pub(crate) fn wrote(&mut self, c: CollectionId, blob: u64) {
        self.blobs.insert((c, blob), self.round);
    }

    /// Notes bytes that were applied, of whatever; returns how many there are since the last flush.
    pub(crate) fn grew(&mut self, bytes: u64) -> u64 {
        self.bytes += bytes;
        self.bytes
    }

    /// A flush is about to begin; to be followed by [`Unflushed::flushed`] with what this returns, once it has succeeded.
    pub(crate) fn flushing(&mut self) -> u64 {
        self.bytes = 0;
        self.round += 1;
        self.round
    }

    /// What was written before the flush began is durable.
    pub(crate) fn flushed(&mut self, flushing: u64) {
        self.blobs.retain(|_, written| *written >= flushing);
    }

    /// Whether a crash could take any of these blobs; `blobs` ascend.
    pub(crate) fn any(&self, c: CollectionId, blobs: &[u64]) -> bool {
        self.blobs.keys().any(|(owner, blob)| *owner == c && blobs.binary_search(blob).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_covers_what_was_written_before_it_began_and_nothing_else() {
        let (c, other) = (CollectionId(1), CollectionId(2));
        let mut unflushed = Unflushed::default();
        unflushed.wrote(c, 5);
        assert_eq!((unflushed.grew(10), unflushed.grew(3)), (10, 13));
        assert!(unflushed.any(c, &[1, 5, 9]) && !unflushed.any(c, &[1, 9]) && !unflushed.any(other, &[5]));
        let first = unflushed.flushing();
        assert!(unflushed.any(c, &[5]), "it is still on its way");
        unflushed.wrote(c, 6);
        let second = unflushed.flushing();
        unflushed.wrote(c, 7);
        unflushed.flushed(first);
        assert_eq!([5, 6, 7].map(|blob| unflushed.any(c, &[blob])), [false, true, true]);
        unflushed.flushed(second);
        assert_eq!(([6, 7].map(|blob| unflushed.any(c, &[blob])), unflushed.grew(1)), ([false, true], 1));
    }
}
