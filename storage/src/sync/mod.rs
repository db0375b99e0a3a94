//! Locks, atomics, threads and the clock of whatever more than one thread takes part in.
//!
//! They are parking_lot's and std's. With the feature `schedules` they are shuttle's, with the same signatures: it then decides at each of them
//! which thread goes on, so that a test can try thousands of schedules of the code as it is, and repeat one (docs/testing.md).

#[cfg(not(feature = "schedules"))]
pub use {
    parking_lot::{Condvar, Mutex, MutexGuard, RwLock},
    std::sync::atomic,
    std::{thread, time::Instant},
};

#[cfg(feature = "schedules")]
mod scheduled;
#[cfg(feature = "schedules")]
mod schedules;

#[cfg(feature = "schedules")]
pub use schedules::{outside, try_schedules};
#[cfg(feature = "schedules")]
pub use {
    scheduled::{Condvar, Instant, Mutex, MutexGuard, thread},
    scheduled::{RwLock, RwLockReadGuard, RwLockWriteGuard},
    shuttle::sync::atomic,
};
