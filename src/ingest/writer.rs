//! The one writer of a collection: many threads hand changes in, whoever comes first commits for all.
//!
//! ```text
//! threads -> queue -> [writer lock: group -> storage batch -> one flush -> next snapshot] -> every thread gets its result
//! ```
//! Readers see a change only after it is durable, because the snapshot is published after the commit.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use torre_storage::Manifest;

use crate::error::{Error, Result};
use crate::ingest::group::Group;
use crate::ingest::{Changes, Op};
use crate::segment::{Shared, Snapshot};

/// Commits changes of one collection.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    queue: Mutex<Vec<Arc<Pending>>>,
    state: Mutex<State>,
    /// Held by whoever seals, compacts or builds: one at a time.
    pub(crate) maintenance: Mutex<()>,
}

/// What only the holder of the writer lock touches.
pub(crate) struct State {
    /// As last committed.
    pub(crate) manifest: Manifest,
    /// Runs that begin below this row are being sealed and must not be merged.
    pub(crate) fixed_row: u64,
    /// Deleted rows of the tail: they have tombstones, and records that are dropped when the tail is sealed.
    pub(crate) tail_dead: Vec<u64>,
}

/// One thread's changes, waiting.
struct Pending {
    ops: Mutex<Vec<Op>>,
    result: Mutex<Option<Result<Outcome>>>,
}

/// How a commit ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Done(Changes),
    /// A row to be replaced is no longer the one that the replacement was made from; nothing was changed.
    Conflict,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, manifest: Manifest, tail_dead: Vec<u64>) -> Self {
        let state = State { manifest, fixed_row: 0, tail_dead };
        Self { shared, queue: Mutex::default(), state: Mutex::new(state), maintenance: Mutex::new(()) }
    }

    /// Commits the changes as one: all of them are durable and visible on return, or none.
    pub(crate) fn commit(&self, ops: Vec<Op>) -> Result<Outcome> {
        let pending = Arc::new(Pending { ops: Mutex::new(ops), result: Mutex::new(None) });
        self.queue.lock().push(Arc::clone(&pending));
        let mut state = self.state.lock();
        if let Some(result) = pending.result.lock().take() {
            return result;
        }
        let group = std::mem::take(&mut *self.queue.lock());
        self.commit_group(&mut state, &group);
        drop(state);
        // Whoever held the lock before took the queue as a whole, so the result is there now.
        pending.result.lock().take().unwrap_or(Err(Error::Interrupted))
    }

    fn commit_group(&self, state: &mut State, pending: &[Arc<Pending>]) {
        let snapshot = self.shared.snapshot.load_full();
        let mut group = Group::new(&snapshot);
        let mut done = Vec::with_capacity(pending.len());
        for waiting in pending {
            let ops = std::mem::take(&mut *waiting.ops.lock());
            done.push(if group.admits(&ops) { Outcome::Done(group.add(ops)) } else { Outcome::Conflict });
        }
        let committed = group.batch(&self.shared).map_or(Ok(()), |batch| self.shared.storage.commit(batch).map(|_| ()));
        match committed {
            Ok(()) => {
                state.tail_dead.extend(group.dead().filter(|&row| row >= snapshot.sealed_row));
                let next = group.publish(self.shared.settings.dim, state.fixed_row);
                self.shared.snapshot.store(Arc::new(next));
                for (waiting, outcome) in pending.iter().zip(done) {
                    *waiting.result.lock() = Some(Ok(outcome));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for waiting in pending {
                    *waiting.result.lock() = Some(Err(Error::from_shared(&error)));
                }
            }
        }
    }

    /// Stops all commits while the guard lives: for publishing what maintenance made.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Commits a manifest together with what goes with it, and publishes the snapshot that it describes.
    pub(crate) fn install(&self, state: &mut State, install: Install) -> Result<()> {
        let Install { mut batch, mut manifest, snapshot } = install;
        manifest.next_row = snapshot.next_row;
        manifest.sealed_row = snapshot.sealed_row;
        batch.put_manifest(self.shared.id, &manifest);
        self.shared.storage.commit(batch)?;
        state.manifest = manifest;
        self.shared.snapshot.store(Arc::new(snapshot));
        Ok(())
    }
}

/// A new manifest, what is committed in the same batch, and the snapshot it stands for.
pub(crate) struct Install {
    pub(crate) batch: torre_storage::Batch,
    pub(crate) manifest: Manifest,
    pub(crate) snapshot: Snapshot,
}
