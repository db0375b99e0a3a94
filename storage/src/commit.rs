//! Group commit: one thread leads the batches that wait, applies them all, flushes once, and answers all.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::backend::Write;
use crate::backend::worker::message;
use crate::batch::Batch;
use crate::durability::{Durability, Sequence};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::queue::Waiting;
use crate::storage::{Inner, Stop, Storage, Writer};

/// Bytes applied under [`Durability::Batched`] that are flushed before their time: commits wait for a flush, and for several short ones each less.
const FLUSH_BYTES: u64 = 1 << 20;

impl Storage {
    /// Commits a batch: whole or not at all, after every commit that returned before, durable on return under
    /// [`Durability::Commit`]. An empty batch is nothing.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Reserved`], [`Error::UnknownCollection`], [`Error::DiskFull`]: nothing was changed. Any other: this
    /// handle takes no more writes ([`Error::Poisoned`]); whether the batch is there shows when the database is opened again.
    pub fn commit(&self, batch: Batch) -> Result<Sequence> {
        let inner = &*self.inner;
        inner.check_writable()?;
        if batch.is_empty() {
            return Ok(inner.writer.lock().applied);
        }
        batch.check()?;
        inner.check_room(batch.room())?;
        inner.queue.join(batch, |group| {
            let led = catch_unwind(AssertUnwindSafe(|| inner.lead(group)));
            if let Err(panic) = &led {
                inner.give_up(group, &**panic);
            }
            led
        })
    }
}

impl Inner {
    /// Applies a group, flushes, and leaves the answers.
    fn lead(&self, group: &[Arc<Waiting>]) {
        let mut writer = self.writer.lock();
        let durability = self.flusher.durability();
        let mut answers: Vec<Result<Sequence>> = Vec::with_capacity(group.len());
        for waiting in group {
            answers.push(self.apply(&mut writer, waiting.take()));
        }
        if durability == Durability::Commit && answers.iter().any(Result::is_ok) {
            if let Err(error) = self.flush_records(&mut writer) {
                for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
                    *answer = Err(error.clone());
                }
            }
        } else if let Some(Stop::Failed(reason)) = &*self.stop.read() {
            // What was applied before the failure will not be flushed by this handle.
            for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
                *answer = Err(Error::Poisoned { reason: reason.clone() });
            }
        }
        if durability != Durability::Commit && writer.unflushed_records >= FLUSH_BYTES {
            self.flusher.hurry();
        }
        drop(writer);
        for (waiting, answer) in group.iter().zip(answers) {
            waiting.answer(answer);
        }
    }

    /// Stops writing after a panic in the middle of a group, and says so to all of it: nobody else would.
    fn give_up(&self, group: &[Arc<Waiting>], panic: &(dyn Any + Send)) {
        let error = self.poison(&Error::Panicked { what: "a commit".into(), message: message(panic) });
        for waiting in group {
            waiting.answer_if_none(|| Err(error.clone()));
        }
    }

    fn apply(&self, writer: &mut Writer, batch: Batch) -> Result<Sequence> {
        self.check_writable()?;
        let sequence = writer.applied + 1;
        let mut plan = Plan::new(&*self.records, sequence);
        for change in batch.changes {
            plan.add(writer, change)?;
        }
        let Plan { writes, collections, tombstones, named, .. } = plan.finish(writer);
        if named.iter().any(|(c, blobs)| writer.unflushed.any(*c, blobs)) {
            // No manifest becomes durable before what it names. Whoever has much to write flushes it before, without the lock.
            let _span = tracing::debug_span!("flush blobs in a commit").entered();
            let flushing = writer.unflushed.flushing();
            self.blobs.flush().map_err(|error| self.poison(&error))?;
            writer.unflushed.flushed(flushing);
        }
        let _span = tracing::debug_span!("apply").entered();
        writer.unflushed_records += writes.iter().map(|(key, value)| (key.len() + value.as_ref().map_or(0, Vec::len)) as u64).sum::<u64>();
        match self.records.apply(writes.into_iter().collect::<Vec<Write>>()) {
            Ok(()) => {}
            // A store says so only before it has begun.
            Err(error @ Error::DiskFull { .. }) => return Err(error),
            Err(error) => return Err(self.poison(&error)),
        }
        writer.applied = sequence;
        writer.collections.extend(collections);
        writer.tombstones.extend(tombstones);
        for (c, blobs) in named {
            // From now on the manifest says whether they live.
            writer.blobs_young.retain(|(owner, blob)| *owner != c || blobs.binary_search(blob).is_err());
        }
        Ok(sequence)
    }
}
