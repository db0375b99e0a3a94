//! The directory of a database: what is found there, and creation that is all or nothing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Foreign, Result};
use crate::fsync::{parent, sync_directory, sync_tree};
use crate::layout::{BLOBS, LOCK, MARKER, MARKER_TEMPORARY, PROBE, PROGRESS, RECORDS};
use crate::lock::{Lock, lock_to_read};
use crate::marker::{Marker, new_identity};
use crate::room;

/// Whether opening may create.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Create {
    /// There must be a database.
    #[default]
    Never,
    /// One is created where there is none.
    IfMissing,
    /// There must be none, and one is created.
    New,
}

/// A database's directory, locked for this handle.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    pub(crate) marker: Marker,
    /// Whether the stores are still to be made.
    pub(crate) fresh: bool,
    /// Unlocks when it is dropped.
    _lock: Lock,
}

impl Directory {
    /// Finds or creates the directory, takes its lock, reads its marker.
    pub(crate) fn open(path: &Path, create: Create) -> Result<Self> {
        let look = look(path)?;
        match (look, create) {
            (Look::Nothing, Create::Never) => return Err(Error::Missing { path: path.into() }),
            (Look::Empty, Create::Never) => {
                return Err(Error::NotADatabase { path: path.into(), found: Foreign::Empty });
            }
            (Look::Foreign(found), _) => return Err(Error::NotADatabase { path: path.into(), found }),
            (Look::Nothing, _) => make_directory(path)?,
            (Look::Empty | Look::Marked | Look::Headless, _) => {}
        }
        let lock = Lock::take(path)?;
        // Again, now that nobody else changes it.
        let marker = Marker::read(path)?;
        match marker {
            Some(marker) if marker.ready => {
                if create == Create::New {
                    return Err(Error::Exists { path: path.into() });
                }
                room::check_writable(path)?;
                room::check_opening(path)?;
                Ok(Self { path: path.into(), marker, fresh: false, _lock: lock })
            }
            Some(_) if create == Create::Never => Err(Error::Unfinished { path: path.into() }),
            None if path.join(RECORDS).exists() => Err(headless(path)),
            None if create == Create::Never => Err(Error::Unfinished { path: path.into() }),
            Some(_) | None => {
                room::check_opening(path)?;
                // Nothing was ever acknowledged by what is left of an earlier attempt.
                for store in [RECORDS, BLOBS] {
                    remove_tree(&path.join(store))?;
                }
                let marker = Marker { ready: false, identity: new_identity(), sequence: 0 };
                marker.write(path)?;
                Ok(Self { path: path.into(), marker, fresh: true, _lock: lock })
            }
        }
    }

    /// Looks at a directory to read only; nothing is made or changed in it.
    pub(crate) fn read(path: &Path) -> Result<(Marker, Option<File>)> {
        match look(path)? {
            Look::Nothing => return Err(Error::Missing { path: path.into() }),
            Look::Empty => return Err(Error::NotADatabase { path: path.into(), found: Foreign::Empty }),
            Look::Foreign(found) => return Err(Error::NotADatabase { path: path.into(), found }),
            Look::Marked | Look::Headless => {}
        }
        let lock = lock_to_read(path)?;
        // What is read from here on stays as it is.
        match Marker::read(path)? {
            Some(marker) if marker.ready => Ok((marker, lock)),
            None if path.join(RECORDS).exists() => Err(headless(path)),
            Some(_) | None => Err(Error::Unfinished { path: path.into() }),
        }
    }

    /// Says that the stores are made and hold their first commit: from here on this is a database.
    pub(crate) fn finish_creation(&mut self) -> Result<()> {
        sync_tree(&self.path)?;
        self.mark(self.marker.sequence)
    }

    /// Rewrites the marker: everything up to `sequence` is durable.
    pub(crate) fn mark(&mut self, sequence: u64) -> Result<()> {
        self.marker.ready = true;
        self.marker.sequence = sequence;
        self.marker.write(&self.path)
    }
}

fn headless(path: &Path) -> Error {
    Error::corrupt(path.join(MARKER).display().to_string(), "the file is gone, and the database's other files are there")
}

enum Look {
    Nothing,
    Empty,
    /// A marker is there.
    Marked,
    /// No marker, and files of ours.
    Headless,
    Foreign(Foreign),
}

fn look(path: &Path) -> Result<Look> {
    let failed = |error| Error::io(format!("opening {}", path.display()), error);
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Look::Nothing),
        Err(error) => return Err(failed(error)),
        Ok(about) if !about.is_dir() => return Ok(Look::Foreign(Foreign::NoDirectory)),
        Ok(_) => {}
    }
    let mut ours = false;
    let mut foreign = None;
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        match name.as_str() {
            MARKER => return Ok(Look::Marked),
            MARKER_TEMPORARY | PROGRESS | PROBE | LOCK | RECORDS | BLOBS => ours = true,
            // What a fresh file system has in its root.
            "lost+found" => {}
            _ => foreign = Some(name),
        }
    }
    Ok(match foreign {
        Some(one) if !path.join(RECORDS).is_dir() => Look::Foreign(Foreign::Files { one }),
        _ if ours => Look::Headless,
        _ => Look::Empty,
    })
}

fn make_directory(path: &Path) -> Result<()> {
    // Ancestors that are made here are synced too, each by its parent.
    let mut missing: Vec<&Path> = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
    missing.reverse();
    for directory in missing {
        match fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(room::failed(path, format!("creating {}", directory.display()), error));
            }
            _ => sync_directory(parent(directory))?,
        }
    }
    Ok(())
}

fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(format!("removing {}", path.display()), error)),
        _ => Ok(()),
    }
}
