//! A whole store, for reading only, by many processes at once: sled's files read without sled, which writes when it opens.
//!
//! The list of leaves is read once; leaves are read, checked and unpacked when they are asked for. Unlike [`Raw`](super::raw::Raw) it guesses
//! nothing: a list that is not whole, a leaf that is damaged or not where it should be, a gap between leaves, are errors.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::{Bound, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::index::{self, TREE};
use super::leaves::{Leaf, Place, Slabs};
use crate::backend::{Backend, Entry, Write};
use crate::disk_size;
use crate::error::{Error, Result};
use crate::key::describe_bound;

/// The files of a store, and where its leaves are in them.
pub(crate) struct Reader {
    path: PathBuf,
    slabs: Slabs,
    /// By the lowest key that each may hold.
    leaves: BTreeMap<Vec<u8>, Place>,
    cache: Mutex<Cache>,
}

impl Reader {
    /// Reads the list of leaves of a store that nobody is writing to; `cache_bytes` of leaves are kept unpacked.
    pub(crate) fn open(path: &Path, cache_bytes: usize) -> Result<Self> {
        let mut leaves = BTreeMap::new();
        for leaf in index::read(path)?.into_iter().filter(|leaf| leaf.tree == TREE) {
            if let Some(other) = leaves.insert(leaf.lo.clone(), leaf.place)
                && other != leaf.place
            {
                let detail = format!("its list of leaves has two from {} on", describe_bound(&leaf.lo));
                return Err(Error::corrupt(path.display().to_string(), detail));
            }
        }
        // The first leaf begins where keys do: without it, what it held would be missing in silence.
        if !leaves.contains_key(&[][..]) {
            return Err(Error::corrupt(path.display().to_string(), "its list of leaves has no first one"));
        }
        Ok(Self { path: path.into(), slabs: Slabs::open(path), leaves, cache: Mutex::new(Cache::new(cache_bytes)) })
    }

    /// The leaf that a key belongs to, and where the next one begins (`None` behind the last).
    fn leaf(&self, key: &[u8]) -> Result<(Arc<Leaf>, Option<&Vec<u8>>)> {
        let before = self.leaves.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back();
        // There is always a first one.
        let (lo, place) = before.ok_or(Error::Closed)?;
        let next = self.leaves.range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded)).next().map(|(lo, _)| lo);
        if let Some(leaf) = self.cache.lock().get(*place) {
            return Ok((leaf, next));
        }
        // Not under the lock: others read meanwhile.
        let leaf = self.read(lo, next, *place)?;
        Ok((self.cache.lock().put(*place, leaf), next))
    }

    fn read(&self, lo: &[u8], next: Option<&Vec<u8>>, place: Place) -> Result<Leaf> {
        let damaged = |detail: String| {
            let end = next.map_or("the end".to_owned(), |next| describe_bound(next));
            Error::corrupt(format!("{}: all from {} to before {end}", self.path.display(), describe_bound(lo)), detail)
        };
        let mut leaf = match self.slabs.leaf(place) {
            Ok(leaf) => leaf,
            Err(error @ Error::Io { .. }) => return Err(error),
            Err(error) => return Err(damaged(error.to_string())),
        };
        if leaf.lo != lo {
            return Err(damaged("another leaf stands there".into()));
        }
        // What it leaves to a next one that is not listed would be missing in silence.
        if leaf.hi.as_ref().is_some_and(|hi| next.is_none_or(|next| hi < next)) {
            return Err(damaged("the leaf behind it is not listed".into()));
        }
        if let Some(next) = next {
            leaf.entries.retain(|(key, _)| key < next);
        }
        leaf.entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(leaf)
    }
}

impl Backend for Reader {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let (leaf, _) = self.leaf(key)?;
        let found = leaf.entries.binary_search_by(|(other, _)| other.as_slice().cmp(key)).ok();
        Ok(found.and_then(|at| leaf.entries.get(at)).map(|(_, value)| value.clone()))
    }

    fn range(&self, range: Range<&[u8]>, limit: usize, bytes: usize) -> Result<Vec<Entry>> {
        let (mut found, mut size) = (Vec::new(), 0);
        let mut start = range.start;
        while start < range.end {
            let (leaf, next) = match self.leaf(start) {
                Ok(step) => step,
                // What stands before the damage first; the damage with the next call.
                Err(_) if !found.is_empty() => break,
                Err(error) => return Err(error),
            };
            let from = leaf.entries.partition_point(|(key, _)| key.as_slice() < start);
            for (key, value) in leaf.entries.iter().skip(from).take_while(|(key, _)| key.as_slice() < range.end) {
                size += value.len();
                found.push((key.clone(), value.clone()));
                if found.len() >= limit || size >= bytes {
                    return Ok(found);
                }
            }
            let Some(next) = next else { break };
            start = next;
        }
        Ok(found)
    }

    fn skip(&self, from: &[u8]) -> Option<Vec<u8>> {
        // What failed may be a leaf behind the one that `from` is in.
        let mut at = from;
        loop {
            let next = self.leaves.range::<[u8], _>((Bound::Excluded(at), Bound::Unbounded)).next().map(|(lo, _)| lo)?;
            if self.leaf(at).is_err() {
                return Some(next.clone());
            }
            at = next;
        }
    }

    fn last(&self, range: Range<&[u8]>) -> Result<Option<Entry>> {
        if range.start >= range.end {
            return Ok(None);
        }
        for (lo, _) in self.leaves.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(range.end))).rev() {
            let (leaf, _) = self.leaf(lo)?;
            let until = leaf.entries.partition_point(|(key, _)| key.as_slice() < range.end);
            let last = until.checked_sub(1).and_then(|at| leaf.entries.get(at));
            if let Some((key, value)) = last.filter(|(key, _)| key.as_slice() >= range.start) {
                return Ok(Some((key.clone(), value.clone())));
            }
            if last.is_some() || lo.as_slice() <= range.start {
                break;
            }
        }
        Ok(None)
    }

    fn apply(&self, _: Vec<Write>) -> Result<()> {
        Err(Error::reading_only(&self.path))
    }

    fn flush(&self) -> Result<()> {
        Err(Error::reading_only(&self.path))
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }

    fn bytes(&self) -> Result<u64> {
        disk_size::of(&self.path)
    }
}

/// Unpacked leaves, up to a number of bytes; what was asked for since it was last looked at stays.
struct Cache {
    leaves: HashMap<Place, Kept>,
    turns: VecDeque<Place>,
    bytes: usize,
    limit: usize,
}

struct Kept {
    leaf: Arc<Leaf>,
    bytes: usize,
    used: bool,
}

impl Cache {
    fn new(limit: usize) -> Self {
        Self { leaves: HashMap::new(), turns: VecDeque::new(), bytes: 0, limit }
    }

    fn get(&mut self, place: Place) -> Option<Arc<Leaf>> {
        let kept = self.leaves.get_mut(&place)?;
        kept.used = true;
        Some(Arc::clone(&kept.leaf))
    }

    fn put(&mut self, place: Place, leaf: Leaf) -> Arc<Leaf> {
        /// What an entry takes besides its bytes.
        const ENTRY: usize = 64;
        // Another thread may have read it meanwhile.
        if let Some(leaf) = self.get(place) {
            return leaf;
        }
        let bytes = ENTRY + leaf.entries.iter().map(|(key, value)| ENTRY + key.len() + value.len()).sum::<usize>();
        let leaf = Arc::new(leaf);
        if bytes > self.limit {
            return leaf;
        }
        while self.bytes + bytes > self.limit {
            let Some(oldest) = self.turns.pop_front() else { break };
            match self.leaves.get_mut(&oldest) {
                Some(kept) if kept.used => {
                    kept.used = false;
                    self.turns.push_back(oldest);
                }
                _ => self.bytes -= self.leaves.remove(&oldest).map_or(0, |kept| kept.bytes),
            }
        }
        self.bytes += bytes;
        self.turns.push_back(place);
        self.leaves.insert(place, Kept { leaf: Arc::clone(&leaf), bytes, used: false });
        leaf
    }
}
