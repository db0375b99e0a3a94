//! Keeping and dropping policies: their texts become blobs that the manifest names.

use std::sync::Arc;

use torre_storage::{BlobMeta, CollectionId, PolicyMeta, Storage};

use crate::error::{Error, Result};
use crate::ingest::Writer;
use crate::ingest::replace::Frozen;
use crate::rules::Policy;
use crate::segment::KeptPolicy;

/// The part of a policy's blob.
const RULES: u16 = 0;

/// Stores a policy under a name, in the place of one that has it, with the version after that one's or the one `given`. Everybody sees it when
/// it is durable, and before another one is put or dropped.
///
/// # Errors
/// Storage errors; nothing has changed then.
pub(crate) fn put_policy(writer: &Writer, name: &str, policy: &Policy, given: Option<u64>) -> Result<u64> {
    let _locks = (writer.maintenance.lock(), writer.sealing.lock());
    let shared = &*writer.shared;
    let before = shared.policies.get(name).map_or(0, |kept| kept.version);
    let version = given.unwrap_or(before.saturating_add(1));
    let frozen = Frozen::segments(writer, 1)?;
    let unwritable =
        |why: &dyn std::fmt::Display| Error::Unsupported { what: format!("a policy that cannot be written and read again: {why}") };
    let text = serde_json::to_vec(policy).map_err(|error| unwritable(&error))?;
    // What is built in code may be longer or deeper than what is read: it is not acknowledged first and found unreadable later.
    let again: Policy = serde_json::from_slice(&text).map_err(|error| unwritable(&error))?;
    if again != *policy {
        return Err(unwritable(&"it is another one then"));
    }
    let part = shared.storage.write_blob(shared.id, frozen.blob, RULES, &text)?;
    shared.storage.flush_blobs()?;
    change(writer, &frozen, name, Some(PolicyMeta { name: name.to_owned(), version, part }))?;
    let kept = Arc::new(KeptPolicy { version, policy: policy.clone() });
    shared.policies.change(|policies| drop(policies.insert(name.to_owned(), kept)));
    Ok(version)
}

/// Removes the policy of a name; false where there is none.
///
/// # Errors
/// Storage errors; nothing has changed then.
pub(crate) fn drop_policy(writer: &Writer, name: &str) -> Result<bool> {
    let _locks = (writer.maintenance.lock(), writer.sealing.lock());
    if !writer.lock().manifest.policies.iter().any(|policy| policy.name == name) {
        return Ok(false);
    }
    let frozen = Frozen::segments(writer, 0)?;
    change(writer, &frozen, name, None)?;
    writer.shared.policies.change(|policies| drop(policies.remove(name)));
    Ok(true)
}

/// Puts a policy in the place of the one that has the name, and removes the blob of that.
fn change(writer: &Writer, frozen: &Frozen<'_>, name: &str, policy: Option<PolicyMeta>) -> Result<()> {
    let mut gone: Vec<BlobMeta> = Vec::new();
    frozen.install(None, [], |_, manifest, _| {
        manifest.policies.retain(|known| {
            let stays = known.name != name;
            if !stays {
                gone.push(known.part);
            }
            stays
        });
        manifest.policies.extend(policy);
        manifest.policies.sort_by(|a, b| a.name.cmp(&b.name));
    })?;
    Ok(writer.shared.storage.delete_parts(writer.shared.id, &gone)?)
}

/// Reads a policy that a manifest names.
///
/// # Errors
/// Damage, storage errors.
pub(crate) fn read_policy(storage: &Storage, id: CollectionId, meta: &PolicyMeta) -> Result<Policy> {
    let text = storage.read_blob(id, &meta.part)?;
    let damaged = |error: String| Error::Damaged { part: format!("policy {:?}", meta.name), what: error };
    let policy: Policy = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    policy.check().map_err(|error| damaged(error.to_string()))?;
    Ok(policy)
}
