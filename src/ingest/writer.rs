//! The one writer of a collection: many threads hand changes in, one of them commits for all and hands the lead to the next.
//!
//! ```text
//! threads -> queue -> [writer lock: group -> storage batch -> one flush -> next snapshot] -> every thread gets its result
//! ```
//! Readers see a change only after it is durable, because the snapshot is published after the commit.

use std::sync::Arc;
use std::time::Duration;

use torre_storage::Manifest;

use crate::error::{Error, Result};
use crate::ingest::group::Group;
use crate::ingest::listed::Listed;
use crate::ingest::sweep::Dead;
use crate::ingest::{Changes, Op};
use crate::segment::{ListLog, Shared, Snapshot, TableError};
use crate::sync::{Condvar, Instant, Mutex, MutexGuard};

/// Commits changes of one collection.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    queue: Mutex<Queue>,
    /// Signalled when as many wait as the leader expects.
    gathered: Condvar,
    state: Mutex<State>,
    /// Held by whoever compacts, sweeps or builds: one at a time.
    pub(crate) maintenance: Mutex<()>,
    /// Held by whoever seals or builds. Apart from the other, which is taken first: a long compaction must not let the tail grow.
    pub(crate) sealing: Mutex<()>,
    /// Called between the commit to storage and the new snapshot.
    #[cfg(test)]
    pub(crate) before_publish: std::sync::OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// The longest that a commit waits for others to join it, and the part of the last commit's time.
const GATHER: Duration = Duration::from_millis(2);
const GATHER_SHARE: u32 = 4;

/// What only the holder of the writer lock touches.
pub(crate) struct State {
    /// As last committed.
    pub(crate) manifest: Manifest,
    /// Runs that begin below this row are being sealed and must not be merged.
    pub(crate) fixed_row: u64,
    /// What deleted and replaced rows have left in storage.
    pub(crate) dead: Dead,
    /// Why a commit panicked; nothing is written from then on.
    pub(super) poison: Option<String>,
}

/// Changes that came while a commit was under way.
#[derive(Default)]
struct Queue {
    waiting: Vec<Arc<Pending>>,
    /// A thread is committing, or has been told to.
    led: bool,
    /// Threads that were in the last commit or came while it was under way, and how long it took.
    last: (usize, Duration),
    /// How many the leader waits for; 0 when it does not.
    expected: usize,
}

/// One thread's changes, waiting.
struct Pending {
    ops: Mutex<(Vec<Op>, Listed)>,
    turn: Mutex<Turn>,
    called: Condvar,
}

/// What a waiting thread is called for.
enum Turn {
    Wait,
    /// To commit what is waiting, its own changes among it.
    Lead,
    Done(Result<Outcome>),
}

impl Pending {
    fn new(ops: Vec<Op>, listed: Listed) -> Arc<Self> {
        Arc::new(Self { ops: Mutex::new((ops, listed)), turn: Mutex::new(Turn::Wait), called: Condvar::new() })
    }

    fn call(&self, turn: Turn) {
        *self.turn.lock() = turn;
        self.called.notify_one();
    }

    /// Waits for the result; `None` when this thread is to lead.
    fn wait(&self) -> Option<Result<Outcome>> {
        let mut turn = self.turn.lock();
        loop {
            match std::mem::replace(&mut *turn, Turn::Wait) {
                Turn::Wait => self.called.wait(&mut turn),
                Turn::Lead => return None,
                Turn::Done(result) => return Some(result),
            }
        }
    }
}

/// Hands the lead to a thread that waits, also when the leader panics.
struct Lead<'w>(&'w Mutex<Queue>);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        match queue.waiting.first() {
            Some(next) => next.call(Turn::Lead),
            None => queue.led = false,
        }
    }
}

/// Why a group was not committed.
enum Failure {
    Storage(torre_storage::Error),
    /// The rows of all its threads together; nothing was written.
    Rows(TableError),
}

/// How a commit ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Done(Changes),
    /// A row to be replaced is no longer the one that the replacement was made from; nothing was changed.
    Conflict,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, manifest: Manifest, dead: Dead) -> Self {
        let state = State { manifest, fixed_row: 0, dead, poison: None };
        Self {
            shared,
            queue: Mutex::default(),
            gathered: Condvar::new(),
            state: Mutex::new(state),
            maintenance: Mutex::new(()),
            sealing: Mutex::new(()),
            #[cfg(test)]
            before_publish: std::sync::OnceLock::new(),
        }
    }

    /// Commits the changes as one: all of them are durable and visible on return, or none.
    pub(crate) fn commit(&self, ops: Vec<Op>) -> Result<Outcome> {
        let listed = Listed::new(&self.shared, &ops);
        let pending = Pending::new(ops, listed);
        let leads = {
            let mut queue = self.queue.lock();
            queue.waiting.push(Arc::clone(&pending));
            if queue.waiting.len() == queue.expected {
                self.gathered.notify_one();
            }
            !std::mem::replace(&mut queue.led, true)
        };
        if !leads && let Some(result) = pending.wait() {
            return result;
        }
        let lead = Lead(&self.queue);
        self.gather();
        let mut state = self.state.lock();
        let group = std::mem::take(&mut self.queue.lock().waiting);
        self.commit_group(&mut state, &group);
        drop(state);
        drop(lead);
        // The leader's own changes were in the group.
        pending.wait().unwrap_or(Err(Error::Interrupted))
    }

    /// Threads that were in the last commit are on their way with their next changes: waiting for them a little, against the time that
    /// a commit takes, spares them one. Those that came too late for it are counted too, or groups would only ever become smaller.
    fn gather(&self) {
        let mut queue = self.queue.lock();
        let (expected, took) = queue.last;
        let (start, limit) = (Instant::now(), (took / GATHER_SHARE).min(GATHER));
        queue.expected = expected;
        while queue.waiting.len() < expected {
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                break;
            }
            self.gathered.wait_for(&mut queue, left);
        }
        queue.expected = 0;
    }

    /// Threads whose changes wait for the next commit.
    #[cfg(all(test, not(feature = "schedules")))]
    pub(crate) fn waiting(&self) -> usize {
        self.queue.lock().waiting.len()
    }

    /// Threads that the next leader will wait for.
    #[cfg(all(test, not(feature = "schedules")))]
    pub(crate) fn expected(&self) -> usize {
        self.queue.lock().last.0
    }

    fn commit_group(&self, state: &mut State, pending: &[Arc<Pending>]) {
        let refuse = |error: &dyn Fn() -> Error| pending.iter().for_each(|waiting| waiting.call(Turn::Done(Err(error()))));
        if self.shared.is_dropped() {
            return refuse(&|| self.shared.gone());
        }
        if let Some(reason) = &state.poison {
            return refuse(&|| self.poisoned(reason));
        }
        match self.guard(state, |state| self.write_group(state, pending), |reason| refuse(&|| self.poisoned(reason))) {
            Ok(done) => pending.iter().zip(done).for_each(|(waiting, outcome)| waiting.call(Turn::Done(Ok(outcome)))),
            Err(Failure::Storage(error)) => {
                let error = Arc::new(error);
                refuse(&|| Error::from_shared(&error));
            }
            Err(Failure::Rows(error)) => refuse(&|| error.clone().into()),
        }
    }

    /// Makes the group durable, and then visible.
    fn write_group(&self, state: &mut State, pending: &[Arc<Pending>]) -> Result<Vec<Outcome>, Failure> {
        let _span = tracing::debug_span!("commit").entered();
        let start = Instant::now();
        let snapshot = self.shared.snapshot.load_full();
        let mut group = Group::new(&snapshot);
        let mut done = Vec::with_capacity(pending.len());
        for waiting in pending {
            let (ops, listed) = std::mem::take(&mut *waiting.ops.lock());
            done.push(if group.admits(&ops) { Outcome::Done(group.add(done.len(), ops, &listed)) } else { Outcome::Conflict });
        }
        let made = group.make(self.shared.settings.dim).map_err(Failure::Rows)?;
        let lists = group.list_log(&self.shared);
        let batch = group.batch(&self.shared, &made, &state.manifest, lists.as_ref().map(|(_, log)| log)).map_err(Failure::Storage)?;
        let (batch, manifest) = batch.unzip();
        let committed = batch.map_or(Ok(()), |batch| self.shared.storage.commit(batch).map(|_| ()));
        {
            let mut queue = self.queue.lock();
            // All of them may be there for the next one. Before the group is answered, or those that come back soon count twice.
            queue.last = (pending.len() + queue.waiting.len(), start.elapsed());
        }
        committed.map_err(Failure::Storage)?;
        #[cfg(test)]
        self.before_publish.get().inspect(|hook| hook());
        if let Some(manifest) = manifest.flatten() {
            state.manifest = manifest;
        }
        state.dead.bury(group.dead());
        let _span = tracing::debug_span!("publish").entered();
        let next = group.publish(made, state.fixed_row);
        if let Some((writers, log)) = lists {
            self.remove_list_entries(&log);
            let counts = self.shared.lists.apply(log.number, &log.entry, &next);
            for (writer, count) in writers.into_iter().zip(counts.into_iter().skip(log.anew)) {
                if let Some(Outcome::Done(changes)) = done.get_mut(writer) {
                    changes.listed += count;
                }
            }
        }
        self.shared.snapshot.store(Arc::new(next));
        Ok(done)
    }

    /// Removes the entries of the list log that an entry, which is committed, says are not needed. Where that cannot be done now, it is with the next.
    fn remove_list_entries(&self, log: &ListLog) {
        let storage = &self.shared.storage;
        if log.gone.is_empty() {
            return;
        }
        // The entry must not be lost while what it stands for is gone.
        if let Err(error) = storage.flush().and_then(|()| storage.remove_list_entries(self.shared.id, log.gone.end)) {
            tracing::warn!(%error, "entries of the list log that are not needed stay");
        }
    }

    /// Stops all commits while the guard lives: for publishing what maintenance made.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Commits what removes the collection from storage, and publishes that nothing is left: no change comes after it. Readers go on with
    /// the snapshots that they hold.
    pub(crate) fn drop_collection(&self) -> Result<()> {
        let _state = self.state.lock();
        self.shared.set_dropped(true);
        let mut batch = torre_storage::Batch::new();
        batch.drop_collection(self.shared.id);
        if let Err(error) = self.shared.storage.commit(batch) {
            self.shared.set_dropped(false);
            return Err(error.into());
        }
        let last = self.shared.snapshot.load_full();
        let snapshot = Snapshot { version: last.version + 1, segments: vec![], runs: vec![], ..Snapshot::clone(&last) };
        self.shared.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// Commits a manifest together with what goes with it, and publishes the snapshot that it describes.
    pub(crate) fn install(&self, state: &mut State, install: Install) -> Result<()> {
        let Install { mut batch, mut manifest, snapshot } = install;
        manifest.next_row = snapshot.next_row;
        manifest.sealed_row = snapshot.sealed_row;
        if self.shared.is_dropped() {
            return Err(self.shared.gone());
        }
        self.check(state)?;
        batch.put_manifest(self.shared.id, &manifest);
        let commit = |state: &mut State| {
            self.shared.storage.commit(batch)?;
            state.manifest = manifest;
            let version = self.shared.snapshot.load().version + 1;
            let snapshot = Snapshot { version, ..snapshot };
            self.shared.snapshot.store(Arc::new(snapshot));
            Ok(())
        };
        self.guard(state, commit, |_| {})
    }
}

/// A new manifest, what is committed in the same batch, and the snapshot it stands for.
pub(crate) struct Install {
    pub(crate) batch: torre_storage::Batch,
    pub(crate) manifest: Manifest,
    pub(crate) snapshot: Snapshot,
}
