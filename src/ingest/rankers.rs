//! Attaching and detaching rankers: their files become blobs that the manifest names.

use std::sync::Arc;

use torre_storage::{BlobMeta, CollectionId, RankerMeta, Storage};

use crate::error::{Error, Result};
use crate::ingest::Writer;
use crate::ingest::replace::Frozen;
use crate::ranker::{Ranker, RankerSource};

/// Parts of a ranker's blob.
const ONNX: u16 = 0;
const SPEC: u16 = 1;

/// Stores a ranker under a name, in the place of one that has it: `ranker` is what its source comes to.
///
/// # Errors
/// Storage errors; nothing has changed then.
pub(crate) fn attach(writer: &Writer, name: &str, source: &RankerSource, ranker: Arc<Ranker>) -> Result<()> {
    let _locks = (writer.maintenance.lock(), writer.sealing.lock());
    let shared = &*writer.shared;
    let frozen = Frozen::segments(writer, 1)?;
    let mut parts = vec![shared.storage.write_blob(shared.id, frozen.blob, ONNX, &source.onnx)?];
    if let Some(spec) = &source.spec {
        parts.push(shared.storage.write_blob(shared.id, frozen.blob, SPEC, spec.as_bytes())?);
    }
    shared.storage.flush_blobs()?;
    change(writer, &frozen, name, Some((RankerMeta { name: name.to_owned(), parts }, ranker)))
}

/// Removes the ranker of a name; false where there is none.
///
/// # Errors
/// Storage errors; nothing has changed then.
pub(crate) fn detach(writer: &Writer, name: &str) -> Result<bool> {
    let _locks = (writer.maintenance.lock(), writer.sealing.lock());
    if !writer.lock().manifest.rankers.iter().any(|ranker| ranker.name == name) {
        return Ok(false);
    }
    let frozen = Frozen::segments(writer, 0)?;
    change(writer, &frozen, name, None)?;
    Ok(true)
}

/// Puts a ranker in the place of the one that has the name, and removes the blobs of that.
fn change(writer: &Writer, frozen: &Frozen<'_>, name: &str, ranker: Option<(RankerMeta, Arc<Ranker>)>) -> Result<()> {
    let mut gone: Vec<BlobMeta> = Vec::new();
    frozen.install(None, [], |snapshot, manifest, _| {
        manifest.rankers.retain(|known| {
            let stays = known.name != name;
            if !stays {
                gone.extend(&known.parts);
            }
            stays
        });
        let rankers = Arc::make_mut(&mut snapshot.rankers);
        rankers.remove(name);
        if let Some((meta, ranker)) = ranker {
            rankers.insert(name, ranker);
            manifest.rankers.push(meta);
            manifest.rankers.sort_by(|a, b| a.name.cmp(&b.name));
        }
    })?;
    Ok(writer.shared.storage.delete_parts(writer.shared.id, &gone)?)
}

/// Reads what a ranker was attached from.
///
/// # Errors
/// Damage, storage errors.
pub(crate) fn read_ranker(storage: &Storage, id: CollectionId, meta: &RankerMeta) -> Result<RankerSource> {
    let part = |wanted: u16| -> Result<Option<Vec<u8>>> {
        meta.parts.iter().find(|part| part.part == wanted).map(|found| Ok(storage.read_blob(id, found)?)).transpose()
    };
    let damaged = |what: &str| Error::Damaged { part: format!("ranker {:?}", meta.name), what: what.to_owned() };
    let onnx = part(ONNX)?.ok_or_else(|| damaged("its model is missing"))?;
    let spec = part(SPEC)?.map(String::from_utf8).transpose().map_err(|_| damaged("its spec is not UTF-8"))?;
    Ok(RankerSource { onnx, spec, path: None })
}
