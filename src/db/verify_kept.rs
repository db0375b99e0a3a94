//! What a collection keeps beside its rows, as stored against what is in use: rankers, policies, patches.

use crate::db::verify::Checker;
use crate::ingest;
use crate::ranker::Ranker;
use crate::segment::{KeptPolicy, Patch, Patches};

impl Checker<'_> {
    /// The rankers that the manifest names, read again, against those in use.
    pub(super) fn rankers(&mut self) {
        let (core, manifest) = (&self.pinned.core, &self.pinned.manifest);
        let stored: Vec<&str> = manifest.rankers.iter().map(|ranker| ranker.name.as_str()).collect();
        if self.pinned.snapshot.rankers.names() != stored {
            self.error(&core.shared.damaged("the manifest", "it does not list the rankers in use"));
        }
        for meta in &manifest.rankers {
            let read = ingest::read_ranker(&core.shared.storage, core.shared.id, meta).and_then(|source| Ranker::load(&source));
            if let Err(error) = read {
                self.error(&core.shared.damaged(format!("ranker {:?}", meta.name), &error.to_string()));
            }
        }
    }

    /// The policies that the manifest names, read again, against those in use.
    pub(super) fn policies(&mut self) {
        let (shared, manifest) = (&self.pinned.core.shared, &self.pinned.manifest);
        if shared.policies.names().len() != manifest.policies.len() {
            self.error(&shared.damaged("the manifest", "it does not list the policies in use"));
        }
        for meta in &manifest.policies {
            match ingest::read_policy(&shared.storage, shared.id, meta) {
                Ok(policy) => {
                    let stored = KeptPolicy { version: meta.version, policy };
                    if shared.policies.get(&meta.name).is_none_or(|used| *used != stored) {
                        self.error(&shared.damaged(format!("policy {:?}", meta.name), "what is stored is not what is in use"));
                    }
                }
                Err(error) => self.error(&error),
            }
        }
    }

    /// The delta entries, read again, against the patches in use.
    pub(super) fn patches(&mut self) {
        let (shared, used) = (&self.pinned.core.shared, &self.pinned.snapshot.patches);
        let (first, mut stored) = (self.pinned.manifest.first_delta, Patches::new(0));
        for entry in shared.storage.deltas(shared.id, first..used.next) {
            let read = entry.map_err(Into::into).and_then(|(number, bytes)| Ok((number, shared.delta(number, &bytes)?, bytes.len())));
            match read {
                Ok((number, rows, bytes)) => stored.push(number, &rows, bytes),
                Err(error) => return self.error(&error),
            }
        }
        let (stored, used) = (stored.all(), used.all());
        // In memory a patch may have fields, too, that were folded while it was made.
        let is_held = |(stored, used): (&Patch, &Patch)| {
            let fields = used.fields();
            (stored.row, stored.number) == (used.row, used.number)
                && stored.fields().iter().all(|(name, value)| fields.get(name) == Some(value))
        };
        if stored.len() != used.len() || !stored.iter().zip(&used).all(is_held) {
            self.error(&shared.damaged("the delta entries", "what is stored is not what is in memory"));
        }
    }
}
