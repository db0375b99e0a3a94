//! Room on the disk, and leave to write there: asked for before a store begins to write, for inside it the want of either is the end of writing.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use fs2::FileExt;

use crate::error::{Error, Result};
use crate::layout::{BLOBS, PROBE, RECORDS};

/// Kept free: a store's flush also rewrites neighbours of what changed, and its own lists.
const RESERVE: u64 = 32 << 20;
/// What opening may write besides the lists of leaves.
const OPENING: u64 = 1 << 20;
/// So little that not one leaf of a store can be written.
const NOTHING: u64 = 64 << 10;
/// What a quota must leave, and after how many bytes written it is asked again.
const PROBED: u64 = 8 << 20;
const PROBE_EVERY: u64 = 4 << 20;

/// Bytes handed to the stores since the system was last asked to give some.
#[derive(Debug)]
pub(crate) struct Room {
    since: AtomicU64,
}

impl Default for Room {
    fn default() -> Self {
        Self { since: AtomicU64::new(PROBE_EVERY) }
    }
}

impl Room {
    /// Refuses what may not fit, with the reserve.
    ///
    /// # Errors
    /// [`Error::DiskFull`].
    pub(crate) fn check(&self, path: &Path, bytes: u64) -> Result<()> {
        let needed = bytes.saturating_mul(2).saturating_add(RESERVE);
        free(path, needed)?;
        // A quota does not show in what the file system says is free.
        if self.since.fetch_add(bytes.saturating_add(256), Ordering::Relaxed) >= PROBE_EVERY {
            if let Err(error) = probe(path, needed.min(PROBED.max(bytes.saturating_mul(2)))) {
                self.since.store(PROBE_EVERY, Ordering::Relaxed);
                return Err(error);
            }
            self.since.store(0, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Refuses to open for writing where there is no room for what opening writes.
///
/// # Errors
/// [`Error::DiskFull`]; [`Error::ReadOnly`] where no file can be made.
pub(crate) fn check_opening(path: &Path) -> Result<()> {
    let lists: u64 = [RECORDS, BLOBS].iter().map(|store| length_of_lists(&path.join(store).join("metadata"))).sum();
    let needed = lists.saturating_mul(2).saturating_add(OPENING);
    free(path, needed)?;
    probe(path, needed)
}

/// Why a store that does not answer may never do so: nothing at all can be written any more.
pub(crate) fn none_left(path: &Path) -> Option<Error> {
    free(path, NOTHING).and_then(|()| probe(path, NOTHING)).err().filter(|error| matches!(error, Error::DiskFull { .. }))
}

/// Refuses a directory of a database in which some file or folder cannot be written, before anything was.
///
/// # Errors
/// [`Error::ReadOnly`].
pub(crate) fn check_writable(path: &Path) -> Result<()> {
    let refused = |error: io::Error| if is_read_only(&error) { Err(Error::read_only(path, error)) } else { Ok(()) };
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                refused(error)?;
                continue;
            }
        };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            // Opened, not changed. What is neither a file nor a folder is none of ours, and opening it might wait.
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file()
                && let Err(error) = OpenOptions::new().write(true).open(entry.path())
            {
                refused(error)?;
            }
        }
        if let Err(error) = make(&folder) {
            refused(error)?;
        }
    }
    Ok(())
}

/// Whether the system refuses any writing to this place.
pub(crate) fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

/// Whether the system has no more room, or a quota has not.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// An error of opening or creating, by what it means for writing there.
pub(crate) fn failed(path: &Path, what: String, error: io::Error) -> Error {
    if is_read_only(&error) {
        Error::read_only(path, error)
    } else if is_full(&error) {
        Error::DiskFull { path: path.into(), needed: OPENING, available: 0 }
    } else {
        Error::io(what, error)
    }
}

fn length_of_lists(metadata: &Path) -> u64 {
    let entries = fs::read_dir(metadata).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|about| about.len()).sum()
}

fn free(path: &Path, needed: u64) -> Result<()> {
    match fs2::available_space(path) {
        Ok(available) if available < needed => Err(Error::DiskFull { path: path.into(), needed, available }),
        // Where the system does not tell, the store's own error will.
        _ => Ok(()),
    }
}

/// Asks the system for so many bytes, and gives them back.
fn probe(path: &Path, needed: u64) -> Result<()> {
    let file = match make(path) {
        Ok(file) => file,
        Err(error) if is_read_only(&error) => return Err(Error::read_only(path, error)),
        // No name for another file: of inodes there are none left.
        Err(error) if is_full(&error) => return Err(Error::DiskFull { path: path.into(), needed, available: 0 }),
        Err(_) => return Ok(()),
    };
    match file.allocate(needed) {
        Err(error) if is_full(&error) => {
            let (mut available, mut beyond) = (0, needed);
            while beyond - available > 64 << 10 {
                let middle = available + (beyond - available) / 2;
                let fits = file.set_len(0).and_then(|()| file.allocate(middle));
                if fits.is_ok() { available = middle } else { beyond = middle }
            }
            Err(Error::DiskFull { path: path.into(), needed, available })
        }
        // Not every file system can.
        _ => Ok(()),
    }
}

/// A file without a name, where the system allows that: a crash leaves nothing.
fn make(folder: &Path) -> io::Result<File> {
    let path = folder.join(PROBE);
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    match fs::remove_file(&path) {
        // Another thread's, of the same name.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(file),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const ENOSPC: i32 = 28;
    const EDQUOT: i32 = 122;

    #[test]
    fn a_quota_is_treated_as_a_full_disk_and_other_errors_are_not() {
        for (code, full) in [(ENOSPC, true), (EDQUOT, true), (5, false), (13, false), (30, false)] {
            let error = || io::Error::from_raw_os_error(code);
            // As the store hands them on, in words of its own.
            let in_words = io::Error::new(error().kind(), "src/heap.rs:1 -> no room");
            assert_eq!((is_full(&error()), is_full(&in_words)), (full, full), "{code}");
            let opening = failed(Path::new("db"), "opening".into(), error());
            assert_eq!(matches!(opening, Error::DiskFull { .. }), full, "{code}: {opening}");
        }
    }

    #[test]
    fn there_is_room_where_files_can_be_written() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| unreachable!("{error}"));
        assert!(none_left(folder.path()).is_none());
        // What cannot be asked says nothing of room.
        assert!(none_left(&folder.path().join("missing")).is_none());
    }
}
