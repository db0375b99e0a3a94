//! The fsyncs that the store leaves out: of directories, and of a new database's files.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// The directory that a path's name is in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a directory's list of names durable.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|error| Error::io(format!("syncing {}", path.display()), error))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Makes every file and directory below durable, then the directory itself, then its name in its parent.
pub(crate) fn sync_tree(path: &Path) -> Result<()> {
    fn below(path: &Path) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                below(&entry.path())?;
            } else {
                // The store's own thread may just have replaced a file, and synced it.
                match OpenOptions::new().write(true).open(entry.path()) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    file => file?.sync_all()?,
                }
            }
        }
        Ok(())
    }
    fn directories(path: &Path) -> Result<()> {
        let failed = |error| Error::io(format!("syncing {}", path.display()), error);
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                directories(&entry.path())?;
            }
        }
        sync_directory(path)
    }
    below(path).map_err(|error| Error::io(format!("syncing {}", path.display()), error))?;
    directories(path)?;
    sync_directory(parent(path))
}
