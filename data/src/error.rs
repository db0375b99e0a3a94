//! What can be wrong with a file of rows or vectors, and where in it.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error as ThisError;
use torre::FeatureError;

/// A file that cannot be read, or a part of it that cannot be used.
#[derive(ThisError, Debug)]
#[error("{}{place}: {problem}", .path.display())]
pub struct ImportError {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is wrong there.
    pub problem: Problem,
}

/// Where in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line, from 1: the first one of a record of several.
    Line(u64),
    /// A row, from 0, in files without lines.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(line) => write!(f, ", line {line}"),
            Self::Row(row) => write!(f, ", row {row}"),
        }
    }
}

/// What is wrong.
#[derive(ThisError, Debug)]
#[allow(missing_docs, reason = "the message of each says what it is and what its fields are")]
#[non_exhaustive]
pub enum Problem {
    #[error("{0}")]
    Io(std::io::Error),
    #[error("cannot import {extension:?}; expected .jsonl, .json, .csv, .tsv, .parquet, .npy, .fvecs or .bvecs (also with .gz or .zst)")]
    Format { extension: String },
    #[error("longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("not UTF-8 (byte {at})")]
    NotText { at: usize },
    #[error("UTF-16 text; save the file as UTF-8")]
    Utf16,
    #[error("lines end with a carriage return alone, as on old Macs; save the file with line feeds")]
    CarriageReturns,
    #[error("nothing says what this is")]
    Unrecognized,
    #[error("the file is empty; a line with the names of its columns is needed")]
    Empty,
    #[error("the row has no id{}", may_be(.near))]
    NoId { near: Vec<String> },
    #[error("the row has no vector{}", may_be(.near))]
    NoVector { near: Vec<String> },
    #[error("the id is {got}; expected text or an integer")]
    IdKind { got: &'static str },
    #[error(transparent)]
    Id(#[from] torre::Error),
    #[error("{problem}")]
    NotARow { problem: String },
    #[error("there is no column \"id\"{}; the columns are {}", may_be(.near), .columns.join(", "))]
    NoIdColumn { near: Vec<String>, columns: Vec<String> },
    #[error("there is no column \"vector\"{}; the columns are {}", may_be(.near), .columns.join(", "))]
    NoVectorColumn { near: Vec<String>, columns: Vec<String> },
    #[error("there is no column {name:?}; the columns are {}", .columns.join(", "))]
    NoColumn { name: String, columns: Vec<String> },
    #[error("the header is one column, {header:?}: the cells seem to stand between {}", if *.between == '\t' { "tabs".to_owned() } else { format!("`{}`", .between) })]
    OtherDelimiter { header: String, between: char },
    #[error("not a readable JSON file: {what}")]
    Json { what: String },
    #[error("the column {name:?} comes twice")]
    ColumnTwice { name: String },
    #[error("expected {expected} fields, as in the {}, got {got}", if *.header { "header" } else { "first line" })]
    FieldCount { expected: usize, got: usize, header: bool },
    #[error("a quote is opened and never closed")]
    OpenQuote,
    #[error("field {field}: text follows the closing quote; a quote inside a quoted field is written twice")]
    AfterQuote { field: usize },
    #[error("column {column:?}: expected {expected}, got {got:?}")]
    Cell { column: String, expected: &'static str, got: String },
    #[error("column {column:?} is of type {kind}, which a row cannot hold")]
    ColumnKind { column: String, kind: String },
    #[error("not a usable .npy header: {what}")]
    NpyHeader { what: String },
    #[error("cut short: expected {expected} bytes of values, got {got}")]
    CutShort { expected: u64, got: u64 },
    #[error("{extra} bytes follow the last value that the header announces")]
    Surplus { extra: u64 },
    #[error("vectors of {got} values; expected 1 to {limit}")]
    Width { got: i64, limit: usize },
    #[error("expected {expected} values, as in row 0, got {got}")]
    WidthChanges { expected: usize, got: i64 },
    #[error("there are fewer ids than vectors: {ids}")]
    FewerIds { ids: u64 },
    #[error("there are more ids than vectors; the file of vectors has {vectors}")]
    MoreIds { vectors: u64 },
    #[error("not a readable parquet file: {what}")]
    Parquet { what: String },
}

/// Names the columns that may be the missing one.
fn may_be(near: &[String]) -> String {
    let near: Vec<String> = near.iter().map(|name| format!("{name:?}")).collect();
    if near.is_empty() { String::new() } else { format!(", but {} may be it", near.join(" or ")) }
}

impl ImportError {
    /// An error at a place of a file.
    pub fn new(path: &Path, place: Place, problem: impl Into<Problem>) -> Self {
        Self { path: path.to_owned(), place, problem: problem.into() }
    }

    /// A file whose name does not say what it holds, or says what is not read here.
    pub(super) fn unknown_format(path: &Path) -> Self {
        let extension = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self::new(path, Place::File, Problem::Format { extension })
    }

    /// True when only this row is lost and the rows after it can still be read.
    pub fn is_one_row(&self) -> bool {
        match self.problem {
            Problem::Io(_)
            | Problem::Format { .. }
            | Problem::Utf16
            | Problem::CarriageReturns
            | Problem::Unrecognized
            | Problem::Empty
            | Problem::NoIdColumn { .. }
            | Problem::NoVectorColumn { .. }
            | Problem::NoColumn { .. }
            | Problem::OtherDelimiter { .. }
            | Problem::Json { .. }
            | Problem::ColumnTwice { .. }
            | Problem::ColumnKind { .. }
            | Problem::NpyHeader { .. }
            | Problem::CutShort { .. }
            | Problem::Surplus { .. }
            | Problem::Width { .. }
            | Problem::WidthChanges { .. }
            | Problem::FewerIds { .. }
            | Problem::MoreIds { .. }
            | Problem::Parquet { .. } => false,
            Problem::TooLong { .. }
            | Problem::NotText { .. }
            | Problem::NoId { .. }
            | Problem::NoVector { .. }
            | Problem::IdKind { .. }
            | Problem::Id(_)
            | Problem::NotARow { .. }
            | Problem::FieldCount { .. }
            | Problem::OpenQuote
            | Problem::AfterQuote { .. }
            | Problem::Cell { .. } => true,
        }
    }
}

impl From<FeatureError> for Problem {
    /// The file's place stands beside it, so that the place in the batch is left out.
    fn from(error: FeatureError) -> Self {
        Self::NotARow { problem: if let FeatureError::Malformed { problem, .. } = error { problem } else { error.to_string() } }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
