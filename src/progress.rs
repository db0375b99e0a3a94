//! Progress and interruption of work that takes seconds.

/// What a long piece of work is doing.
///
/// ```
/// use torre::Stage;
///
/// let name = |stage| match stage {
///     Stage::Import => "importing",
///     Stage::TrainCoarse | Stage::TrainCodebooks | Stage::Encode => "training",
///     _ => "working",
/// };
/// assert_eq!(name(Stage::Encode), "training");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Stage {
    /// Reading rows from a source and storing them.
    Import,
    /// Training towers.
    TrainTowers,
    /// Growing the trees of a ranker.
    TrainRanker,
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
    /// Writing what was patched into records and columns.
    Fold,
    /// Reading the values of a field that becomes indexed.
    Index,
    /// Reading and checking everything.
    Verify,
    /// Copying or moving a database.
    Copy,
    /// Answering evaluation queries.
    Evaluate,
    /// Removing the items that a filter lets through.
    Delete,
    /// Recommending to all users.
    Recommend,
}

/// Receives progress, and says when to stop. Implementations are called from several threads.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use torre::{Progress, Stage};
///
/// /// Counts, and stops after 100 rows.
/// #[derive(Default)]
/// struct AtMost(AtomicU64);
///
/// impl Progress for AtMost {
///     fn update(&self, stage: Stage, done: u64, total: Option<u64>) {
///         self.0.store(done, Ordering::Relaxed);
///         println!("{stage:?}: {done} of {}", total.map_or("?".to_owned(), |total| total.to_string()));
///     }
///
///     fn cancelled(&self) -> bool {
///         self.0.load(Ordering::Relaxed) >= 100
///     }
/// }
///
/// let progress = AtMost::default();
/// progress.update(Stage::Import, 100, None);
/// assert!(progress.cancelled());
/// ```
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
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// use torre::NoProgress;
///
/// assert_eq!(films.compact(&NoProgress)?, 0);
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, Default, Debug)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn update(&self, _stage: Stage, _done: u64, _total: Option<u64>) {}
}
