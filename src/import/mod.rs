//! Files of rows and of vectors, read in batches of bounded size, with errors that name the file and the place in it.
//!
//! Rows come from `.jsonl`, `.csv` and `.parquet`, each with an `id` and features by name; vectors from `.npy`, `.fvecs` and `.bvecs`, whose
//! ids are the row numbers or the lines of a file of ids. All but parquet may be packed with zstd (`.jsonl.zst`).

mod cell;
mod csv;
mod csv_record;
mod elements;
mod error;
mod input;
mod jsonl;
mod npy;
#[cfg(feature = "cli")]
mod parquet;
mod rows;
mod table;
mod vectors;

use std::path::Path;

pub(crate) use cell::{CellKind, ColumnKind};
pub(crate) use error::{ImportError, Place, Problem};
pub(crate) use input::{Input, Meter};
pub(crate) use rows::{ImportRow, RowReader};
pub(crate) use table::{read_integers, read_vectors};
pub(crate) use vectors::{VectorChunk, VectorReader};

/// How to read a file.
#[derive(Clone, Copy)]
pub(crate) struct ReadOptions<'a> {
    /// What the cells of a CSV column hold, by the column's name; the other formats say so themselves.
    pub(crate) kind: &'a dyn Fn(&str) -> ColumnKind,
    /// A file with an id a line for the vectors of `.npy` and `.fvecs`; without it an id is the row number.
    pub(crate) ids: Option<&'a Path>,
    /// Go on after a row that cannot be used, and hand out its error beside the good rows.
    pub(crate) skip_bad: bool,
}

impl Default for ReadOptions<'_> {
    fn default() -> Self {
        Self { kind: &|_| ColumnKind::One(CellKind::Text), ids: None, skip_bad: false }
    }
}

/// A file opened for import.
pub(crate) enum Source {
    Rows(RowReader),
    Vectors(Box<VectorReader>),
}

impl Source {
    /// Opens `path` by the ending of its name.
    pub(crate) fn open(path: &Path, options: &ReadOptions<'_>) -> Result<Self, ImportError> {
        match ending(path).as_str() {
            #[cfg(feature = "cli")]
            "parquet" if !is_packed(path) => Ok(Self::Rows(RowReader::new(Box::new(parquet::Parquet::open(path)?), options.skip_bad))),
            "jsonl" | "ndjson" | "csv" => Self::over(Input::open(path)?, None, options),
            "npy" | "fvecs" | "bvecs" => Self::over(Input::open(path)?, options.ids.map(Input::open).transpose()?, options),
            _ => Err(unknown(path)),
        }
    }

    /// Reads an open file by the ending of its name; for vectors, with the open file of their ids where there is one.
    pub(crate) fn over(input: Input, ids: Option<Input>, options: &ReadOptions<'_>) -> Result<Self, ImportError> {
        let rows = |rows| Ok(Self::Rows(RowReader::new(rows, options.skip_bad)));
        match ending(&input.path).as_str() {
            "jsonl" | "ndjson" => rows(Box::new(jsonl::JsonLines::over(input))),
            "csv" => rows(Box::new(csv::Csv::over(input, options.kind)?)),
            _ => Ok(Self::Vectors(Box::new(VectorReader::over(input, ids)?))),
        }
    }

    /// Bytes of the file read so far, and its size.
    pub(crate) fn meter(&self) -> &Meter {
        match self {
            Self::Rows(reader) => reader.meter(),
            Self::Vectors(reader) => reader.meter(),
        }
    }
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zst"))
}

/// The ending that says what a file holds, in lower case; of `a.csv.zst` it is `csv`.
fn ending(path: &Path) -> String {
    let plain = if is_packed(path) { path.with_extension("") } else { path.to_owned() };
    plain.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn unknown(path: &Path) -> ImportError {
    let extension = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ImportError::new(path, Place::File, Problem::Format { extension })
}
