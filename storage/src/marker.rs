//! The marker: the file `TORRE` beside the stores, which says that a database is here, which one, in what format, and what it promised.
//!
//! ```text
//! 0   8 bytes  "TORRE\r\n\x1A"
//! 8   u32 LE   format of the database
//! 12  u8       state: 0 being created, 1 ready
//! 13  3 bytes  0
//! 16  16 bytes identity
//! 32  u64 LE   sequence: last commit known durable when this was written
//! 40  u32 LE   crc32c of bytes 0 to 40
//! ```
//! It is replaced whole (temporary file, fsync, rename, fsync of the directory): at creation, after opening, at close, and while writing
//! every 256 commits and with every flush of blobs. In between the file `progress` takes the sequence of every flushed commit, in two slots
//! written in turn and never synced: exact after a crash of the process, a lower bound after a power cut.
//!
//! ```text
//! slot (at 0 and at 64): u64 LE sequence, 16 bytes identity, u32 LE crc32c of the 24 bytes before
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::directory::sync_directory;
use crate::error::{Error, Result};

/// The format that this version writes, and the only one that it reads.
pub const FORMAT: u32 = 2;

pub(crate) const NAME: &str = "TORRE";
pub(crate) const TEMPORARY: &str = "TORRE.tmp";
pub(crate) const PROGRESS: &str = "progress";
const MAGIC: [u8; 8] = *b"TORRE\r\n\x1A";
const LENGTH: usize = 44;
const SLOT: usize = 28;
const SLOTS_APART: u64 = 64;

/// What a marker says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Marker {
    pub(crate) ready: bool,
    pub(crate) identity: [u8; 16],
    pub(crate) sequence: u64,
}

impl Marker {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[u8::from(self.ready), 0, 0, 0]);
        bytes.extend_from_slice(&self.identity);
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(directory: &Path, bytes: &[u8]) -> Result<Self> {
        let part = || directory.join(NAME).display().to_string();
        if bytes.first_chunk() != Some(&MAGIC) {
            return Err(Error::corrupt(part(), "it does not begin as a marker does"));
        }
        // A newer format may have another length: its number comes before the checksum.
        let format = number(bytes, 8).map(u32::from_le_bytes).ok_or_else(|| Error::corrupt(part(), "cut short"))?;
        if format > FORMAT {
            return Err(Error::Newer { path: directory.to_path_buf(), found: format, known: FORMAT });
        }
        let bytes: &[u8; LENGTH] = bytes.try_into().map_err(|_| Error::corrupt(part(), format!("{} bytes, not {LENGTH}", bytes.len())))?;
        let stored = number(bytes, LENGTH - 4).map(u32::from_le_bytes);
        let (Some(identity), Some(sequence)) = (number(bytes, 16), number(bytes, 32)) else {
            return Err(Error::corrupt(part(), "cut short"));
        };
        if stored != Some(crc32c::crc32c(&bytes[..LENGTH - 4])) {
            return Err(Error::corrupt(part(), "its checksum does not match"));
        }
        if format < FORMAT {
            return Err(Error::Older { path: directory.to_path_buf(), found: format, known: FORMAT });
        }
        Ok(Self { ready: bytes[12] == 1, identity, sequence: u64::from_le_bytes(sequence) })
    }

    /// Reads the marker of a directory; `None` where there is none.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(NAME);
        match fs::read(&path) {
            Ok(bytes) => Self::decode(directory, &bytes).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(format!("reading {}", path.display()), error)),
        }
    }

    /// Replaces the marker of a directory, durably.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let (temporary, path) = (directory.join(TEMPORARY), directory.join(NAME));
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(&self.encode())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|error| Error::io(format!("writing {}", path.display()), error))?;
        sync_directory(directory)
    }
}

/// The file `progress`.
#[derive(Debug)]
pub(crate) struct Progress {
    path: PathBuf,
    file: File,
    identity: [u8; 16],
    odd: bool,
}

impl Progress {
    /// The highest sequence that the file of a directory holds for this database (0 if none). Changes nothing.
    pub(crate) fn noted(directory: &Path, identity: [u8; 16]) -> Result<u64> {
        let path = directory.join(PROGRESS);
        match File::open(&path).and_then(|mut file| slots(&mut file, identity)) {
            Ok((first, second)) => Ok(first.max(second)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::io(format!("reading {}", path.display()), error)),
        }
    }

    /// Opens the file, and says the highest sequence that it holds for this database (0 if none).
    pub(crate) fn open(directory: &Path, identity: [u8; 16]) -> Result<(Self, u64)> {
        let path = directory.join(PROGRESS);
        let failed = |error| Error::io(format!("opening {}", path.display()), error);
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
        let (first, second) = slots(&mut file, identity).map_err(failed)?;
        Ok((Self { path, file, identity, odd: second < first }, first.max(second)))
    }

    /// Notes that everything up to `sequence` is durable. Costs one small write into the page cache.
    pub(crate) fn note(&mut self, sequence: u64) -> Result<()> {
        let mut slot = [0; SLOT];
        slot[..8].copy_from_slice(&sequence.to_le_bytes());
        slot[8..24].copy_from_slice(&self.identity);
        let crc = crc32c::crc32c(&slot[..24]);
        slot[24..].copy_from_slice(&crc.to_le_bytes());
        let at = if self.odd { SLOTS_APART } else { 0 };
        self.odd = !self.odd;
        let result = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.write_all(&slot));
        result.map_err(|error| Error::io(format!("writing {}", self.path.display()), error))
    }
}

/// The sequences of both slots; 0 for one that is not whole, or another database's.
fn slots(file: &mut File, identity: [u8; 16]) -> std::io::Result<(u64, u64)> {
    let mut bytes = Vec::new();
    file.take(SLOTS_APART + SLOT as u64).read_to_end(&mut bytes)?;
    let slot = |at: usize| -> u64 {
        let (sequence, owner, crc) = (number(&bytes, at), number::<16>(&bytes, at + 8), number(&bytes, at + 24));
        let whole = crc.map(u32::from_le_bytes) == bytes.get(at..at + 24).map(crc32c::crc32c);
        // A torn slot was being written when the process ended; the other one is whole.
        if whole && owner == Some(identity) { sequence.map_or(0, u64::from_le_bytes) } else { 0 }
    };
    Ok((slot(0), slot(SLOTS_APART as usize)))
}

/// A new identity: different for every database, which is all it has to be.
pub(crate) fn new_identity() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let mut identity = [0; 16];
    for half in identity.chunks_mut(8) {
        // The standard library seeds every state from the system's random numbers.
        half.copy_from_slice(&RandomState::new().hash_one(std::time::SystemTime::now()).to_le_bytes());
    }
    identity
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_marker_comes_back_and_damage_shows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert_eq!(Marker::read(path).unwrap(), None);
        let marker = Marker { ready: true, identity: new_identity(), sequence: 7 };
        marker.write(path).unwrap();
        assert_eq!(Marker::read(path).unwrap(), Some(marker));
        let whole = fs::read(path.join(NAME)).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(path.join(NAME), &bytes).unwrap();
            assert!(Marker::read(path).is_err(), "byte {at}");
            fs::write(path.join(NAME), &whole[..at]).unwrap();
            assert!(Marker::read(path).is_err(), "length {at}");
        }
    }

    #[test]
    fn a_newer_format_is_refused_whatever_follows() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&(FORMAT + 1).to_le_bytes());
        bytes.extend_from_slice(&[9; 100]);
        let error = Marker::decode(Path::new("there"), &bytes).unwrap_err();
        assert!(matches!(error, Error::Newer { found, .. } if found == FORMAT + 1), "{error}");
    }

    #[test]
    fn an_older_format_is_refused_and_a_damaged_one_is_damage() {
        let mut bytes = Marker { ready: true, identity: [7; 16], sequence: 1 }.encode();
        bytes[8] = 1;
        assert!(Marker::decode(Path::new("there"), &bytes).unwrap_err().is_damage());
        let crc = crc32c::crc32c(&bytes[..LENGTH - 4]);
        bytes[LENGTH - 4..].copy_from_slice(&crc.to_le_bytes());
        let error = Marker::decode(Path::new("there"), &bytes).unwrap_err();
        assert!(matches!(error, Error::Older { found: 1, known: FORMAT, .. }), "{error}");
    }

    #[test]
    fn progress_is_the_highest_whole_slot() {
        let directory = tempfile::tempdir().unwrap();
        let (mut progress, found) = Progress::open(directory.path(), [1; 16]).unwrap();
        assert_eq!(found, 0);
        for sequence in 1..=4 {
            progress.note(sequence).unwrap();
        }
        assert_eq!(Progress::open(directory.path(), [1; 16]).unwrap().1, 4);
        assert_eq!(Progress::open(directory.path(), [2; 16]).unwrap().1, 0);
        let file = directory.path().join(PROGRESS);
        let mut bytes = fs::read(&file).unwrap();
        bytes[SLOTS_APART as usize] ^= 1;
        fs::write(&file, &bytes).unwrap();
        let (mut progress, found) = Progress::open(directory.path(), [1; 16]).unwrap();
        assert_eq!(found, 3);
        progress.note(9).unwrap();
        assert_eq!(Progress::open(directory.path(), [1; 16]).unwrap().1, 9);
    }
}
