//! What shuttle schedules, with the signatures of parking_lot and std. A lock is never poisoned: a panic ends the schedule anyway.

#![allow(clippy::expect_used, reason = "for tests only")]

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

use shuttle::sync;

/// As `parking_lot::Mutex`.
#[derive(Debug, Default)]
pub struct Mutex<T>(sync::Mutex<T>);

/// As `parking_lot::MutexGuard`.
pub struct MutexGuard<'a, T> {
    lock: &'a Mutex<T>,
    held: Option<sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    /// A lock around a value.
    pub fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    /// Waits for the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { lock: self, held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)) }
    }
}

const HELD: &str = "a guard lacks its lock only within Condvar::wait";

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect(HELD)
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect(HELD)
    }
}

/// As `parking_lot::Condvar`.
#[derive(Debug, Default)]
pub struct Condvar(sync::Condvar);

impl Condvar {
    /// A condition that nobody waits for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the lock up, waits, takes it again.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        // Between its look at the condition and the wait, others may do what needs no lock.
        shuttle::thread::sleep(Duration::ZERO);
        let held = guard.held.take().expect(HELD);
        guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// As [`Condvar::wait`], for a time at most: it may be up whenever another thread goes on, and always is before the signal comes.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, time: Duration) {
        guard.held = None;
        thread::sleep(time);
        guard.held = guard.lock.lock().held.take();
    }

    /// Wakes one thread that waits.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all threads that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// As `parking_lot::RwLock`.
#[derive(Debug, Default)]
pub struct RwLock<T>(sync::RwLock<T>);

/// Many may have it at once.
pub type RwLockReadGuard<'a, T> = sync::RwLockReadGuard<'a, T>;
/// One may have it.
pub type RwLockWriteGuard<'a, T> = sync::RwLockWriteGuard<'a, T>;

impl<T> RwLock<T> {
    /// A lock around a value.
    pub fn new(value: T) -> Self {
        Self(sync::RwLock::new(value))
    }

    /// Waits until nobody writes.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else reads or writes.
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads of a schedule.
pub mod thread {
    use std::time::Duration;

    pub use shuttle::thread::{Builder, JoinHandle, scope, spawn, yield_now};

    /// Time does not pass: the others go on instead.
    pub fn sleep(_time: Duration) {
        yield_now();
    }
}

/// A moment: how often the thread that runs had changed, a microsecond each, so that a schedule that is repeated is the same.
#[derive(Clone, Copy, Debug)]
pub struct Instant(usize);

impl Instant {
    /// This moment.
    pub fn now() -> Self {
        Self(shuttle::current::context_switches())
    }

    /// Time since then.
    pub fn elapsed(&self) -> Duration {
        Duration::from_micros((shuttle::current::context_switches() - self.0) as u64)
    }
}
