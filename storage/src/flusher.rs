//! What the thread waits for that flushes while durability is [`Durability::Batched`]: there is one at most, and it is gone soon after it is
//! needed no more.

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
    closed: bool,
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

    /// Lets the thread end.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits until it is time to flush; false when that will be the last time.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state.lock();
        if let Durability::Batched(time) = state.durability
            && !state.closed
        {
            self.changed.wait_for(&mut state, time);
        }
        // Before the flush: what is committed under the setting as it was, is flushed by it.
        state.runs = matches!(state.durability, Durability::Batched(_)) && !state.closed;
        state.runs
    }
}
