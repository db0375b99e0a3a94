//! The rankers of a collection, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use torre_storage::Manifest;

use crate::db::core::Core;
use crate::db::{Collection, Database};
use crate::error::{Error, Result};
use crate::features::FeatureSpec;
use crate::ingest;
use crate::ranker::{FeatureOrigin, Ranker, RankerSource};
use crate::sync::ArcSwap;

/// Rankers that one collection can have.
const MOST: usize = 64;

/// The rankers that are attached, ready to run.
pub(super) struct Rankers(ArcSwap<BTreeMap<String, Arc<Ranker>>>);

impl Default for Rankers {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(BTreeMap::new()))
    }
}

impl Rankers {
    /// Reads and prepares the rankers that a manifest names.
    pub(super) fn read(core: &Core, manifest: &Manifest) -> Result<Self> {
        let shared = &core.shared;
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

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<Ranker>>)) {
        let mut rankers = BTreeMap::clone(&self.0.load_full());
        change(&mut rankers);
        self.0.store(Arc::new(rankers));
    }
}

impl Collection {
    /// Checks a ranker, replays its golden rows, and stores it under a name, in the place of one that has it: whoever ranks meanwhile has the
    /// old one or the new one. Durable on return.
    ///
    /// # Errors
    /// [`Error::Model`] when the file is refused; [`Error::UnknownFeature`] for a feature of a field that items cannot have;
    /// [`Error::InvalidOption`] for a name or a number of rankers that cannot be; storage errors. Nothing has changed then.
    pub fn attach_ranker(&self, name: &str, source: &RankerSource) -> Result<()> {
        Database::check_name(name)?;
        self.may_write()?;
        let ranker = Arc::new(Ranker::load(source)?);
        self.check_fields(&ranker)?;
        let rankers = &self.core.rankers;
        let names = rankers.names();
        if names.len() >= MOST && !names.iter().any(|known| known == name) {
            let expected = format!("at most {MOST} in one collection");
            return Err(Error::InvalidOption { option: "rankers", given: format!("{} and another one", names.len()), expected });
        }
        let publish = || rankers.change(|rankers| drop(rankers.insert(name.to_owned(), ranker)));
        ingest::attach(&self.core.writer, name, source, publish)
    }

    /// Removes the ranker of a name. Durable on return.
    ///
    /// # Errors
    /// [`Error::UnknownRanker`]; storage errors.
    pub fn detach_ranker(&self, name: &str) -> Result<()> {
        self.may_write()?;
        let rankers = &self.core.rankers;
        let publish = || rankers.change(|rankers| drop(rankers.remove(name)));
        if ingest::detach(&self.core.writer, name, publish)? { Ok(()) } else { Err(self.unknown(name)) }
    }

    /// The ranker of a name, which can be used as long as it is held, also when another one takes its place.
    ///
    /// # Errors
    /// [`Error::UnknownRanker`].
    pub fn ranker(&self, name: &str) -> Result<Arc<Ranker>> {
        self.core.rankers.0.load_full().get(name).cloned().ok_or_else(|| self.unknown(name))
    }

    /// The names of its rankers, in alphabetical order.
    #[must_use]
    pub fn rankers(&self) -> Vec<String> {
        self.core.rankers.names()
    }

    fn unknown(&self, name: &str) -> Error {
        Error::UnknownRanker { name: name.to_owned(), known: self.rankers() }
    }

    /// Every field that the ranker reads is one that an item can have; a user may have any.
    fn check_fields(&self, ranker: &Ranker) -> Result<()> {
        let schema = self.schema();
        if schema.lenient {
            return Ok(());
        }
        let spec = self.specs().map(|(item, _)| item);
        let has = |field: &str| schema.names(field) || spec.as_ref().is_some_and(|spec: &FeatureSpec| spec.reads(field));
        for feature in ranker.spec().features() {
            if let FeatureOrigin::Item(field) = &feature.from
                && !has(field)
            {
                return Err(Error::UnknownFeature {
                    feature: feature.name.clone(),
                    field: field.clone(),
                    collection: self.name().to_owned(),
                });
            }
        }
        Ok(())
    }
}
