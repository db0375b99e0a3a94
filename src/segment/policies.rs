//! The policies of a collection, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rules::Policy;
use crate::sync::ArcSwap;

/// A policy that is kept under a name.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct KeptPolicy {
    /// How many times one of this name has been set since there was none: from 1.
    pub(crate) version: u64,
    pub(crate) policy: Policy,
}

/// The policies that are kept. Whoever took one out goes on with it, also when another takes its place.
pub(crate) struct Policies(ArcSwap<BTreeMap<String, Arc<KeptPolicy>>>);

impl Default for Policies {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(BTreeMap::new()))
    }
}

impl Policies {
    /// Names and versions, in alphabetical order.
    pub(crate) fn list(&self) -> Vec<(String, u64)> {
        self.0.load_full().iter().map(|(name, kept)| (name.clone(), kept.version)).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.load_full().keys().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<KeptPolicy>> {
        self.0.load_full().get(name).cloned()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<KeptPolicy>>)) {
        let mut policies = BTreeMap::clone(&self.0.load_full());
        change(&mut policies);
        self.0.store(Arc::new(policies));
    }
}
