//! The directory of a database: creation that is all or nothing, the lock, and the fsyncs that the store leaves out.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::marker::{self, Marker};
use crate::room;

/// How long a lock of this process is waited for: a child process that another thread is starting has it too, until it is another program.
pub(crate) const FORKED: Duration = Duration::from_millis(500);

const LOCK: &str = "LOCK";
/// Directory of the store of records, tombstones, manifests and settings.
pub(crate) const RECORDS: &str = "records";
/// Directory of the store of blob chunks.
pub(crate) const BLOBS: &str = "blobs";

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
                return Err(Error::NotADatabase { path: path.into(), why: "the directory is empty".into() });
            }
            (Look::Foreign(why), _) => return Err(Error::NotADatabase { path: path.into(), why }),
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
                let marker = Marker { ready: false, identity: marker::new_identity(), sequence: 0 };
                marker.write(path)?;
                Ok(Self { path: path.into(), marker, fresh: true, _lock: lock })
            }
        }
    }

    /// Looks at a directory to read only; nothing is made or changed in it.
    pub(crate) fn read(path: &Path) -> Result<(Marker, Option<File>)> {
        match look(path)? {
            Look::Nothing => return Err(Error::Missing { path: path.into() }),
            Look::Empty => return Err(Error::NotADatabase { path: path.into(), why: "the directory is empty".into() }),
            Look::Foreign(why) => return Err(Error::NotADatabase { path: path.into(), why }),
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
    Error::corrupt(path.join(marker::NAME).display().to_string(), "the file is gone, and the database's other files are there")
}

enum Look {
    Nothing,
    Empty,
    /// A marker is there.
    Marked,
    /// No marker, and files of ours.
    Headless,
    Foreign(String),
}

fn look(path: &Path) -> Result<Look> {
    let failed = |error| Error::io(format!("opening {}", path.display()), error);
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Look::Nothing),
        Err(error) => return Err(failed(error)),
        Ok(about) if !about.is_dir() => return Ok(Look::Foreign("it is not a directory".into())),
        Ok(_) => {}
    }
    let mut ours = false;
    let mut foreign = None;
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        match name.as_str() {
            marker::NAME => return Ok(Look::Marked),
            marker::TEMPORARY | marker::PROGRESS | room::PROBE | LOCK | RECORDS | BLOBS => ours = true,
            // What a fresh file system has in its root.
            "lost+found" => {}
            _ => foreign = Some(name),
        }
    }
    Ok(match foreign {
        Some(name) if !path.join(RECORDS).is_dir() => {
            Look::Foreign(format!("there is no marker file {} and there are other files ({name})", marker::NAME))
        }
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

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

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
            let forked = read || holder == Some(std::process::id());
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
        if holder != Some(std::process::id()) || start.elapsed() > FORKED {
            return Err(Error::InUse { path: path.into(), holder });
        }
        std::thread::sleep(Duration::from_millis(5));
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
fn sync_tree(path: &Path) -> Result<()> {
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

fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(format!("removing {}", path.display()), error)),
        _ => Ok(()),
    }
}

/// Bytes taken by the files below: blocks where the system tells, for a store may leave holes.
pub(crate) fn size(path: &Path) -> Result<u64> {
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
