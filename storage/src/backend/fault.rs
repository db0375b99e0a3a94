//! Injected faults: a store whose n-th read, write or flush fails, or that says the disk is full. For tests.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use std::{io, thread};

use super::{Backend, Entry, Write};
use crate::error::{Error, Result};
use crate::sync::Mutex;

/// What kind of call a fault is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// `get`, `range` and `last`.
    Read,
    /// `apply`.
    Write,
    /// `flush` and `close`.
    Flush,
}

/// How a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// An I/O error; a write or a flush that fails has done nothing.
    Io,
    /// An I/O error after the call was carried out: what a flush whose error is wrong would do.
    IoAfter,
    /// The disk is full: a write refuses, a flush fails as by the system.
    DiskFull,
    /// The value that is read is damaged in one bit.
    Damage,
    /// The call takes this long before it is carried out.
    Slow(Duration),
    /// The call panics, and nothing catches it on the way to whoever called.
    Panic,
}

/// The errors that a call may give: what holds has to hold whichever comes, at any call.
pub const ERRORS: [(Call, Failure); 6] = [
    (Call::Read, Failure::Io),
    (Call::Write, Failure::Io),
    (Call::Write, Failure::IoAfter),
    (Call::Write, Failure::DiskFull),
    (Call::Flush, Failure::Io),
    (Call::Flush, Failure::IoAfter),
];

/// The switchboard of a [`FaultBackend`], shared by the test and the store.
#[derive(Debug, Default)]
pub struct Faults {
    plan: Mutex<Vec<(Call, i64, bool, Failure)>>,
    reads: AtomicI64,
    writes: AtomicI64,
    flushes: AtomicI64,
    hit: AtomicU64,
}

impl Faults {
    /// A switchboard without faults.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Makes the n-th such call from now (from 1) fail, once.
    pub fn fail(&self, call: Call, nth: u64, failure: Failure) {
        let at = self.counter(call).load(Ordering::SeqCst) + nth as i64;
        self.plan.lock().push((call, at, false, failure));
    }

    /// Makes every such call from the n-th from now (from 1) fail.
    pub fn fail_from(&self, call: Call, nth: u64, failure: Failure) {
        let at = self.counter(call).load(Ordering::SeqCst) + nth as i64;
        self.plan.lock().push((call, at, true, failure));
    }

    /// Takes all faults away.
    pub fn heal(&self) {
        self.plan.lock().clear();
    }

    /// How many calls of a kind there were.
    pub fn calls(&self, call: Call) -> u64 {
        self.counter(call).load(Ordering::SeqCst) as u64
    }

    /// How many calls failed.
    pub fn hits(&self) -> u64 {
        self.hit.load(Ordering::SeqCst)
    }

    fn counter(&self, call: Call) -> &AtomicI64 {
        match call {
            Call::Read => &self.reads,
            Call::Write => &self.writes,
            Call::Flush => &self.flushes,
        }
    }

    fn next(&self, call: Call) -> Option<Failure> {
        let number = self.counter(call).fetch_add(1, Ordering::SeqCst) + 1;
        let failure =
            self.plan.lock().iter().find(|(c, at, ever, _)| *c == call && (*at == number || (*ever && *at <= number))).map(|p| p.3);
        if failure.is_some() {
            self.hit.fetch_add(1, Ordering::SeqCst);
        }
        failure
    }
}

/// A store whose calls fail as [`Faults`] say. Unflushed writes are forgotten by [`Durable::reopen`], as by a power cut.
pub struct FaultBackend {
    inner: Arc<Durable>,
    faults: Arc<Faults>,
}

impl FaultBackend {
    /// Wraps a store.
    pub fn new(inner: Arc<Durable>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }

    #[expect(clippy::panic, reason = "it is the fault that was asked for")]
    fn run<R>(&self, call: Call, job: impl FnOnce() -> Result<R>) -> Result<R> {
        let error = |kind: io::ErrorKind| Error::io("an injected fault", io::Error::from(kind));
        match self.faults.next(call) {
            None | Some(Failure::Damage) => job(),
            Some(Failure::Io) => Err(error(io::ErrorKind::Other)),
            Some(Failure::IoAfter) => job().and_then(|_| Err(error(io::ErrorKind::Other))),
            Some(Failure::DiskFull) if call == Call::Write => Err(Error::DiskFull { path: "injected".into(), needed: 1, available: 0 }),
            Some(Failure::DiskFull) => Err(error(io::ErrorKind::StorageFull)),
            Some(Failure::Slow(time)) => {
                thread::sleep(time);
                job()
            }
            Some(Failure::Panic) => panic!("an injected panic"),
        }
    }

    fn damage(&self, before: u64, value: &mut [u8]) {
        // The call that was just counted is the one after `before`.
        let damaged = self.faults.plan.lock().iter().any(|(call, at, ever, failure)| {
            let number = before as i64 + 1;
            *call == Call::Read && *failure == Failure::Damage && (*at == number || (*ever && *at <= number))
        });
        if damaged && let Some(byte) = value.last_mut() {
            *byte ^= 4;
        }
    }
}

impl Backend for FaultBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let before = self.faults.calls(Call::Read);
        let mut value = self.run(Call::Read, || self.inner.live.get(key))?;
        if let Some(value) = &mut value {
            self.damage(before, value);
        }
        Ok(value)
    }

    fn range(&self, range: Range<&[u8]>, limit: usize, bytes: usize) -> Result<Vec<Entry>> {
        let before = self.faults.calls(Call::Read);
        let mut entries = self.run(Call::Read, || self.inner.live.range(range, limit, bytes))?;
        if let Some((_, value)) = entries.last_mut() {
            self.damage(before, value);
        }
        Ok(entries)
    }

    fn last(&self, range: Range<&[u8]>) -> Result<Option<Entry>> {
        self.run(Call::Read, || self.inner.live.last(range))
    }

    fn apply(&self, writes: Vec<Write>) -> Result<()> {
        self.run(Call::Write, || {
            self.inner.pending.lock().push(writes.clone());
            self.inner.live.apply(writes)
        })
    }

    fn flush(&self) -> Result<()> {
        self.run(Call::Flush, || self.inner.settle())
    }

    fn close(&self) -> Result<()> {
        self.run(Call::Flush, || self.inner.settle())
    }

    fn bytes(&self) -> Result<u64> {
        self.inner.live.bytes()
    }
}

/// Two images of a store: what a running process sees, and what a power cut would leave.
#[derive(Debug, Default)]
pub struct Durable {
    live: super::memory::Memory,
    disk: super::memory::Memory,
    pending: Mutex<Vec<Vec<Write>>>,
}

impl Durable {
    /// An empty store.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What is left after a power cut: everything flushed, and of the rest the first `batches` whole batches.
    pub fn reopen(&self, batches: usize) -> Arc<Self> {
        let left = Self::default();
        let kept = self.pending.lock().iter().take(batches).cloned().collect::<Vec<_>>();
        for store in [&left.live, &left.disk] {
            store.copy_from(&self.disk);
            for batch in &kept {
                // A store in memory does not fail.
                let _ = store.apply(batch.clone());
            }
        }
        Arc::new(left)
    }

    /// How many batches are applied and not flushed.
    pub fn unflushed(&self) -> usize {
        self.pending.lock().len()
    }

    fn settle(&self) -> Result<()> {
        for batch in self.pending.lock().drain(..) {
            self.disk.apply(batch)?;
        }
        Ok(())
    }
}
