//! A file under a name of its own until it is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file that is being written beside where it will be; without [`finish`](Self::finish) it goes away again.
pub(super) struct Unfinished {
    path: PathBuf,
    beside: PathBuf,
    kept: bool,
}

impl Unfinished {
    /// Makes the file; one that a process left behind is replaced.
    pub(super) fn create(path: &Path) -> io::Result<(Self, File)> {
        // Found out now, not after hours.
        if path.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.unfinished", std::process::id()));
        let beside = path.with_file_name(name);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&beside)?;
        Ok((Self { path: path.to_owned(), beside, kept: false }, file))
    }

    /// Puts the file, all of which was written, in its place, durably.
    pub(super) fn finish(mut self, file: &File) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(&self.beside, &self.path)?;
        self.kept = true;
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The rename, too. Not every system lets a directory be opened.
        File::open(directory).and_then(|directory| directory.sync_all()).or(Ok(()))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.kept {
            // There is nobody to be told.
            let _ = fs::remove_file(&self.beside);
        }
    }
}
