//! The rankers of a collection as they come out of storage.

use std::collections::BTreeMap;
use std::sync::Arc;

use torre_storage::Manifest;

use crate::error::Result;
use crate::ingest;
use crate::ranker::Ranker;
use crate::segment::Shared;

/// Reads and prepares the rankers that a manifest names.
pub(super) fn read(shared: &Shared, manifest: &Manifest) -> Result<()> {
    let mut rankers = BTreeMap::new();
    for meta in &manifest.rankers {
        let ranker = Ranker::load(&ingest::read_ranker(&shared.storage, shared.id, meta)?)?;
        if rankers.insert(meta.name.clone(), Arc::new(ranker)).is_some() {
            return Err(shared.damaged("the manifest", &format!("it names the ranker {:?} twice", meta.name)));
        }
    }
    shared.rankers.change(|all| *all = rankers);
    Ok(())
}
