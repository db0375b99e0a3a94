//! The sweep: removes what a crash left behind, which is what no manifest names and what dropped collections had.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::error::Result;
use crate::key::{self, CollectionId, Key};
use crate::storage::Storage;
use crate::swept::Swept;

impl Storage {
    /// What the sweep at opening removed.
    pub fn swept(&self) -> Swept {
        self.inner.swept.lock().unwrap_or_default()
    }

    /// Removes the blobs of a collection that are not in `live`, except those written since opening that no manifest
    /// has named yet. For a dropped collection also those, its records, its deltas, its vectors, its tombstones and its lists: nobody may be writing blobs of it. Returns how many blobs went.
    ///
    /// # Errors
    /// [`Error::Poisoned`](crate::Error::Poisoned) with the reason; a failed read.
    pub fn sweep(&self, c: CollectionId, live: &[u64]) -> Result<u64> {
        let mut swept = Swept::default();
        // The manifest that named what goes may still be the durable one.
        self.flush()?;
        let dropped = {
            let mut writer = self.inner.writer.lock();
            let dropped = writer.collections.get(&c) == Some(&false);
            if dropped {
                // No manifest will ever name these.
                writer.blobs_young.retain(|(owner, _)| *owner != c);
            }
            dropped
        };
        self.sweep_blobs(c, &live.iter().copied().collect(), &mut swept)?;
        if dropped {
            self.sweep_records(c, &mut swept)?;
        }
        Ok(swept.blobs)
    }

    /// The sweep at opening.
    pub(crate) fn sweep_all(&self) -> Result<()> {
        // Removing writes leaves again, and must not be what fills the disk.
        self.inner.check_room(0)?;
        let mut swept = Swept::default();
        let mut live: BTreeMap<CollectionId, Option<BTreeSet<u64>>> = BTreeMap::new();
        for (c, settings) in self.collections_ever()? {
            if settings.is_none() {
                self.sweep_records(c, &mut swept)?;
                continue;
            }
            // A manifest that cannot be read is its reader's error; its blobs are left for salvage.
            let named = self.manifest(c).map(|manifest| manifest.map(|m| m.live_blobs()).unwrap_or_default());
            live.insert(c, named.ok().map(|blobs| blobs.into_iter().collect()));
        }
        let mut next = Some(CollectionId(0));
        while let Some(c) = self.first_blob(next)? {
            match live.remove(&c) {
                Some(None) => {}
                Some(Some(named)) => self.sweep_blobs(c, &named, &mut swept)?,
                None => self.sweep_blobs(c, &BTreeSet::new(), &mut swept)?,
            }
            next = c.0.checked_add(1).map(CollectionId);
        }
        if swept != Swept::default() {
            tracing::info!(blobs = swept.blobs, chunks = swept.chunks, records = swept.records, "swept what a crash left behind");
            self.flush_blobs()?;
        }
        *self.inner.swept.lock() = Some(swept);
        Ok(())
    }

    /// The first collection from `from` on that has chunks.
    fn first_blob(&self, from: Option<CollectionId>) -> Result<Option<CollectionId>> {
        let Some(from) = from else { return Ok(None) };
        let (start, end) = (key::chunks(from).start, key::chunks(CollectionId(u32::MAX)).end);
        let first = self.inner.blobs.range(&start..&end, 1, 1)?;
        Ok(first.first().and_then(|(bytes, _)| match Key::decode(bytes) {
            Some(Key::Chunk { collection, .. }) => Some(collection),
            _ => None,
        }))
    }

    /// Numbers of a collection's blobs that are not in `live`, except those written since opening that no manifest has named yet: after
    /// the sweep at opening there are none, and whoever stops naming a blob deletes it. Where there was no sweep (for reading only, or without
    /// room for it) what a crash left is no damage, and none is given.
    ///
    /// # Errors
    /// A failed read.
    pub fn stray_blobs(&self, c: CollectionId, live: &[u64]) -> Result<Vec<u64>> {
        let mut stray = Vec::new();
        if self.inner.swept.lock().is_none() {
            return Ok(stray);
        }
        self.each_stray(c, &live.iter().copied().collect(), |blob, _| {
            stray.push(blob);
            Ok(())
        })?;
        Ok(stray)
    }

    fn sweep_blobs(&self, c: CollectionId, live: &BTreeSet<u64>, swept: &mut Swept) -> Result<()> {
        self.each_stray(c, live, |_, chunks| {
            swept.chunks += self.inner.remove_chunks(chunks)?;
            swept.blobs += 1;
            Ok(())
        })
    }

    fn each_stray(&self, c: CollectionId, live: &BTreeSet<u64>, mut each: impl FnMut(u64, Range<Vec<u8>>) -> Result<()>) -> Result<()> {
        let mut range = key::chunks(c);
        loop {
            let first = self.inner.blobs.range(&range.start..&range.end, 1, 1)?;
            let Some(Key::Chunk { blob, .. }) = first.first().and_then(|(bytes, _)| Key::decode(bytes)) else { return Ok(()) };
            let of_blob = key::blob(c, blob, None);
            range.start.clone_from(&of_blob.end);
            let young = self.inner.writer.lock().blobs_young.contains(&(c, blob));
            if !live.contains(&blob) && !young {
                each(blob, of_blob)?;
            }
        }
    }

    /// Removes records, deltas, vectors, tombstones and list entries of a dropped collection; the next opening does it again where a crash comes
    /// between.
    fn sweep_records(&self, c: CollectionId, swept: &mut Swept) -> Result<()> {
        let all = 0..u64::MAX;
        let ranges = [
            key::records(c, all.clone()),
            key::deltas(c, all.clone()),
            key::all_vectors(c),
            key::tombstones(c, all.clone()),
            key::list_entries(c, all),
        ];
        for range in ranges {
            loop {
                let page = self.inner.records.range(&range.start..&range.end, 2000, 8 << 20)?;
                if page.is_empty() {
                    break;
                }
                swept.records += page.len() as u64;
                self.inner.remove_keys(page.into_iter().map(|(key, _)| key).collect())?;
            }
        }
        Ok(())
    }
}
