//! Building the index on demand: what to build, and what was built.

use std::time::Duration;

use crate::db::options::seconds;
use crate::error::Result;
use crate::ingest;
use crate::segment::IndexSettings;
use crate::types::{Metric, Refine};
use crate::vector::{Matrix, validate};

/// What to build; see [`Collection::build`](crate::Collection::build). What is not set stays as the collection has it.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// use torre::{BuildOptions, NoProgress, Refine};
///
/// let built = films.build(&BuildOptions::default().m(1).lists(2).refine(Refine::F32), &NoProgress)?;
/// assert_eq!((built.m, built.lists, built.refine), (1, 2, Refine::F32));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Default, Debug)]
pub struct BuildOptions {
    m: Option<usize>,
    lists: Option<usize>,
    refine: Option<Refine>,
    seed: Option<u64>,
    pub(super) eta: Option<f32>,
    queries: Option<Vec<Vec<f32>>>,
    pub(super) memory: Option<usize>,
}

/// The least that building can be limited to.
const LEAST_MEMORY: usize = 16 << 20;

impl BuildOptions {
    /// Bytes of a code: 1 to 256.
    #[must_use]
    pub fn m(mut self, m: usize) -> Self {
        self.m = Some(m);
        self
    }

    /// Number of lists.
    #[must_use]
    pub fn lists(mut self, lists: usize) -> Self {
        self.lists = Some(lists);
        self
    }

    /// What is kept to refine candidates with. With [`Refine::Auto`], which collections have by default, the build finds out what the data
    /// needs.
    #[must_use]
    pub fn refine(mut self, refine: Refine) -> Self {
        self.refine = Some(refine);
        self
    }

    /// Seed of everything random in training.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Weight of a code's error along the vector against its error across it, from 1 (both count the same) up; it matters most where
    /// nothing but codes is kept, with [`Refine::None`]. By default what the index was last built with; at first 4
    /// for inner product and cosine and 1 for L2. Guo et al., "Accelerating large-scale inference with anisotropic vector
    /// quantization", 2020.
    #[must_use]
    pub fn eta(mut self, eta: f32) -> Self {
        self.eta = Some(eta);
        self
    }

    /// Vectors of real users to calibrate recall targets with; they are kept for later builds. Without them a sample of what has been
    /// searched with since the database was opened is taken, where there is enough of it; else what the last build had; else stored
    /// vectors stand in.
    #[must_use]
    pub fn queries(mut self, vectors: Vec<Vec<f32>>) -> Self {
        self.queries = Some(vectors);
        self
    }

    /// Bytes of memory that building may take beside the old index, the new one, the parts that it is put together from (another time
    /// the new one's size), and storage (its caches, and what is being written: about 100 MB): at least 16 MB. With less of it, training
    /// looks at a smaller sample and rows are coded in smaller portions. Without a limit the two take up to 320 MB of vectors, and about
    /// as much again to work with.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = Some(bytes);
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        if let Some(eta) = self.eta.filter(|eta| !(eta.is_finite() && *eta >= 1.0)) {
            let expected = "a number from 1".to_owned();
            return Err(crate::Error::InvalidOption { option: "eta", given: eta.to_string(), expected });
        }
        match self.memory {
            Some(bytes) if bytes < LEAST_MEMORY => Err(crate::Error::InvalidOption {
                option: "memory",
                given: format!("{bytes} bytes"),
                expected: format!("at least {LEAST_MEMORY} bytes"),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn apply(&self, index: &mut IndexSettings) {
        index.m = self.m.or(index.m);
        index.lists = self.lists.or(index.lists);
        index.refine = self.refine.unwrap_or(index.refine);
        index.seed = self.seed.unwrap_or(index.seed);
    }

    /// The vectors to calibrate with, checked and normalised as the metric asks.
    pub(super) fn query_vectors(&self, dim: usize, metric: Metric) -> Result<Option<Matrix>> {
        let Some(vectors) = &self.queries else { return Ok(None) };
        let mut queries = Matrix::with_capacity(dim, vectors.len());
        for (row, vector) in vectors.iter().enumerate() {
            queries.push(&validate(vector, dim, metric, row)?);
        }
        Ok(Some(queries))
    }
}

/// What [`Collection::build`](crate::Collection::build) made.
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
/// let built = films.build(&BuildOptions::default(), &NoProgress)?;
/// assert_eq!(built.rows, 2);
/// println!("generation {}, {:.0} bytes a row, in {:?}", built.generation, built.bytes_per_row, built.elapsed);
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Built {
    /// Rows coded.
    pub rows: u64,
    /// Lists of the index.
    pub lists: usize,
    /// Bytes of a code.
    pub m: usize,
    /// Bytes of memory a row: codes, refine vectors, ids and tables.
    pub bytes_per_row: f64,
    /// Mean relative quantization error.
    pub quantization_error: f64,
    /// What is kept to refine candidates with: never [`Refine::Auto`] but what that came to.
    pub refine: Refine,
    /// The share of their ten true nearest items that queries without options will find, by the calibration: below 0.95 where that is out of
    /// reach with these settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_recall: Option<f32>,
    /// The new generation.
    pub generation: u32,
    /// Time taken.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
}

impl Built {
    pub(super) fn new(built: &ingest::Built, elapsed: Duration) -> Self {
        Self {
            rows: built.rows,
            lists: built.lists,
            m: built.m,
            bytes_per_row: built.bytes_per_row,
            quantization_error: built.error,
            refine: built.refine,
            expected_recall: built.expected_recall,
            generation: built.generation,
            elapsed,
        }
    }
}
