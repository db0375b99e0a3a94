//! Room that a directory takes on the disk.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// Bytes taken by the files below: blocks where the system tells, for a store may leave holes.
pub(crate) fn of(path: &Path) -> Result<u64> {
    fn below(path: &Path) -> io::Result<u64> {
        let mut total = 0;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let about = match entry.metadata() {
                Ok(about) => about,
                // The store removes files while we look.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            total += if about.is_dir() { below(&entry.path())? } else { taken(&about) };
        }
        Ok(total)
    }
    below(path).map_err(|error| Error::io(format!("measuring {}", path.display()), error))
}

#[cfg(unix)]
fn taken(about: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    about.blocks() * 512
}

#[cfg(not(unix))]
fn taken(about: &fs::Metadata) -> u64 {
    about.len()
}
