//! What storage asks of an ordered store: a small trait, so that the store can be changed and its failures injected.

use std::ops::Range;

use crate::error::Result;

#[cfg(any(test, feature = "testing"))]
pub mod fault;
pub mod memory;
pub(crate) mod sled;
mod sled_files;
pub(crate) mod worker;

/// One key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// One change: a value to put under a key, or `None` to remove it.
pub type Write = (Vec<u8>, Option<Vec<u8>>);

/// An ordered map of bytes.
///
/// Calls come from many threads. A call that fails with anything but damage of a single value says that the store can no longer be trusted
/// with writes; storage sends it none from then on, and goes on reading.
pub trait Backend: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// The values of several keys, in their order.
    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// The first entries of a range, ascending: at least one if there is one; fewer than there are where `limit` entries or about
    /// `bytes` bytes are reached.
    fn range(&self, range: Range<&[u8]>, limit: usize, bytes: usize) -> Result<Vec<Entry>>;

    /// Behind a range that failed at `from`: where it can be gone on with, if at all.
    fn skip(&self, from: &[u8]) -> Option<Vec<u8>> {
        let _ = from;
        None
    }

    /// The last entry of a range.
    fn last(&self, range: Range<&[u8]>) -> Result<Option<Entry>>;

    /// Applies all changes or none. The last change to a key wins. Durable only after [`flush`](Backend::flush).
    fn apply(&self, writes: Vec<Write>) -> Result<()>;

    /// Removes keys, in any order and not as one: after a crash some may be there and some not. For what nothing names any more.
    fn remove(&self, keys: Vec<Vec<u8>>) -> Result<()> {
        self.apply(keys.into_iter().map(|key| (key, None)).collect())
    }

    /// Makes everything applied before durable.
    fn flush(&self) -> Result<()>;

    /// Gives back what memory it can.
    fn trim(&self) -> Result<()> {
        Ok(())
    }

    /// Flushes and releases the files. Calls after it fail.
    fn close(&self) -> Result<()>;

    /// Gives the files up without writing: after a failed write, when a flush could make half of it durable.
    fn abandon(&self) {}

    /// Bytes taken on disk (in memory for a store there).
    fn bytes(&self) -> Result<u64>;
}
