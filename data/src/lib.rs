//! Files of rows and of vectors, read in batches of bounded size, with errors that name the file and the place in it; and tables, written.
//!
//! Rows come from `.jsonl`, `.json`, `.csv`, `.tsv` and `.parquet`, each with an `id` and features by name; vectors from `.npy`, `.fvecs` and
//! `.bvecs`, whose ids are the row numbers or the lines of a file of ids. All may be packed with gzip or zstd, and come from standard input.

mod cell;
mod columns;
mod csv;
mod csv_record;
mod elements;
mod encoding;
mod error;
mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hits;
mod input;
mod json;
mod jsonl;
mod kind;
mod npy;
mod options;
mod pack;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
mod parquet_values;
#[cfg(feature = "parquet")]
mod parquet_write;
mod rows;
mod table;
mod taken;
mod vectors;

use std::io::stdin;
use std::path::Path;

use columns::Columns;

pub use encoding::Encoding;
pub use error::{ImportError, Place, Problem};
pub use format::Format;
pub use hits::{HitError, HitFile, HitOptions, HitProblem, UserHits};
pub use input::{Input, Meter};
pub use kind::{CellKind, ColumnKind};
pub use options::ReadOptions;
#[cfg(feature = "parquet")]
pub use parquet_write::{TableColumn, write_table};
pub use rows::{ImportRow, RowReader};
pub use table::{read_integers, read_vectors};
pub use taken::{Taken, Why};
pub use vectors::{VectorChunk, VectorReader};

/// A file opened for import.
pub enum Source {
    /// Rows of features.
    Rows(RowReader),
    /// Vectors.
    Vectors(Box<VectorReader>),
}

impl Source {
    /// Opens `path`, or standard input for `-`; what it holds is told by the options, the ending of its name or, for a pipe, its first bytes.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, ImportError> {
        let format = named(path, options);
        let is_pipe = path == Path::new("-") || std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir());
        if format.is_none() && !is_pipe {
            return Err(ImportError::unknown_format(path));
        }
        #[cfg(feature = "parquet")]
        if format == Some(Format::Parquet) && !is_pipe {
            return parquet::Parquet::open(path, Columns::new(options)).map(|rows| Self::rows(rows, options));
        }
        let input = if path == Path::new("-") {
            let name = Path::new("standard input");
            Input::reading(name, stdin(), None).map_err(|e| ImportError::new(name, Place::File, e))?
        } else {
            Input::open(path)?
        };
        Self::over(input, options.ids.as_deref().map(Input::open).transpose()?, options)
    }

    /// Reads an open file by the ending of its name or by its first bytes; for vectors, with the open file of their ids where there is one.
    pub fn over(mut input: Input, ids: Option<Input>, options: &ReadOptions) -> Result<Self, ImportError> {
        let format = match named(&input.path, options) {
            Some(format) => format,
            None => {
                let start = input.peek(format::SNIFFED).map_err(|e| input.error(Place::File, e))?;
                Format::of_bytes(&start).ok_or_else(|| input.error(Place::File, Problem::Unrecognized))?
            }
        };
        let columns = Columns::new(options);
        Ok(match format {
            Format::JsonLines => Self::rows(jsonl::JsonLines::over(input, columns), options),
            Format::Json => Self::rows(json::Json::over(input, columns)?, options),
            Format::Csv | Format::Tsv => {
                let usual = if format == Format::Tsv { b'\t' } else { b',' };
                let delimiter = match options.delimiter {
                    Some(delimiter) => delimiter,
                    None if options.header => usual,
                    None => {
                        let start = input.peek(format::SNIFFED).map_err(|e| input.error(Place::File, e))?;
                        format::delimiter_of(&start).unwrap_or(usual)
                    }
                };
                Self::rows(csv::Csv::over(input, delimiter, columns)?, options)
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => Self::rows(parquet::Parquet::spooled(input, columns)?, options),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => return Err(ImportError::unknown_format(&input.path)),
            Format::Npy | Format::Fvecs | Format::Bvecs => Self::Vectors(Box::new(VectorReader::over(format, input, ids)?)),
            Format::Ivecs => return Err(ImportError::unknown_format(&input.path)),
        })
    }

    fn rows(rows: impl rows::Rows + 'static, options: &ReadOptions) -> Self {
        Self::Rows(RowReader::new(Box::new(rows), options.skip_bad))
    }

    /// Bytes of the file read so far, and its size.
    pub fn meter(&self) -> &Meter {
        match self {
            Self::Rows(reader) => reader.meter(),
            Self::Vectors(reader) => reader.meter(),
        }
    }

    /// What was taken otherwise than it stands in the file.
    pub fn taken(&self) -> Taken {
        match self {
            Self::Rows(reader) => reader.taken().clone(),
            Self::Vectors(_) => Taken::default(),
        }
    }
}

/// What a file is said to hold: by the options, by the ending of its name, or because something was said of it that is true of CSV alone.
fn named(path: &Path, options: &ReadOptions) -> Option<Format> {
    options.format.or_else(|| Format::of_name(path)).or_else(|| options.is_csv().then_some(Format::Csv))
}
