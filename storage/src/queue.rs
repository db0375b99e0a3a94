//! The queue of the group commit: threads bring their batches, one of them leads all that wait, and each gets its own answer.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::Arc;

use crate::batch::Batch;
use crate::durability::Sequence;
use crate::error::Result;
use crate::sync::{Condvar, Mutex};

/// Batches that wait for a leader.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Signalled when a leader has answered its group.
    answered: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Waiting>>,
    led: bool,
}

/// A batch in the queue, and the place of its answer.
pub(crate) struct Waiting {
    batch: Mutex<Option<Batch>>,
    answer: Mutex<Option<Result<Sequence>>>,
}

impl Waiting {
    /// The batch, once.
    pub(crate) fn take(&self) -> Batch {
        self.batch.lock().take().unwrap_or_default()
    }

    pub(crate) fn answer(&self, answer: Result<Sequence>) {
        *self.answer.lock() = Some(answer);
    }

    pub(crate) fn answer_if_none(&self, answer: impl FnOnce() -> Result<Sequence>) {
        self.answer.lock().get_or_insert_with(answer);
    }
}

impl Queue {
    /// Brings a batch and returns its answer. The thread waits for one that leads; where none does, it leads itself: `lead` answers the
    /// whole group, also when it panics, which it catches and returns. The panic goes on here, when the next leader may begin.
    pub(crate) fn join(&self, batch: Batch, lead: impl Fn(&[Arc<Waiting>]) -> std::thread::Result<()>) -> Result<Sequence> {
        let mine = Arc::new(Waiting { batch: Mutex::new(Some(batch)), answer: Mutex::new(None) });
        let mut state = self.state.lock();
        state.waiting.push_back(mine.clone());
        loop {
            if let Some(answer) = mine.answer.lock().take() {
                return answer;
            }
            if state.led {
                self.answered.wait(&mut state);
                continue;
            }
            state.led = true;
            let group: Vec<Arc<Waiting>> = state.waiting.drain(..).collect();
            drop(state);
            let led = lead(&group);
            state = self.state.lock();
            state.led = false;
            self.answered.notify_all();
            if let Err(panic) = led {
                drop(state);
                resume_unwind(panic);
            }
        }
    }
}
