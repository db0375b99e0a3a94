//! The index without a database: vectors in memory under their row numbers, no ids, no durability. For measuring the index by itself, as
//! `torre bench` does beside other libraries' indexes. A database uses the same code underneath.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};
use crate::index::{IvfIndex, Part, ScanMode, Scratch, SearchEngine, SearchParams, SearchStats, Selection, Shape, search, search_batch};
use crate::progress::Progress;
use crate::quantizer::{Quantizer, TrainParams, group_weight};
use crate::types::{Metric, Refine};
use crate::vector::{Matrix, validate};

const MAGIC: &[u8; 8] = b"TORREIX1";

/// How an index is built; what is `None` follows from the vectors.
///
/// ```
/// use torre::bare::{Index, IndexOptions};
/// use torre::{Matrix, Metric, NoProgress};
///
/// let vectors = Matrix::from_vec(2, (0..64).map(|n| (n * n % 29) as f32).collect()).unwrap_or_default();
/// let mut options = IndexOptions::new(Metric::L2);
/// options.lists = Some(4);
/// options.m = Some(2);
/// let index = Index::build(vectors, &options, &NoProgress)?;
/// assert_eq!((index.lists(), index.m()), (4, 2));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IndexOptions {
    /// Inner product, cosine or squared distance.
    pub metric: Metric,
    /// Number of lists of the coarse quantizer.
    pub lists: Option<usize>,
    /// Number of sub-quantizers: bytes of a code, 1 to 256.
    pub m: Option<usize>,
    /// The vectors that candidates are scored again by; not [`Refine::Auto`].
    pub refine: Refine,
    /// Weight of an error along the vector against one across it when encoding, from 1.
    pub eta: Option<f32>,
    /// Weight of the error of a code's group, by which the scan finds it, beside the code's own.
    pub group_weight: Option<u8>,
    /// Seed of the training.
    pub seed: u64,
}

impl IndexOptions {
    /// The defaults for a metric, with int8 refine vectors.
    #[must_use]
    pub fn new(metric: Metric) -> Self {
        Self { metric, lists: None, m: None, refine: Refine::Int8, eta: None, group_weight: None, seed: 0 }
    }

    /// The same options with the default of the group weight filled in, so that equal options compare equal.
    #[must_use]
    pub fn resolved(mut self) -> Self {
        self.group_weight.get_or_insert(group_weight(self.refine));
        self
    }

    fn train_params(&self) -> Result<TrainParams> {
        if self.refine == Refine::Auto {
            let expected = "int8, f16, f32 or none".to_owned();
            return Err(Error::InvalidOption { option: "refine", given: "auto".to_owned(), expected });
        }
        Ok(TrainParams {
            lists: self.lists,
            m: self.m,
            seed: self.seed,
            eta: self.eta,
            group_weight: self.group_weight.unwrap_or(group_weight(self.refine)),
            ..TrainParams::new(self.metric)
        })
    }
}

/// Which codes become candidates.
///
/// ```
/// use torre::bare::{Scan, SearchOptions};
///
/// let thorough = SearchOptions { scan: Scan::Exact, ..SearchOptions::default() };
/// assert_ne!(thorough, SearchOptions::default());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Scan {
    /// Those whose upper four bits of each sub-quantizer promise enough.
    #[default]
    Filter,
    /// The best by all eight bits.
    Exact,
}

/// How hard a search looks.
///
/// ```
/// use torre::bare::SearchOptions;
///
/// let options = SearchOptions { k: 100, candidates: 500, ..SearchOptions::default() };
/// assert_eq!(options.nprobe, 16);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SearchOptions {
    /// Hits wanted.
    pub k: usize,
    /// Lists visited.
    pub nprobe: usize,
    /// Codes scored again by their refine vectors.
    pub candidates: usize,
    /// Which codes become candidates.
    pub scan: Scan,
    /// Measure the time of each stage, which costs some.
    pub timed: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { k: 10, nprobe: 16, candidates: 100, scan: Scan::Filter, timed: false }
    }
}

impl SearchOptions {
    fn params(&self) -> SearchParams<'static> {
        let mode = match self.scan {
            Scan::Filter => ScanMode::Filter,
            Scan::Exact => ScanMode::Exact,
        };
        let Self { k, nprobe, candidates, timed, .. } = *self;
        SearchParams { k, nprobe, candidates, mode, timed, ..SearchParams::default() }
    }
}

/// Time of each stage of a query, under the names that [`Explain`](crate::Explain) has for them: the coarse quantizer, the lookup tables, the
/// scan, the selection of candidates, their refining, the best k.
pub type StageTimes = [(&'static str, Duration); 6];

/// A trained quantizer and the codes of the vectors that it was built from.
///
/// ```
/// use torre::bare::{Index, IndexOptions, SearchOptions};
/// use torre::{Matrix, Metric, NoProgress};
///
/// let vectors = Matrix::from_vec(2, (0..64).map(|n| (n * n % 29) as f32).collect()).unwrap_or_default();
/// let index = Index::build(vectors.clone(), &IndexOptions::new(Metric::L2), &NoProgress)?;
/// let again = Index::from_bytes(&index.to_bytes()?)?;
/// let found = |index: &Index| index.search_batch(&vectors, SearchOptions::default());
/// assert_eq!(found(&again)?, found(&index)?);
/// # Ok::<(), torre::Error>(())
/// ```
pub struct Index {
    engine: SearchEngine,
    index: IvfIndex,
    /// All its rows.
    selection: Selection,
    /// The row of each position of the scan.
    rows: Vec<u32>,
}

/// Shape and lengths of what follows the head.
#[derive(Serialize, Deserialize)]
struct Head {
    metric: Metric,
    refine: Refine,
    dim: usize,
    m: usize,
    lists: usize,
    quantizer: usize,
    rows: usize,
    /// Number and length of each part of the index.
    parts: Vec<(u8, usize)>,
}

impl Index {
    /// The vectors as a metric takes them: brought to unit length for cosine, as they are otherwise.
    ///
    /// # Errors
    /// Those of [`Collection::upsert`](crate::Collection::upsert) for a vector, with its row.
    pub fn prepare(vectors: &Matrix, metric: Metric) -> Result<Matrix> {
        let mut prepared = Matrix::with_capacity(vectors.dim(), vectors.rows());
        for (row, vector) in vectors.iter().enumerate() {
            prepared.push(&validate(vector, vectors.dim(), metric, row)?);
        }
        Ok(prepared)
    }

    /// Trains on `vectors` (`rows x dim`, see [`Index::prepare`]) and encodes them.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]; [`Error::Interrupted`] when `progress` says so.
    pub fn build(mut vectors: Matrix, options: &IndexOptions, progress: &dyn Progress) -> Result<Self> {
        let quantizer = Quantizer::train(&vectors, &options.train_params()?, progress)?;
        quantizer.carry(&mut vectors);
        let lists = quantizer.assign(&vectors);
        let codes = quantizer.encode(&vectors, &lists);
        let built = IvfIndex::build(&quantizer, &vectors, &lists, &codes, options.refine);
        let too_large = || Error::InvalidOption {
            option: "vectors",
            given: vectors.rows().to_string(),
            expected: "as many as an index can number in 32 bits".to_owned(),
        };
        let (index, rows) = built.ok_or_else(too_large)?;
        Ok(Self::new(quantizer, index, rows))
    }

    fn new(quantizer: Quantizer, index: IvfIndex, rows: Vec<u32>) -> Self {
        Self { selection: index.all(), engine: SearchEngine::new(Arc::new(quantizer)), index, rows }
    }

    /// The index as bytes, with a checksum; [`Index::from_bytes`] of the same version reads them.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let (quantizer, parts) = (self.engine.quantizer().to_bytes(), self.index.parts());
        let rows: Vec<u8> = self.rows.iter().flat_map(|row| row.to_le_bytes()).collect();
        let Shape { dim, m, lists, metric, refine } = self.index.shape();
        let lengths = parts.iter().map(|(part, bytes)| (*part, bytes.len())).collect();
        let head = Head { metric, refine, dim, m, lists, quantizer: quantizer.len(), rows: rows.len(), parts: lengths };
        let head = serde_json::to_vec(&head).map_err(|error| damaged(&error.to_string()))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
        for blob in [&head, &quantizer, &rows].into_iter().map(Vec::as_slice).chain(parts.iter().map(|(_, bytes)| &**bytes)) {
            bytes.extend_from_slice(blob);
        }
        let sum = xxh3_64(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        Ok(bytes)
    }

    /// The index that [`Index::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Damaged`] for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).ok_or_else(|| damaged("not an index of this version, or cut short or changed"))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<8>()?;
        if xxh3_64(body) != u64::from_le_bytes(*sum) {
            return None;
        }
        let (length, rest) = body.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
        let (head, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let Head { metric, refine, dim, m, lists, quantizer, rows, parts: lengths } = serde_json::from_slice(head).ok()?;
        let (quantizer, rest) = rest.split_at_checked(quantizer)?;
        let (rows, mut rest) = rest.split_at_checked(rows)?;
        let mut parts = Vec::with_capacity(lengths.len());
        for (part, length) in lengths {
            let (bytes, behind) = rest.split_at_checked(length)?;
            parts.push((part, bytes));
            rest = behind;
        }
        let index = IvfIndex::from_parts(Shape { dim, m, lists, metric, refine }, &parts).ok()?;
        let rows: Vec<u32> = rows.as_chunks().0.iter().map(|&row| u32::from_le_bytes(row)).collect();
        let quantizer = Quantizer::from_bytes(quantizer)?;
        let fits = rows.len() == index.rows() && quantizer.dim() == dim && quantizer.lists() == lists && quantizer.pq.m() == m;
        fits.then(|| Self::new(quantizer, index, rows))
    }

    /// Number of lists.
    pub fn lists(&self) -> usize {
        self.index.lists()
    }

    /// Bytes of a code.
    pub fn m(&self) -> usize {
        self.index.m()
    }

    /// The kind of its refine vectors.
    pub fn refine(&self) -> Refine {
        self.index.refine()
    }

    /// Bytes in memory, by its own count: codes, refine vectors, directory, quantizer and row numbers.
    pub fn bytes(&self) -> usize {
        self.index.bytes() + self.engine.bytes() + self.selection.bytes() + 4 * self.rows.len()
    }

    /// A search that is run many times.
    pub fn searcher(&self, options: SearchOptions) -> Searcher<'_> {
        Searcher { of: self, params: options.params(), scratch: Scratch::default(), stats: SearchStats::default(), hits: Vec::new() }
    }

    /// Answers all of `queries` (`n x dim`) in one call, on the current thread pool: the rows found for each, nearest first.
    ///
    /// # Errors
    /// [`Error::VectorLength`] when they have another length.
    pub fn search_batch(&self, queries: &Matrix, options: SearchOptions) -> Result<Vec<Vec<u32>>> {
        self.check(queries.dim())?;
        let part = Part { index: &self.index, selection: &self.selection };
        let found = search_batch(&self.engine, &[part], queries, &options.params(), &[]);
        Ok(found.iter().map(|hits| hits.iter().map(|hit| self.rows[hit.position as usize]).collect()).collect())
    }

    fn check(&self, dim: usize) -> Result<()> {
        let expected = self.index.dim();
        if dim == expected { Ok(()) } else { Err(Error::VectorLength { row: 0, expected, got: dim }) }
    }
}

/// Answers queries one after another; after the first it allocates nothing.
///
/// ```
/// use torre::bare::{Index, IndexOptions, SearchOptions};
/// use torre::{Matrix, Metric, NoProgress};
///
/// let vectors = Matrix::from_vec(2, (0..64).map(|n| (n * n % 29) as f32).collect()).unwrap_or_default();
/// let index = Index::build(vectors, &IndexOptions::new(Metric::L2), &NoProgress)?;
/// let mut searcher = index.searcher(SearchOptions { k: 3, ..SearchOptions::default() });
/// assert_eq!(searcher.search(&[0.0, 1.0])?.len(), 3);
/// println!("{} codes scanned", searcher.codes_scanned());
/// # Ok::<(), torre::Error>(())
/// ```
pub struct Searcher<'a> {
    of: &'a Index,
    params: SearchParams<'a>,
    scratch: Scratch,
    stats: SearchStats,
    hits: Vec<u32>,
}

impl Searcher<'_> {
    /// The rows nearest to `query` (`dim` values), nearest first.
    ///
    /// # Errors
    /// [`Error::VectorLength`].
    pub fn search(&mut self, query: &[f32]) -> Result<&[u32]> {
        self.of.check(query.len())?;
        let part = Part { index: &self.of.index, selection: &self.of.selection };
        self.stats = search(&self.of.engine, &[part], query, &self.params, &mut self.scratch);
        self.hits.clear();
        self.hits.extend(self.scratch.hits().iter().map(|hit| self.of.rows[hit.position as usize]));
        Ok(&self.hits)
    }

    /// Codes that the last query scanned.
    pub fn codes_scanned(&self) -> usize {
        self.stats.codes_scanned
    }

    /// Times of the last query's stages, where [`SearchOptions::timed`] is set.
    pub fn times(&self) -> StageTimes {
        let times = self.stats.times;
        [
            ("coarse", times.coarse),
            ("tables", times.table),
            ("scan", times.scan),
            ("select", times.select),
            ("refine", times.refine),
            ("top-k", times.top),
        ]
    }
}

fn damaged(what: &str) -> Error {
    Error::Damaged { part: "index".to_owned(), what: what.to_owned() }
}
