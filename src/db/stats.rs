//! The state of a collection in numbers.

use serde::Serialize;

use crate::segment::{Shared, Snapshot};

/// The state of a collection in numbers.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let stats = films.stats()?;
/// assert_eq!((stats.rows, stats.tail, stats.segments), (2, 2, 0));
/// assert_eq!((stats.dim, stats.metric), (2, "cosine"));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Rows that can be found.
    pub rows: u64,
    /// Of these, rows in the tail: not yet in a segment, compared by their exact vectors.
    pub tail: u64,
    /// Segments.
    pub segments: usize,
    /// Lists of the index; 0 before it is trained.
    pub lists: usize,
    /// Rows of the shortest, the median and the longest list, over all segments.
    pub list_rows: Option<ListRows>,
    /// Bytes of a code; 0 before the index is trained.
    pub m: usize,
    /// The setting for what is kept to refine candidates with: auto, int8, f16, f32 or none.
    pub refine: &'static str,
    /// What is kept: the setting, or what the last build chose where that is auto; `None` before the index is trained.
    pub refine_kind: Option<&'static str>,
    /// Width of the vectors.
    pub dim: usize,
    /// The metric's name.
    pub metric: &'static str,
    /// Bytes of memory a row: codes, refine vectors, ids, tables, tail, patches.
    pub ram_bytes_per_row: f64,
    /// Bytes of memory, of these, that the indexes of fields take.
    pub column_bytes: u64,
    /// Bytes on the disk a row, of the whole database; 0 in memory.
    pub disk_bytes_per_row: f64,
    /// Stored lists of ids.
    pub stored_lists: u64,
    /// Ids on all of them.
    pub stored_list_ids: u64,
    /// Bytes of memory that they take.
    pub stored_list_bytes: u64,
    /// The current generation.
    pub generation: u32,
    /// Deleted rows that still take space in segments.
    pub tombstones: u64,
    /// Mean relative quantization error; `None` before the index is trained.
    pub quantization_error: Option<f64>,
    /// What recall targets are calibrated with: `queries` that users asked or that a build was given, or `items`: stored vectors that
    /// stand in for them; `None` before the index is trained.
    pub calibrated_with: Option<&'static str>,
    /// Users' queries in the sample that calibration goes on with.
    pub queries_sampled: u64,
    /// The share of their ten true nearest items that queries without options find, by the calibration: below 0.95 where that is out of reach.
    pub expected_recall: Option<f32>,
    /// Label of the tower pair, where there is one.
    pub model: Option<String>,
    /// Fingerprint of the space ([`Collection::space`](crate::Collection::space)), in hexadecimal.
    pub space: String,
}

/// How evenly rows are spread over lists.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// use torre::{BuildOptions, NoProgress};
///
/// assert!(films.stats()?.list_rows.is_none(), "there are no lists yet");
/// films.build(&BuildOptions::default().lists(1), &NoProgress)?;
/// assert_eq!(films.stats()?.list_rows.map(|rows| (rows.min, rows.max)), Some((2, 2)));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct ListRows {
    /// Rows of the shortest list.
    pub min: u64,
    /// Rows of the median list.
    pub median: u64,
    /// Rows of the longest list.
    pub max: u64,
}

impl Stats {
    pub(crate) fn new(snapshot: &Snapshot, shared: &Shared, disk_bytes: u64) -> Self {
        let (metric, dim) = (shared.settings.metric.name(), shared.settings.dim);
        let rows = snapshot.live();
        let per_row = |bytes: u64| if rows == 0 { 0.0 } else { bytes as f64 / rows as f64 };
        let ram: usize = snapshot.segments.iter().map(|view| view.body.memory()).sum::<usize>()
            + snapshot.runs.iter().map(|view| view.body.memory()).sum::<usize>()
            + snapshot.patches.memory();
        let stored: u64 = snapshot.segments.iter().map(|view| view.body.rows.len() as u64).sum();
        let sealed: u64 = snapshot.segments.iter().map(|view| view.live()).sum();
        let trained = snapshot.training.trained.as_ref();
        let lists = shared.lists.size();
        let error = snapshot.segments.iter().map(|view| view.body.error * view.live() as f64).sum::<f64>() / sealed.max(1) as f64;
        Self {
            rows,
            tail: snapshot.tail(),
            segments: snapshot.segments.len(),
            lists: trained.map_or(0, |trained| trained.engine.quantizer().lists()),
            list_rows: list_rows(snapshot),
            m: trained.map_or(0, |trained| trained.engine.quantizer().pq.m()),
            refine: snapshot.training.index.refine.name(),
            refine_kind: trained.map(|trained| trained.refine.name()),
            dim,
            metric,
            ram_bytes_per_row: per_row(ram as u64),
            column_bytes: snapshot.tables().iter().map(|rows| rows.columns().memory() as u64).sum(),
            disk_bytes_per_row: per_row(disk_bytes),
            stored_lists: lists.lists,
            stored_list_ids: lists.entries,
            stored_list_bytes: lists.bytes,
            generation: snapshot.training.number,
            tombstones: stored - sealed,
            quantization_error: trained.map(|_| error),
            calibrated_with: trained.and_then(|trained| trained.calibrated_with()),
            queries_sampled: shared.query_sample.len() as u64,
            expected_recall: trained.and_then(|trained| trained.expected_recall(rows)),
            model: snapshot.space.towers.as_ref().map(|pair| pair.model().to_owned()),
            space: format!("{:016x}", snapshot.space.fingerprint),
        }
    }
}

fn list_rows(snapshot: &Snapshot) -> Option<ListRows> {
    let lists = snapshot.training.trained.as_ref()?.engine.quantizer().lists();
    let mut rows = vec![0u64; lists];
    for view in &snapshot.segments {
        for (list, rows) in rows.iter_mut().enumerate() {
            *rows += view.body.index.layout().rows_of(list).len() as u64;
        }
    }
    rows.sort_unstable();
    Some(ListRows { min: *rows.first()?, median: rows[rows.len() / 2], max: *rows.last()? })
}
