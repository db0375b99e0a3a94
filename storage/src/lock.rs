//! The lock of a database's directory: one writer, or any number of readers.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::layout::LOCK;
use crate::room;

/// How long a lock of this process is waited for: a child process that another thread is starting has it too, until it is another program.
pub(crate) const FORKED: Duration = Duration::from_millis(500);

/// The locks of a writer. Where `LOCK` cannot be opened to read, readers lock the directory itself.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    _directory: Option<File>,
}

impl Lock {
    /// Takes the locks and leaves our process number in the file.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let name = path.join(LOCK);
        let failed = |error| room::failed(path, format!("locking {}", name.display()), error);
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&name).map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            // Readers share it, a writer does not.
            let read = file.try_lock_shared().is_ok() && file.unlock().is_ok();
            let holder = holder(&mut file);
            // An attempt that failed left no number, but a child process may have its lock still.
            let forked = read || holder.is_none_or(|holder| holder == std::process::id());
            if !forked || start.elapsed() > FORKED {
                return Err(if read { Error::BeingRead { path: path.into() } } else { Error::InUse { path: path.into(), holder } });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // A directory cannot be locked everywhere.
        let directory = File::open(path).ok();
        while let Some(Err(TryLockError::WouldBlock)) = directory.as_ref().map(File::try_lock) {
            if start.elapsed() > FORKED {
                return Err(Error::BeingRead { path: path.into() });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = file.rewind();
        // Only for the message above: a failure to write it is none of locking.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file, _directory: directory })
    }
}

/// The process that wrote its number into the file of the lock.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    let _ = file.rewind().and_then(|()| file.take(20).read_to_string(&mut text));
    text.trim().parse().ok()
}

/// Takes the lock that readers share, and writes nothing; `None` where nothing can be locked, as on some media that are mounted for reading.
pub(crate) fn lock_to_read(path: &Path) -> Result<Option<File>> {
    let name = path.join(LOCK);
    // Opening what is no file might wait.
    let lock = if name.is_file() { File::open(&name).ok() } else { None };
    let Some(mut file) = lock.or_else(|| File::open(path).ok()) else { return Ok(None) };
    let start = Instant::now();
    loop {
        match file.try_lock_shared() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(_)) => return Ok(None),
        }
        let holder = holder(&mut file);
        if holder.is_some_and(|holder| holder != std::process::id()) || start.elapsed() > FORKED {
            return Err(Error::InUse { path: path.into(), holder });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
