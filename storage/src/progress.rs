//! The file `progress`, which between two markers takes the sequence of every flushed commit, in two slots written in turn and never synced:
//! exact after a crash of the process, a lower bound after a power cut.
//!
//! ```text
//! slot (at 0 and at 64): u64 LE sequence, 16 bytes identity, u32 LE crc32c of the 24 bytes before
//! ```

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::codec::bytes_at;
use crate::error::{Error, Result};
use crate::layout::PROGRESS;

const SLOT: usize = 28;
const SLOTS_APART: u64 = 64;

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
        let (sequence, owner, crc) = (bytes_at(&bytes, at), bytes_at::<16>(&bytes, at + 8), bytes_at(&bytes, at + 24));
        let whole = crc.map(u32::from_le_bytes) == bytes.get(at..at + 24).map(crc32c::crc32c);
        // A torn slot was being written when the process ended; the other one is whole.
        if whole && owner == Some(identity) { sequence.map_or(0, u64::from_le_bytes) } else { 0 }
    };
    Ok((slot(0), slot(SLOTS_APART as usize)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[SLOTS_APART as usize] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let (mut progress, found) = Progress::open(directory.path(), [1; 16]).unwrap();
        assert_eq!(found, 3);
        progress.note(9).unwrap();
        assert_eq!(Progress::open(directory.path(), [1; 16]).unwrap().1, 9);
    }
}
