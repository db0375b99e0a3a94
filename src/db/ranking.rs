//! A collection's rankers: attached, listed, detached.

use std::sync::Arc;

use crate::db::{Collection, Database};
use crate::error::{Error, Result};
use crate::features::FeatureSpec;
use crate::ingest;
use crate::model_error::ModelError;
use crate::ranker::{Ranker, RankerSource};

/// Rankers that one collection can have.
const MOST: usize = 64;

impl Collection {
    /// Checks a ranker, replays its golden rows, and stores it under a name, in the place of one that has it: whoever ranks meanwhile has the
    /// old one or the new one. Durable on return.
    ///
    /// # Errors
    /// [`Error::Model`] when the file is refused, or was trained for another space; [`Error::UnknownFeature`] for a feature of a field that items cannot have;
    /// [`Error::InvalidOption`] for a name or a number of rankers that cannot be; storage errors. Nothing has changed then.
    pub fn attach_ranker(&self, name: &str, source: &RankerSource) -> Result<()> {
        Database::check_name(name)?;
        self.may_write()?;
        let ranker = Arc::new(Ranker::load(source)?);
        if let Some(expected) = ranker.spec().space().filter(|&space| space != self.space()) {
            return Err(ModelError::RankerSpace { expected, got: self.space() }.in_file(source.path.as_deref()).into());
        }
        self.check_fields(&ranker)?;
        let names = self.rankers();
        if names.len() >= MOST && !names.iter().any(|known| known == name) {
            let expected = format!("at most {MOST} in one collection");
            return Err(Error::InvalidOption { option: "rankers", given: format!("{} and another one", names.len()), expected });
        }
        ingest::attach(&self.core.writer, name, source, ranker)
    }

    /// Removes the ranker of a name. Durable on return.
    ///
    /// # Errors
    /// [`Error::UnknownRanker`]; storage errors.
    pub fn detach_ranker(&self, name: &str) -> Result<()> {
        self.may_write()?;
        if ingest::detach(&self.core.writer, name)? { Ok(()) } else { Err(self.unknown(name)) }
    }

    /// The ranker of a name, which can be used as long as it is held, also when another one takes its place.
    ///
    /// # Errors
    /// [`Error::UnknownRanker`].
    pub fn ranker(&self, name: &str) -> Result<Arc<Ranker>> {
        self.core.shared.snapshot.load().rankers.get(name).cloned().ok_or_else(|| self.unknown(name))
    }

    /// The names of its rankers, in alphabetical order.
    #[must_use]
    pub fn rankers(&self) -> Vec<String> {
        self.core.shared.snapshot.load().rankers.names()
    }

    /// The fingerprint of the space that its vectors are of: it says which tower pair makes them (or that they are the caller's own), their
    /// width and their metric. A ranker that was trained with the scores of one space may name it in its spec, and is refused in any other.
    #[must_use]
    pub fn space(&self) -> u64 {
        self.core.shared.snapshot.load().space.fingerprint
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
            if let Some(field) = feature.from.item_fields().find(|field| !has(field)) {
                let (feature, field) = (feature.name.clone(), field.to_owned());
                return Err(Error::UnknownFeature { feature, field, collection: self.name().to_owned() });
            }
        }
        Ok(())
    }
}
