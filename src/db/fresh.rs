//! A directory that appears whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A directory being made beside the place where it will stand; removed again when it is not finished.
pub(super) struct Fresh {
    target: PathBuf,
    partial: PathBuf,
    finished: bool,
}

pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    |source| Error::Io { path: path.to_owned(), source }
}

impl Fresh {
    /// Begins a directory that is to stand at `target`, where there is nothing yet. Nothing is made so far.
    pub(super) fn new(target: &Path) -> Result<Self> {
        let mut name = target.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
        name.push(".partial");
        let partial = target.with_file_name(name);
        for (path, what) in
            [(target, "this exists; name a place where nothing is"), (&*partial, "this is left of an earlier attempt; remove it")]
        {
            if path.symlink_metadata().is_ok() {
                return Err(failed(path)(io::Error::new(io::ErrorKind::AlreadyExists, what)));
            }
        }
        Ok(Self { target: target.to_owned(), partial, finished: false })
    }

    /// Where to work.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// Moves the directory to its place, durably. What is in it has been synced.
    pub(super) fn finish(mut self) -> Result<()> {
        fs::rename(&self.partial, &self.target).map_err(failed(&self.target))?;
        self.finished = true;
        #[cfg(unix)]
        {
            let parent = self.target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed(parent))?;
        }
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = fs::remove_dir_all(&self.partial)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.partial.display(), %error, "removing what was left unfinished");
        }
    }
}
