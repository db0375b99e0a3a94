//! A store in memory: in-memory databases, tests, and the oracle of the one on disk.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};

use super::{Backend, Entry, Write};
use crate::error::Result;
use crate::sync::RwLock;

/// A store that lasts as long as its handle.
#[derive(Debug, Default)]
pub struct Memory {
    map: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over another's content.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn copy_from(&self, other: &Memory) {
        *self.map.write() = other.map.read().clone();
    }
}

impl Backend for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.map.read().get(key).cloned())
    }

    fn range(&self, range: Range<&[u8]>, limit: usize, bytes: usize) -> Result<Vec<Entry>> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let (mut entries, mut size) = (Vec::new(), 0);
        for (key, value) in self.map.read().range::<[u8], _>((Bound::Included(range.start), Bound::Excluded(range.end))) {
            entries.push((key.clone(), value.clone()));
            size += value.len();
            if entries.len() >= limit || size >= bytes {
                break;
            }
        }
        Ok(entries)
    }

    fn last(&self, range: Range<&[u8]>) -> Result<Option<Entry>> {
        if range.start >= range.end {
            return Ok(None);
        }
        let map = self.map.read();
        let last = map.range::<[u8], _>((Bound::Included(range.start), Bound::Excluded(range.end))).next_back();
        Ok(last.map(|(key, value)| (key.clone(), value.clone())))
    }

    fn apply(&self, writes: Vec<Write>) -> Result<()> {
        let mut map = self.map.write();
        for (key, value) in writes {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }

    fn bytes(&self) -> Result<u64> {
        Ok(self.map.read().iter().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }
}
