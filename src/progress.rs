//! Progress and interruption of work that takes seconds.

/// What a long piece of work is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Stage {
    /// Reading rows from a source and storing them.
    Import,
    /// Training the coarse quantizer (k-means over vectors).
    TrainCoarse,
    /// Training the product quantizer's codebooks.
    TrainCodebooks,
    /// Assigning vectors to lists and encoding them.
    Encode,
    /// Measuring recall against an exact scan, to serve recall targets.
    Calibrate,
    /// Writing a segment.
    Seal,
    /// Merging segments.
    Compact,
    /// Reading the values of a field that becomes indexed.
    Index,
    /// Reading and checking everything.
    Verify,
    /// Copying or moving a database.
    Copy,
    /// Answering evaluation queries.
    Evaluate,
}

/// Receives progress, and says when to stop. Implementations are called from several threads.
pub trait Progress: Sync {
    /// `done` of `total` units (rows, iterations, bytes: fixed within a stage) are finished; `total` is unknown for streams.
    fn update(&self, stage: Stage, done: u64, total: Option<u64>);

    /// True once the work should stop. It then ends with [`Error::Interrupted`](crate::Error::Interrupted) and changes nothing
    /// beyond what was already durable.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Reports nothing and never stops the work.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn update(&self, _stage: Stage, _done: u64, _total: Option<u64>) {}
}
