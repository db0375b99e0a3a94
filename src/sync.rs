//! Storage's locks and threads, and the cell that snapshots are swapped in: arc-swap's, or, under shuttle, one that it schedules.

pub(crate) use torre_storage::sync::*;

#[cfg(not(feature = "schedules"))]
pub(crate) use arc_swap::ArcSwap;

/// As `arc_swap::ArcSwap`: loading and storing are single steps.
#[cfg(feature = "schedules")]
pub(crate) struct ArcSwap<T>(RwLock<std::sync::Arc<T>>);

#[cfg(feature = "schedules")]
impl<T> ArcSwap<T> {
    pub(crate) fn from_pointee(value: T) -> Self {
        Self(RwLock::new(std::sync::Arc::new(value)))
    }

    pub(crate) fn load(&self) -> std::sync::Arc<T> {
        self.load_full()
    }

    pub(crate) fn load_full(&self) -> std::sync::Arc<T> {
        std::sync::Arc::clone(&self.0.read())
    }

    pub(crate) fn store(&self, value: std::sync::Arc<T>) {
        // The old value is dropped, if it is the last one, when the lock is free again.
        let _old = std::mem::replace(&mut *self.0.write(), value);
    }
}
