//! The rankers of a collection as they come out of storage.

use std::sync::Arc;

use torre_storage::Manifest;

use crate::error::Result;
use crate::ingest;
use crate::ranker::Ranker;
use crate::segment::{Rankers, Shared};

/// Reads and prepares the rankers that a manifest names.
pub(super) fn read(shared: &Shared, manifest: &Manifest) -> Result<Arc<Rankers>> {
    let mut rankers = Rankers::default();
    for meta in &manifest.rankers {
        let ranker = Ranker::load(&ingest::read_ranker(&shared.storage, shared.id, meta)?)?;
        if rankers.insert(&meta.name, Arc::new(ranker)) {
            return Err(shared.damaged("the manifest", &format!("it names the ranker {:?} twice", meta.name)));
        }
    }
    Ok(rankers.into())
}
