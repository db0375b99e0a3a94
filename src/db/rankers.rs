//! The rankers of a collection, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use torre_storage::Manifest;

use crate::error::Result;
use crate::ingest;
use crate::ranker::Ranker;
use crate::segment::Shared;
use crate::sync::ArcSwap;

/// The rankers that are attached, ready to run.
pub(super) struct Rankers(ArcSwap<BTreeMap<String, Arc<Ranker>>>);

impl Default for Rankers {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(BTreeMap::new()))
    }
}

impl Rankers {
    /// Reads and prepares the rankers that a manifest names.
    pub(super) fn read(shared: &Shared, manifest: &Manifest) -> Result<Self> {
        let mut rankers = BTreeMap::new();
        for meta in &manifest.rankers {
            let ranker = Ranker::load(&ingest::read_ranker(&shared.storage, shared.id, meta)?)?;
            if rankers.insert(meta.name.clone(), Arc::new(ranker)).is_some() {
                return Err(shared.damaged("the manifest", &format!("it names the ranker {:?} twice", meta.name)));
            }
        }
        Ok(Self(ArcSwap::from_pointee(rankers)))
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.load_full().keys().cloned().collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Ranker>> {
        self.0.load_full().get(name).cloned()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<Ranker>>)) {
        let mut rankers = BTreeMap::clone(&self.0.load_full());
        change(&mut rankers);
        self.0.store(Arc::new(rankers));
    }
}
