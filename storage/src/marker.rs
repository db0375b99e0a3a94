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
//! every 256 commits and with every flush of blobs. In between, the file `progress` says what is durable.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::codec::bytes_at;
use crate::error::{Error, Result};
use crate::fsync::sync_directory;
use crate::layout::{MARKER, MARKER_TEMPORARY};

/// The format that this version writes, and the only one that it reads.
pub const FORMAT: u32 = 2;

const MAGIC: [u8; 8] = *b"TORRE\r\n\x1A";
const LENGTH: usize = 44;

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
        let part = || directory.join(MARKER).display().to_string();
        if bytes.first_chunk() != Some(&MAGIC) {
            return Err(Error::corrupt(part(), "it does not begin as a marker does"));
        }
        // A newer format may have another length: its number comes before the checksum.
        let format = bytes_at(bytes, 8).map(u32::from_le_bytes).ok_or_else(|| Error::corrupt(part(), "cut short"))?;
        if format > FORMAT {
            return Err(Error::Newer { path: directory.to_path_buf(), found: format, known: FORMAT });
        }
        let bytes: &[u8; LENGTH] = bytes.try_into().map_err(|_| Error::corrupt(part(), format!("{} bytes, not {LENGTH}", bytes.len())))?;
        let stored = bytes_at(bytes, LENGTH - 4).map(u32::from_le_bytes);
        let (Some(identity), Some(sequence)) = (bytes_at(bytes, 16), bytes_at(bytes, 32)) else {
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
        let path = directory.join(MARKER);
        match fs::read(&path) {
            Ok(bytes) => Self::decode(directory, &bytes).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(format!("reading {}", path.display()), error)),
        }
    }

    /// Replaces the marker of a directory, durably.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let (temporary, path) = (directory.join(MARKER_TEMPORARY), directory.join(MARKER));
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
        let whole = fs::read(path.join(MARKER)).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(path.join(MARKER), &bytes).unwrap();
            assert!(Marker::read(path).is_err(), "byte {at}");
            fs::write(path.join(MARKER), &whole[..at]).unwrap();
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
}
