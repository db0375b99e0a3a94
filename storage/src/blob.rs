//! Blobs: segments, towers, quantizers, calibrations. Immutable, cut into chunks in the second store, written before a manifest names them.

use std::ops::Range;

use crate::backend::{Entry, Write};
use crate::envelope::{self, Envelope, PAYLOAD, seal};
use crate::error::{Error, Result};
use crate::key::{self, CollectionId, Key, describe};
use crate::manifest::BlobMeta;
use crate::storage::{Inner, Storage};

/// Chunks handed to the store at once.
const CHUNKS: usize = 16;
/// Chunks removed at once.
const GROUP: u32 = 256;
/// Unflushed bytes at which the store is flushed in between, so that they do not pile up in memory.
const UNFLUSHED: u64 = 32 << 20;

impl Storage {
    /// Writes one part of a blob. It is durable only after [`flush_blobs`](Storage::flush_blobs), and part of the database only once a
    /// durable manifest names it. A blob number is used once; its parts may be written in any order.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::TooLarge`]: nothing that counts was changed. Others stop writing ([`Error::Poisoned`]).
    pub fn write_blob(&self, c: CollectionId, blob: u64, part: u16, bytes: &[u8]) -> Result<BlobMeta> {
        let inner = &*self.inner;
        inner.check_writable()?;
        inner.check_room(bytes.len() as u64)?;
        let chunks = bytes.len().div_ceil(PAYLOAD).max(1);
        let count = u32::try_from(chunks).map_err(|_| Error::TooLarge {
            what: format!("blob {blob}, part {part} of collection {}", c.0),
            bytes: bytes.len() as u64,
            limit: PAYLOAD as u64 * u64::from(u32::MAX),
        })?;
        let sequence = {
            let mut writer = inner.writer.lock();
            writer.blobs_young.insert((c, blob));
            writer.applied
        };
        for group in (0..count).collect::<Vec<u32>>().chunks(CHUNKS) {
            let write = |chunk: &u32| -> Write {
                let at = *chunk as usize * PAYLOAD;
                let key = Key::Chunk { collection: c, blob, part, chunk: *chunk };
                let encoded = key.encode();
                let value = seal(key, &encoded, count, sequence, &bytes[at..bytes.len().min(at + PAYLOAD)]);
                (encoded, Some(value))
            };
            inner.apply_blob((c, blob), group.iter().map(write).collect())?;
        }
        Ok(BlobMeta { blob, part, bytes: bytes.len() as u64, crc: crc32c::crc32c(bytes) })
    }

    /// Makes every blob written before durable.
    ///
    /// # Errors
    /// [`Error::Poisoned`] with the reason.
    pub fn flush_blobs(&self) -> Result<()> {
        self.inner.check_writable()?;
        self.inner.flush_blobs()
    }

    /// Reads one part of a blob whole, and checks every chunk, the length and the sum of all.
    ///
    /// # Errors
    /// [`Error::Absent`] or [`Error::Corrupt`] naming the chunk; the store's.
    pub fn read_blob(&self, c: CollectionId, meta: &BlobMeta) -> Result<Vec<u8>> {
        let BlobMeta { blob, part, bytes, crc } = *meta;
        let name = || format!("blob {blob}, part {part} of collection {}", c.0);
        let chunks =
            u32::try_from(bytes.div_ceil(PAYLOAD as u64).max(1)).map_err(|_| Error::corrupt(name(), "its length is impossible"))?;
        let mut whole = Vec::new();
        let reserve = usize::try_from(bytes).ok().and_then(|bytes| whole.try_reserve_exact(bytes).ok());
        reserve.ok_or_else(|| Error::TooLarge { what: name(), bytes, limit: isize::MAX as u64 })?;
        let mut next = 0;
        let mut range = key::blob(c, blob, Some(part));
        while next < chunks {
            let page = self.inner.blobs.range(&range.start..&range.end, CHUNKS, CHUNKS * PAYLOAD)?;
            if page.is_empty() {
                break;
            }
            for (bytes, value) in &page {
                let wanted = Key::Chunk { collection: c, blob, part, chunk: next };
                if *bytes != wanted.encode() {
                    return Err(Error::Absent { part: wanted.to_string() });
                }
                let Envelope { pieces, payload, .. } = envelope::open(bytes, value)?;
                if pieces != chunks {
                    return Err(Error::corrupt(wanted.to_string(), format!("of {pieces} chunks, where the manifest says {chunks}")));
                }
                whole.extend_from_slice(payload);
                next += 1;
            }
            range.start = Key::Chunk { collection: c, blob, part, chunk: next }.encode();
        }
        if next < chunks {
            return Err(Error::Absent { part: Key::Chunk { collection: c, blob, part, chunk: next }.to_string() });
        }
        let found = crc32c::crc32c(&whole);
        if whole.len() as u64 != bytes || found != crc {
            let detail = format!("{} bytes with checksum {found:08x}, where the manifest says {bytes} with {crc:08x}", whole.len());
            return Err(Error::corrupt(name(), detail));
        }
        Ok(whole)
    }

    /// Removes blobs of which all parts are known, without looking for them; to be called as [`delete_blob`](Storage::delete_blob).
    ///
    /// # Errors
    /// [`Error::Poisoned`] with the reason.
    pub fn delete_parts(&self, c: CollectionId, parts: &[BlobMeta]) -> Result<()> {
        // The manifest that named them last may still be the durable one.
        self.flush()?;
        let chunks = parts.iter().flat_map(|meta| {
            let count = u32::try_from(meta.bytes.div_ceil(PAYLOAD as u64).max(1)).unwrap_or(u32::MAX);
            (0..count).map(|chunk| Key::Chunk { collection: c, blob: meta.blob, part: meta.part, chunk }.encode())
        });
        let mut keys = Vec::with_capacity(GROUP as usize);
        for key in chunks {
            keys.push(key);
            if keys.len() == GROUP as usize {
                self.inner.remove_blobs(std::mem::take(&mut keys))?;
            }
        }
        self.inner.remove_blobs(keys)?;
        let mut writer = self.inner.writer.lock();
        for meta in parts {
            writer.blobs_young.remove(&(c, meta.blob));
        }
        Ok(())
    }

    /// Removes all parts of a blob; to be called once no durable manifest names it. A crash before it is complete leaves the rest to the
    /// sweep of the next opening.
    ///
    /// # Errors
    /// [`Error::Poisoned`] with the reason; a failed read.
    pub fn delete_blob(&self, c: CollectionId, blob: u64) -> Result<()> {
        // The manifest that named it last may still be the durable one.
        self.flush()?;
        self.inner.remove_chunks(key::blob(c, blob, None))?;
        self.inner.writer.lock().blobs_young.remove(&(c, blob));
        Ok(())
    }
}

impl Inner {
    /// Writes chunks of a blob.
    fn apply_blob(&self, (c, blob): (CollectionId, u64), writes: Vec<Write>) -> Result<()> {
        let bytes: usize = writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum();
        self.changed_blobs(self.blobs.apply(writes), Some((c, blob)), bytes)
    }

    /// Removes keys of the second store, not as one.
    fn remove_blobs(&self, keys: Vec<Vec<u8>>) -> Result<()> {
        let bytes = keys.iter().map(Vec::len).sum();
        self.changed_blobs(self.blobs.remove(keys), None, bytes)
    }

    /// Notes what was written, and flushes the second store where much has piled up.
    fn changed_blobs(&self, changed: Result<()>, wrote: Option<(CollectionId, u64)>, bytes: usize) -> Result<()> {
        match changed {
            Ok(()) => {}
            Err(error @ Error::DiskFull { .. }) => return Err(error),
            Err(error) => return Err(self.poison(&error)),
        }
        let full = {
            let mut writer = self.writer.lock();
            if let Some((c, blob)) = wrote {
                writer.unflushed.wrote(c, blob);
            }
            writer.unflushed.grew(bytes as u64) >= UNFLUSHED
        };
        if full { self.flush_blobs() } else { Ok(()) }
    }

    fn flush_blobs(&self) -> Result<()> {
        // Not under the writer's lock: commits of records go on meanwhile.
        let flushing = self.writer.lock().unflushed.flushing();
        let _span = tracing::debug_span!("flush blobs").entered();
        self.blobs.flush().map_err(|error| self.poison(&error))?;
        self.writer.lock().unflushed.flushed(flushing);
        Ok(())
    }

    /// Removes the chunks of a range; returns how many.
    pub(crate) fn remove_chunks(&self, range: Range<Vec<u8>>) -> Result<u64> {
        let (mut start, mut removed) = (range.start, 0);
        while let Some((first, chunks)) = self.first_chunk(&start, &range.end)? {
            let Some(Key::Chunk { collection, blob, part, chunk }) = Key::decode(&first) else {
                return Err(Error::corrupt(describe(&first), "it stands among blobs"));
            };
            let at = |chunk| Key::Chunk { collection, blob, part, chunk }.encode();
            // Looked up again after each group: a chunk that is wrong may say that it has billions of others.
            let last = chunks.saturating_sub(1).clamp(chunk, chunk.saturating_add(GROUP - 1));
            removed += u64::from(last - chunk) + 1;
            self.remove_blobs((chunk..=last).map(at).collect())?;
            start = at(last);
            start.push(0);
        }
        Ok(removed)
    }

    /// The first chunk in a range and how many its part has (what it cannot tell is none more than itself).
    fn first_chunk(&self, start: &[u8], end: &[u8]) -> Result<Option<(Vec<u8>, u32)>> {
        let page: Vec<Entry> = self.blobs.range(start..end, 1, 1)?;
        Ok(page.into_iter().next().map(|(key, value)| {
            let chunks = envelope::open(&key, &value).map_or(0, |envelope| envelope.pieces);
            (key, chunks)
        }))
    }
}
