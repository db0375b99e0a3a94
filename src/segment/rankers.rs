//! The rankers of a collection, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ranker::Ranker;
use crate::sync::ArcSwap;

/// The rankers that are attached, ready to run. Whoever took one out goes on with it, also when another takes its place.
pub(crate) struct Rankers(ArcSwap<BTreeMap<String, Arc<Ranker>>>);

impl Default for Rankers {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(BTreeMap::new()))
    }
}

impl Rankers {
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.load_full().keys().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Ranker>> {
        self.0.load_full().get(name).cloned()
    }

    /// Whether one of them reads this field of users.
    pub(crate) fn reads_of_users(&self, field: &str) -> bool {
        let rankers = self.0.load_full();
        rankers.values().any(|ranker| ranker.spec().features().iter().any(|feature| feature.from.user_fields().any(|read| read == field)))
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<Ranker>>)) {
        let mut rankers = BTreeMap::clone(&self.0.load_full());
        change(&mut rankers);
        self.0.store(Arc::new(rankers));
    }
}
