//! What the thread waits for that flushes while durability is [`Durability::Batched`]: there is one at most, and it is gone soon after it is
//! needed no more.

use std::time::Duration;

use crate::durability::Durability;
use crate::sync::{Condvar, Mutex};

/// When commits return, and what the thread waits for.
#[derive(Default)]
pub(crate) struct Flusher {
    state: Mutex<State>,
    /// Signalled when the state has changed, so that nobody sleeps by a setting of before.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    durability: Durability,
    /// There is a thread that will see the next change.
    runs: bool,
    /// There is so much to flush that it is not to wait for its time.
    due: bool,
    /// The thread has just flushed: however much there is, it waits a little.
    rests: bool,
    closed: bool,
}

impl State {
    /// The time between two flushes; `None` where there are to be no more.
    fn time(&self) -> Option<Duration> {
        match self.durability {
            Durability::Batched(time) if !self.closed => Some(time),
            _ => None,
        }
    }
}

/// How long two flushes are apart at least: each costs some fsyncs, however little it writes.
fn rest(time: Duration) -> Duration {
    (time / 8).min(Duration::from_millis(100))
}

impl Flusher {
    pub(crate) fn durability(&self) -> Durability {
        self.state.lock().durability
    }

    /// Sets when commits return. True where a thread has to be started: there is none that would see the change.
    pub(crate) fn set(&self, durability: Durability) -> bool {
        let mut state = self.state.lock();
        state.durability = durability;
        let starts = matches!(durability, Durability::Batched(_)) && !state.closed && !std::mem::replace(&mut state.runs, true);
        drop(state);
        self.changed.notify_all();
        starts
    }

    /// Lets the thread flush before its time, for there is much to flush.
    pub(crate) fn hurry(&self) {
        let mut state = self.state.lock();
        if !std::mem::replace(&mut state.due, true) && !state.rests {
            self.changed.notify_all();
        }
    }

    /// Lets the thread end.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits until it is time to flush; false when that will be the last time.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state.lock();
        if let Some(time) = state.time() {
            state.rests = true;
            self.changed.wait_for(&mut state, rest(time));
            state.rests = false;
        }
        // By the setting as it is now.
        if let Some(time) = state.time()
            && !state.due
        {
            self.changed.wait_for(&mut state, time - rest(time));
        }
        state.due = false;
        // Before the flush: what is committed under the setting as it was, is flushed by it.
        state.runs = state.time().is_some();
        state.runs
    }
}
