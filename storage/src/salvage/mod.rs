//! Reading what is left of a damaged database, without the store that made it.
//!
//! sled gives up a store whole at its first damaged leaf, or hangs on it. Here its files are read directly and only read: a damaged leaf
//! costs its own entries, and where the list of leaves itself is lost, all leaves that any slot still holds are searched. What is found goes
//! through the same checks as always, so that nothing wrong is taken for right; but after such a search records that were deleted may be
//! found again, as long as no tombstone names them.

mod index;
mod leaves;
mod raw;
mod reader;
#[cfg(test)]
mod tests;

use std::path::Path;

pub(crate) use raw::{diagnose, slabs_needed};
pub(crate) use reader::Reader;
#[cfg(feature = "fuzzing")]
pub(crate) use {
    index::{frame, items},
    leaves::{parse, unpack},
};

use crate::envelope;
use crate::error::{Error, Foreign, Result};
use crate::key::{self, CollectionId, Key};
use crate::layout::{BLOBS, RECORDS};
use crate::lock::lock_to_read;
use crate::marker::Marker;
use crate::open::assemble;
use crate::progress::Progress;
use crate::storage::{Stop, Storage, Writer};

/// What [`verify`] found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Every damage, by what it hits.
    pub damages: Vec<Error>,
    /// Collections that live.
    pub collections: u64,
    /// Records that are whole, in all collections.
    pub records: u64,
    /// Vectors that are whole, in all collections and spaces.
    pub vectors: u64,
    /// Parts of blobs that manifests name and that are whole.
    pub parts: u64,
    /// Number of the last commit.
    pub sequence: u64,
}

impl Storage {
    /// Opens what is left of a database, for reading only; second, the damages that show at once. Iterators give damage as errors and go
    /// on behind it. Nothing is changed.
    ///
    /// # Errors
    /// [`Error::InUse`] while it is being written; [`Error::Missing`] and [`Error::NotADatabase`] where there is nothing to salvage.
    pub fn salvage(path: &Path) -> Result<(Storage, Vec<Error>)> {
        Self::salvage_from(path, false)
    }

    /// As [`salvage`](Storage::salvage), but from everything that any slot of the files still holds, the newest version of each entry: for
    /// what a damaged leaf has cost there, an older state may be left. What was deleted may be found again.
    ///
    /// # Errors
    /// Those of [`salvage`](Storage::salvage).
    pub fn salvage_any_age(path: &Path) -> Result<(Storage, Vec<Error>)> {
        Self::salvage_from(path, true)
    }

    /// The collections that live and whose settings can be read; second, what cannot.
    pub fn readable_collections(&self) -> (Vec<(CollectionId, Vec<u8>)>, Vec<Error>) {
        let (mut live, mut damages) = (Vec::new(), Vec::new());
        for thing in self.things(key::collections()) {
            match thing {
                Ok((Key::Collection(c), payload)) => live.extend(payload.strip_prefix(&[1]).map(|settings| (c, settings.to_vec()))),
                Ok((other, _)) => damages.push(Error::corrupt(other.to_string(), "it stands among collections")),
                Err(error) => damages.push(error),
            }
        }
        (live, damages)
    }

    fn salvage_from(path: &Path, any_age: bool) -> Result<(Storage, Vec<Error>)> {
        let mut damages = Vec::new();
        if !path.exists() {
            return Err(Error::Missing { path: path.into() });
        }
        if !path.join(RECORDS).is_dir() && !path.join(BLOBS).is_dir() {
            return Err(Error::NotADatabase { path: path.into(), found: Foreign::NoStores });
        }
        let lock = lock_to_read(path)?;
        let mut promised = 0;
        match Marker::read(path) {
            Ok(Some(marker)) => {
                promised = marker.sequence.max(Progress::noted(path, marker.identity).unwrap_or(0));
            }
            Ok(None) => damages.push(Error::Absent { part: path.join("TORRE").display().to_string() }),
            Err(error @ (Error::Newer { .. } | Error::Older { .. })) => return Err(error),
            Err(error) => damages.push(error),
        }
        let mut stores = Vec::new();
        for name in [RECORDS, BLOBS] {
            let (store, trouble) = raw::Raw::open(&path.join(name), any_age);
            damages.extend(trouble);
            stores.push(store);
        }
        let (Some(blobs), Some(records)) = (stores.pop(), stores.pop()) else { return Err(Error::Closed) };
        let storage = assemble(Box::new(records), Box::new(blobs), Some(path.into()), Writer::reading(lock));
        *storage.inner.stop.write() = Some(Stop::Failed("it was opened for salvage".into()));
        let found = storage.last_sequence();
        if found < promised {
            damages.push(Error::Behind { path: path.into(), expected: promised, found });
        }
        Ok((storage, damages))
    }

    /// The number of the last commit, as far as heads can be read.
    fn last_sequence(&self) -> u64 {
        let head = |c: CollectionId| -> Option<u64> {
            let key = Key::Head(c).encode();
            let value = self.inner.records.get(&key).ok()??;
            envelope::open(&key, &value).ok().map(|envelope| envelope.sequence)
        };
        let collections = self.things(key::collections()).filter_map(|thing| match thing {
            Ok((Key::Collection(c), _)) => head(c),
            _ => None,
        });
        collections.max().unwrap_or(0)
    }
}

/// Reads everything of a database that is not open, and names each damage. Nothing is changed.
///
/// # Errors
/// Those of [`Storage::salvage`]; damages are in the report.
pub fn verify(path: &Path) -> Result<Report> {
    let (storage, damages) = Storage::salvage(path)?;
    let mut report = Report { damages, ..Report::default() };
    let mut ever = Vec::new();
    for thing in storage.things(key::collections()) {
        match thing {
            Ok((Key::Collection(c), payload)) => ever.push((c, payload.first() == Some(&1))),
            Ok((other, _)) => report.damages.push(Error::corrupt(other.to_string(), "it stands among collections")),
            Err(error) => report.damages.push(error),
        }
    }
    for (c, lives) in ever {
        let head = Key::Head(c).encode();
        match storage.inner.records.get(&head) {
            Ok(Some(value)) => match envelope::open(&head, &value) {
                Ok(envelope) => report.sequence = report.sequence.max(envelope.sequence),
                Err(error) => report.damages.push(error),
            },
            Ok(None) => report.damages.push(Error::Absent { part: Key::Head(c).to_string() }),
            Err(error) => report.damages.push(error),
        }
        if !lives {
            continue;
        }
        report.collections += 1;
        for record in storage.records(c, 0..u64::MAX) {
            match record {
                Ok(_) => report.records += 1,
                Err(error) => report.damages.push(error),
            }
        }
        report.damages.extend(storage.deltas(c, 0..u64::MAX).filter_map(Result::err));
        for vector in storage.things(key::all_vectors(c)) {
            match vector {
                Ok(_) => report.vectors += 1,
                Err(error) => report.damages.push(error),
            }
        }
        report.damages.extend(storage.tombstones(c).err());
        match storage.manifest(c) {
            Ok(None) => {}
            Ok(Some(manifest)) => {
                for meta in manifest.parts() {
                    match storage.read_blob(c, meta) {
                        Ok(_) => report.parts += 1,
                        Err(error) => report.damages.push(error),
                    }
                }
            }
            Err(error) => report.damages.push(error),
        }
    }
    Ok(report)
}
