//! The background threads of a database: one seals, the other trains, compacts and sweeps whatever has been written to.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::db::core::{Core, Duty};
use crate::error::Error;
use crate::progress::{Progress, Stage};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};

/// Hands collections to the background's threads and ends them when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    notifiers: Arc<Notifiers>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Notifiers {
    seal: Notifier,
    upkeep: Notifier,
    stop: AtomicBool,
}

/// What calls one of the threads.
#[derive(Debug, Default)]
struct Notifier {
    waiting: Mutex<Vec<Weak<Core>>>,
    notified: Condvar,
}

impl Progress for Notifiers {
    fn update(&self, _stage: Stage, _done: u64, _total: Option<u64>) {}

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Notifiers {
    fn of(&self, duty: Duty) -> &Notifier {
        match duty {
            Duty::Seal => &self.seal,
            Duty::Upkeep => &self.upkeep,
        }
    }
}

impl Notifier {
    fn notify(&self, core: &Arc<Core>) {
        let mut waiting = self.waiting.lock();
        if !waiting.iter().any(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(core))) {
            waiting.push(Arc::downgrade(core));
            self.notified.notify_one();
        }
    }
}

/// Without a write for so long, what writing needs of memory is given back.
const IDLE: Duration = Duration::from_secs(2);

impl Worker {
    /// Starts the threads; none when `background` is off, and only those that the system has to give.
    pub(crate) fn start(background: bool) -> Self {
        let notifiers = Arc::new(Notifiers::default());
        let duties: &[Duty] = if background { &[Duty::Seal, Duty::Upkeep] } else { &[] };
        let start = |&duty: &Duty| {
            let notifiers = Arc::clone(&notifiers);
            let name = if duty == Duty::Seal { "torre-seal" } else { "torre-upkeep" };
            thread::Builder::new().name(name.to_owned()).spawn(move || run(&notifiers, duty)).ok()
        };
        let threads = duties.iter().filter_map(start).collect();
        Self { notifiers, threads }
    }

    /// Looks after the collection soon, if it wants that.
    pub(crate) fn notify(&self, core: &Arc<Core>) {
        if self.threads.is_empty() {
            return;
        }
        for duty in [Duty::Seal, Duty::Upkeep] {
            if core.wants(duty) {
                self.notifiers.of(duty).notify(core);
            }
        }
    }

    /// Lets queries call the background when they have given something to calibrate with.
    pub(crate) fn listen(&self, core: &Arc<Core>) {
        if self.threads.is_empty() {
            return;
        }
        let (notifiers, weak) = (Arc::downgrade(&self.notifiers), Arc::downgrade(core));
        core.shared.on_sample(move || {
            if let (Some(notifiers), Some(core)) = (notifiers.upgrade(), weak.upgrade())
                && core.wants(Duty::Upkeep)
            {
                notifiers.upkeep.notify(&core);
            }
        });
    }

    /// Keeps a thread that is about to write so many rows from outrunning the background.
    pub(crate) fn pace(&self, core: &Core, rows: usize) {
        let wait = if self.threads.is_empty() { Duration::ZERO } else { core.pace(rows) };
        if !wait.is_zero() {
            let _span = tracing::debug_span!("pace").entered();
            thread::sleep(wait);
        }
    }
}

/// An import that is running; over when this is dropped. See [`Collection::begin_import`](crate::Collection::begin_import).
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let importing = films.begin_import();
/// for n in 0..3 {
///     films.upsert(Item::new(n)?.with_vector([1.0, n as f32]))?;
/// }
/// drop(importing);
/// assert_eq!(films.len(), 5);
/// # Ok::<(), torre::Error>(())
/// ```
#[must_use = "the import is over when this is dropped"]
pub struct Importing<'a> {
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
        self.worker.notify(self.core);
    }
}

impl Worker {
    /// Ends the threads, and waits for the end.
    pub(crate) fn stop(&mut self) {
        self.notifiers.stop.store(true, Ordering::Relaxed);
        for duty in [Duty::Seal, Duty::Upkeep] {
            let notifier = self.notifiers.of(duty);
            // Under the lock, so that the thread is either waiting or about to look at `stop`.
            let _waiting = notifier.waiting.lock();
            notifier.notified.notify_all();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a maintenance thread panicked");
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(notifiers: &Notifiers, duty: Duty) {
    let notifier = notifiers.of(duty);
    // Collections that were worked on, and their next row then: memory is given back when it is still the same after a while.
    let mut busy: Vec<(Weak<Core>, u64)> = Vec::new();
    loop {
        let next = {
            let mut waiting = notifier.waiting.lock();
            let mut idle = false;
            while waiting.is_empty() && !idle && !notifiers.cancelled() {
                if busy.is_empty() {
                    notifier.notified.wait(&mut waiting);
                } else {
                    notifier.notified.wait_for(&mut waiting, IDLE);
                    idle = waiting.is_empty();
                }
            }
            if notifiers.cancelled() {
                return;
            }
            if idle { None } else { Some(waiting.remove(0)) }
        };
        let Some(next) = next else {
            busy.retain_mut(|(core, row)| core.upgrade().is_some_and(|core| !rests(&core, row)));
            continue;
        };
        let Some(core) = next.upgrade() else { continue };
        match core.tend(duty, notifiers) {
            Ok(worked) => {
                // One piece after the other, so that no collection keeps the others waiting.
                if core.wants(duty) {
                    notifier.notify(&core);
                }
                // What was sealed may be worth merging.
                if duty == Duty::Seal {
                    notifiers.upkeep.notify(&core);
                } else if worked || !busy.iter().any(|(other, _)| std::ptr::eq(other.as_ptr(), Arc::as_ptr(&core))) {
                    busy.retain(|(other, _)| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(&core)));
                    busy.push((Arc::downgrade(&core), core.next_row()));
                }
            }
            Err(Error::CollectionDropped { .. }) => {}
            Err(Error::Interrupted) if notifiers.cancelled() => return,
            // The collection was dropped meanwhile.
            Err(Error::Interrupted) => {}
            // What was written stays readable: the tail is searched too. The next write tries again.
            Err(error) => tracing::error!(collection = %core.shared.name(), %error, "maintenance failed"),
        }
    }
}

/// True when nobody has written to the collection since the last look, and its memory was trimmed.
fn rests(core: &Core, row: &mut u64) -> bool {
    let now = core.next_row();
    if std::mem::replace(row, now) != now {
        return false;
    }
    if let Err(error) = core.trim() {
        tracing::error!(collection = %core.shared.name(), %error, "trimming memory failed");
    }
    true
}
