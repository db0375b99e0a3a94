//! The policies of a collection as they come out of storage.

use std::collections::BTreeMap;
use std::sync::Arc;

use torre_storage::Manifest;

use crate::error::Result;
use crate::ingest;
use crate::segment::{KeptPolicy, Shared};

/// Reads the policies that a manifest names.
pub(super) fn read(shared: &Shared, manifest: &Manifest) -> Result<()> {
    let mut policies = BTreeMap::new();
    for meta in &manifest.policies {
        let policy = ingest::read_policy(&shared.storage, shared.id, meta)?;
        let kept = KeptPolicy { version: meta.version, policy };
        if policies.insert(meta.name.clone(), Arc::new(kept)).is_some() {
            return Err(shared.damaged("the manifest", &format!("it names the policy {:?} twice", meta.name)));
        }
    }
    shared.policies.change(|all| *all = policies);
    Ok(())
}
