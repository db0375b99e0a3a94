//! What can go wrong with stored bytes, by who must act.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error as ThisError;

use crate::layout::{BLOBS, MARKER, RECORDS};

/// Storage's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that storage's calls can answer instead of a result.
///
/// It is `Clone` because one failed flush is the answer to every commit of its group.
#[derive(ThisError, Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// Nothing is at this path (caller).
    #[error("{}: there is no database here", .path.display())]
    Missing {
        /// The path asked for.
        path: PathBuf,
    },
    /// A directory (or file) that Torre did not make (caller).
    #[error("{}: not a Torre database: {found}", .path.display())]
    NotADatabase {
        /// The path asked for.
        path: PathBuf,
        /// What is there.
        found: Foreign,
    },
    /// A new database was asked for where one is (caller).
    #[error("{}: a database is here already", .path.display())]
    Exists {
        /// The path asked for.
        path: PathBuf,
    },
    /// The process that was creating this database died before it was ready; nothing can have been stored in it (caller).
    #[error("{}: the creation of this database was cut short and nothing was stored; create it again", .path.display())]
    Unfinished {
        /// The path asked for.
        path: PathBuf,
    },
    /// A format of a later version of Torre (operator).
    #[error("{}: written in format {found}, and this version knows formats up to {known}; use a newer Torre", .path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// A format that this version has left behind (operator).
    #[error("{}: written in format {found}, and this version reads format {known} only; dump it with the Torre that wrote it, and load the dump", .path.display())]
    Older {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The oldest format known here.
        known: u32,
    },
    /// A stored value of a later version of Torre, in a format that is known (operator).
    #[error("{what}: written in version {found}, and this Torre knows versions up to {known}; use a newer Torre")]
    NewerPart {
        /// What it is.
        what: String,
        /// Its version.
        found: u8,
        /// The newest version known here.
        known: u8,
    },
    /// Another handle, here or in another process, has it open (operator).
    #[error("{}: in use{}", .path.display(), .holder.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    InUse {
        /// The database.
        path: PathBuf,
        /// The process that wrote its number into the lock file, if it can be read.
        holder: Option<u32>,
    },
    /// Handles that only read have it open, here or in other processes: writing waits for their end (operator).
    #[error("{}: open for reading only; it can be written when the last reader has closed it", .path.display())]
    BeingRead {
        /// The database.
        path: PathBuf,
    },
    /// Nothing can be written here (operator), or nothing is to be: it was opened so (caller).
    #[error("{}: nothing can be written: {}", .path.display(), why_read_only(.source.as_deref()))]
    ReadOnly {
        /// The database.
        path: PathBuf,
        /// What the system said; `None` where it was opened so.
        source: Option<Arc<io::Error>>,
    },
    /// An earlier handle of this process stopped after an I/O error and still holds the files: only the end of the process frees them
    /// (operator).
    #[error("{}: an earlier handle of this process stopped after an error and still holds the files; start the process again", .path.display())]
    Held {
        /// The store's directory.
        path: PathBuf,
    },
    /// Stored bytes are not what was written (damage).
    #[error("{part} is damaged: {detail}")]
    Corrupt {
        /// What is damaged: a key in words, or a file.
        part: String,
        /// How it shows.
        detail: String,
    },
    /// The store came up with less than what was promised durable (damage).
    #[error("{}: damaged: commits up to number {expected} were promised durable, and the store comes up with {found}", .path.display())]
    Behind {
        /// The database.
        path: PathBuf,
        /// Last sequence known durable.
        expected: u64,
        /// Last sequence found.
        found: u64,
    },
    /// Something named elsewhere is not there (damage).
    #[error("{part} is missing")]
    Absent {
        /// What is missing: a key in words, or a file.
        part: String,
    },
    /// The file system has no room; nothing of the commit was written (operator).
    #[error("{}: disk full: {needed} bytes are needed with the reserve, {available} are free", .path.display())]
    DiskFull {
        /// The database.
        path: PathBuf,
        /// Bytes that the operation needs, the reserve included.
        needed: u64,
        /// Bytes free.
        available: u64,
    },
    /// The operating system refused (operator).
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// An earlier write or flush failed: this handle takes no more writes (operator).
    #[error(
        "writing has stopped since {reason}; reads go on; what was acknowledged is safe: open the database again (in a new process) to write"
    )]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// The store did not come back in time (operator, or damage).
    #[error("{what}: no answer within {} s; the files may be damaged or the device stuck", .after.as_secs_f32())]
    TimedOut {
        /// What was being done.
        what: String,
        /// How long was waited.
        after: Duration,
    },
    /// The store panicked; it was caught (damage).
    #[error("{what}: the store gave up: {message}")]
    Panicked {
        /// What was being done.
        what: String,
        /// The panic's message.
        message: String,
    },
    /// A record, a settings value or a blob is larger than what can be stored (caller).
    #[error("{what}: {bytes} bytes are more than the {limit} that can be stored")]
    TooLarge {
        /// What it was.
        what: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A row number or a tombstone number outside the range that keys can carry (caller).
    #[error("{what} {number} is reserved")]
    Reserved {
        /// What it was.
        what: &'static str,
        /// The number.
        number: u64,
    },
    /// A change to a collection that was never created, or was dropped (caller).
    #[error("there is no collection numbered {id}")]
    UnknownCollection {
        /// Its number.
        id: u32,
    },
    /// The handle was closed (caller).
    #[error("the database was closed")]
    Closed,
}

/// What is where a database was looked for.
#[derive(ThisError, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Foreign {
    /// Something else than a directory.
    #[error("it is not a directory")]
    NoDirectory,
    /// A directory without anything in it.
    #[error("the directory is empty")]
    Empty,
    /// Files that are not Torre's.
    #[error("there is no marker file {MARKER} and there are other files ({one})")]
    Files {
        /// The name of one of them.
        one: String,
    },
    /// None of the stores that there would be something to read in.
    #[error("there is neither {RECORDS} nor {BLOBS}")]
    NoStores,
}

fn why_read_only(refused: Option<&io::Error>) -> String {
    refused.map_or_else(|| "it was opened for reading only".into(), |error| format!("{error}; `open_read_only` can read it"))
}

impl Error {
    /// An error of the system, with what was being done.
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Error::Io { what: what.into(), source: Arc::new(source) }
    }

    /// The system's refusal to write.
    pub(crate) fn read_only(path: &Path, error: io::Error) -> Self {
        Error::ReadOnly { path: path.into(), source: Some(Arc::new(error)) }
    }

    /// The refusal of a handle that only reads.
    pub(crate) fn reading_only(path: &Path) -> Self {
        Error::ReadOnly { path: path.into(), source: None }
    }

    /// Whether writing was refused by the place or by its readers, with nothing changed, while what is there can be read by
    /// [`Storage::open_read_only`](crate::Storage::open_read_only).
    pub fn can_be_read(&self) -> bool {
        matches!(self, Error::ReadOnly { .. } | Error::DiskFull { .. } | Error::BeingRead { .. })
    }

    /// A damage.
    pub fn corrupt(part: impl Into<String>, detail: impl Into<String>) -> Self {
        Error::Corrupt { part: part.into(), detail: detail.into() }
    }

    /// The same error, about this part: for errors of bytes that do not know where they come from.
    #[must_use]
    pub fn of_part(mut self, name: impl Into<String>) -> Self {
        match &mut self {
            Error::Corrupt { part, .. } => *part = name.into(),
            Error::NewerPart { what, .. } => *what = name.into(),
            _ => {}
        }
        self
    }

    /// Whether stored bytes are lost or damaged, as opposed to a refusal that leaves them whole.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Error::Corrupt { .. } | Error::Behind { .. } | Error::Absent { .. } | Error::Panicked { .. } | Error::TimedOut { .. }
        )
    }
}
