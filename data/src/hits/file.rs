//! A file of hits of any format.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::error::{HitError, HitProblem};
use super::unfinished::Unfinished;
use super::writer::{HitOptions, Hits, UserHits};
use super::{csv, jsonl, npy};
use crate::format::Format;

/// Begins a file of a format.
type Begin = fn(BufWriter<File>, HitOptions) -> Result<Box<dyn Hits>, HitProblem>;

/// A file of hits that is being written, under another name until [`finish`](Self::finish): no half file stands where a whole one is expected,
/// and without it nothing is left behind.
///
/// By the ending of its name it is
/// - `.parquet`: a row a user, with the columns `user` (text), `items` (list of text) and `scores` (list of float), best first; `items` is null for
///   a user who could not be served;
/// - `.jsonl`: an object a user with the same fields;
/// - `.csv`: a line a hit: `user`, `rank` from 1, `item`, `score`;
/// - `.npy`: a row of `k` int64 a user, ids that have to be numbers; -1 where there are no more.
///
/// With a ranker's scores they are `rank_scores` beside `scores`, and `rank_score` in `.csv`.
pub struct HitFile {
    path: PathBuf,
    unfinished: Unfinished,
    hits: Box<dyn Hits>,
}

impl HitFile {
    /// Begins a file.
    ///
    /// # Errors
    /// [`HitProblem::Format`], [`HitProblem::Io`].
    pub fn create(path: &Path, options: HitOptions) -> Result<Self, HitError> {
        let fail = |problem| HitError::new(path, problem);
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        let packed = ["gz", "zst"].iter().any(|packed| extension.eq_ignore_ascii_case(packed));
        let begin: Begin = match Format::of_name(path).filter(|_| !packed) {
            Some(Format::JsonLines) => |out, options| Ok(Box::new(jsonl::JsonLines::begin(out, options))),
            Some(Format::Csv) => |out, options| Ok(Box::new(csv::Csv::begin(out, options)?)),
            Some(Format::Npy) => |out, options| Ok(Box::new(npy::Npy::begin(out, options)?)),
            #[cfg(feature = "parquet")]
            Some(Format::Parquet) => |out, options| Ok(Box::new(super::parquet::Parquet::begin(out, options)?)),
            _ => return Err(fail(HitProblem::Format { extension })),
        };
        let (unfinished, file) = Unfinished::create(path).map_err(|error| fail(error.into()))?;
        let hits = begin(BufWriter::with_capacity(1 << 20, file), options).map_err(fail)?;
        Ok(Self { path: path.to_owned(), unfinished, hits })
    }

    /// Writes the next user's hits.
    ///
    /// # Errors
    /// [`HitProblem::Io`], [`HitProblem::NotANumber`].
    pub fn add(&mut self, hits: &UserHits<'_>) -> Result<(), HitError> {
        self.hits.add(hits).map_err(|problem| HitError::new(&self.path, problem))
    }

    /// Puts the whole file in its place, durably.
    ///
    /// # Errors
    /// [`HitProblem::Io`]; there is then no new file.
    pub fn finish(self) -> Result<(), HitError> {
        let Self { path, unfinished, hits } = self;
        let done = hits.finish().and_then(|file| Ok(unfinished.finish(&file)?));
        done.map_err(|problem| HitError::new(&path, problem))
    }
}
