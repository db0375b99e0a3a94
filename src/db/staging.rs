//! A directory that appears whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A directory being made beside the place where it will stand; removed again when it is not finished.
pub(super) struct Staging {
    target: PathBuf,
    partial: PathBuf,
    /// Made here, and not finished: to be removed.
    ours: bool,
}

pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    |source| Error::Io { path: path.to_owned(), source }
}

impl Staging {
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
        Ok(Self { target: target.to_owned(), partial, ours: false })
    }

    /// Makes the directory, empty, in which to work. Of two that come to this at once for the same target one fails, and leaves the other's
    /// alone.
    pub(super) fn make(&mut self) -> Result<&Path> {
        if let Some(parent) = self.partial.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        fs::create_dir(&self.partial).map_err(failed(&self.partial))?;
        self.ours = true;
        Ok(&self.partial)
    }

    /// Where the directory stands until it is finished.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// Moves the directory to its place, durably. What is in it has been synced.
    pub(super) fn finish(mut self) -> Result<()> {
        fs::rename(&self.partial, &self.target).map_err(failed(&self.target))?;
        self.ours = false;
        #[cfg(unix)]
        {
            let parent = self.target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed(parent))?;
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_dir_all(&self.partial)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.partial.display(), %error, "removing what was left unfinished");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn of_two_for_one_target_the_second_fails_and_the_first_is_finished() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("new/copy");
        let (mut first, mut second) = (Staging::new(&target).unwrap(), Staging::new(&target).unwrap());
        fs::write(first.make().unwrap().join("file"), "whole").unwrap();
        assert!(matches!(second.make(), Err(Error::Io { .. })));
        drop(second);
        first.finish().unwrap();
        assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "whole");
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
        assert!(Staging::new(&target).is_err());
    }

    #[test]
    fn what_is_not_finished_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let mut staging = Staging::new(&directory.path().join("copy")).unwrap();
        fs::write(staging.make().unwrap().join("file"), "half").unwrap();
        drop(staging);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
