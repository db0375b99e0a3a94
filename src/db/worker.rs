//! The background thread of a database: it seals, trains and compacts whatever has been written to.

use std::sync::{Arc, Weak};

use crate::db::core::Core;
use crate::error::Error;
use crate::progress::{Progress, Stage};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};

/// Hands collections to the background thread and ends it when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Bell {
    waiting: Mutex<Vec<Weak<Core>>>,
    rung: Condvar,
    stop: AtomicBool,
}

impl Progress for Bell {
    fn update(&self, _stage: Stage, _done: u64, _total: Option<u64>) {}

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Worker {
    /// Starts the thread; none when `background` is off or the system has no thread to give.
    pub(crate) fn start(background: bool) -> Self {
        let bell = Arc::new(Bell::default());
        let thread = background.then(|| {
            let bell = Arc::clone(&bell);
            thread::Builder::new().name("torre-maintenance".to_owned()).spawn(move || run(&bell)).ok()
        });
        Self { bell, thread: thread.flatten() }
    }

    /// Looks after the collection soon, if it wants that.
    pub(crate) fn look_after(&self, core: &Arc<Core>) {
        if self.thread.is_none() || !core.wants_maintenance() {
            return;
        }
        let mut waiting = self.bell.waiting.lock();
        if !waiting.iter().any(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(core))) {
            waiting.push(Arc::downgrade(core));
            self.bell.rung.notify_one();
        }
    }
}

/// An import that is running; over when dropped, and then looked after.
#[must_use = "the import is over when this is dropped"]
pub(crate) struct Importing<'a> {
    worker: &'a Worker,
    core: &'a Arc<Core>,
}

impl Worker {
    /// Puts off what the background would do for the collection at every step of an import.
    pub(crate) fn begin_import<'a>(&'a self, core: &'a Arc<Core>) -> Importing<'a> {
        core.imports.fetch_add(1, Ordering::Relaxed);
        Importing { worker: self, core }
    }
}

impl Drop for Importing<'_> {
    fn drop(&mut self) {
        self.core.imports.fetch_sub(1, Ordering::Relaxed);
        self.worker.look_after(self.core);
    }
}

impl Worker {
    /// Ends the thread, and waits for the end.
    pub(crate) fn stop(&mut self) {
        self.bell.stop.store(true, Ordering::Relaxed);
        {
            // Under the lock, so that the thread is either waiting or about to look at `stop`.
            let _waiting = self.bell.waiting.lock();
            self.bell.rung.notify_all();
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the maintenance thread panicked");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(bell: &Bell) {
    loop {
        let next = {
            let mut waiting = bell.waiting.lock();
            while waiting.is_empty() && !bell.cancelled() {
                bell.rung.wait(&mut waiting);
            }
            if bell.cancelled() {
                return;
            }
            waiting.remove(0)
        };
        let Some(core) = next.upgrade() else { continue };
        match core.maintain(false, bell) {
            Ok(()) | Err(Error::CollectionDropped { .. }) => {}
            Err(Error::Interrupted) if bell.cancelled() => return,
            // The collection was dropped meanwhile.
            Err(Error::Interrupted) => {}
            // What was written stays readable: the tail is scanned exactly. The next write tries again.
            Err(error) => tracing::error!(collection = core.shared.settings.name, %error, "maintenance failed"),
        }
    }
}
