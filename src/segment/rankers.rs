//! The rankers of a collection, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ranker::Ranker;

/// The rankers that are attached in one state of a collection, ready to run.
#[derive(Clone, Default, Debug)]
pub(crate) struct Rankers(BTreeMap<String, Arc<Ranker>>);

impl Rankers {
    /// In alphabetical order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Ranker>> {
        self.0.get(name)
    }

    /// Whether one of them reads this field of users.
    pub(crate) fn reads_of_users(&self, field: &str) -> bool {
        self.0.values().any(|ranker| ranker.spec().features().iter().any(|feature| feature.from.user_fields().any(|read| read == field)))
    }

    /// With this one in the place of the one that has the name; answers whether there was one.
    pub(crate) fn insert(&mut self, name: &str, ranker: Arc<Ranker>) -> bool {
        self.0.insert(name.to_owned(), ranker).is_some()
    }

    /// Without the one that has the name.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}
