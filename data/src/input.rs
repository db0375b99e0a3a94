//! A file being read: plain or packed, counted as it is consumed, by lines of bounded length or by bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{ImportError, Place, Problem};
use super::pack::unpack;

/// Longest line, and longest CSV record, in bytes: what is longer is a broken file, not a row.
pub(crate) const MAX_LINE: usize = 16 << 20;

/// Bytes of the file read so far, and its size; 0 where that is not known.
#[derive(Clone, Debug)]
pub struct Meter {
    done: Arc<AtomicU64>,
    /// Bytes of the whole file.
    pub total: u64,
}

impl Meter {
    pub(super) fn new(total: u64) -> Self {
        Self { done: Arc::default(), total }
    }

    /// Bytes of the file as it lies on disk.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    #[cfg(feature = "parquet")]
    pub(super) fn set(&self, bytes: u64) {
        self.done.store(bytes, Ordering::Relaxed);
    }

    fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

struct Metered<R> {
    inner: R,
    meter: Meter,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.meter.add(read as u64);
        Ok(read)
    }
}

/// The plain bytes of a file, whatever it is packed in.
pub struct Input {
    /// What it is called in errors.
    pub path: PathBuf,
    /// How far it has been read.
    pub meter: Meter,
    /// Length of the plain bytes, where it is known before reading.
    pub plain_length: Option<u64>,
    reader: Box<dyn BufRead + Send>,
}

impl Input {
    /// Opens a file, packed or not.
    ///
    /// # Errors
    /// [`ImportError`] when it cannot be read.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let open = || -> io::Result<Self> {
            let file = File::open(path)?;
            let about = file.metadata()?;
            // A pipe has a name too, and no length.
            Self::reading(path, file, about.is_file().then_some(about.len()))
        };
        open().map_err(|e| ImportError::new(path, Place::File, e))
    }

    /// Reads from `source`, named `path`, of so many bytes.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn over(path: &Path, source: impl Read + Send + 'static, length: u64) -> io::Result<Self> {
        Self::reading(path, source, Some(length))
    }

    /// Reads from `source`, which is called `path` in errors and may be packed.
    pub(super) fn reading(path: &Path, source: impl Read + Send + 'static, length: Option<u64>) -> io::Result<Self> {
        let meter = Meter::new(length.unwrap_or(0));
        // Decoders of gzip take a byte at a time where they can.
        let counted = BufReader::with_capacity(1 << 16, Metered { inner: source, meter: meter.clone() });
        let (plain, packed) = unpack(path, counted)?;
        let reader = Box::new(BufReader::with_capacity(1 << 16, plain));
        Ok(Self { path: path.to_owned(), meter, plain_length: length.filter(|_| !packed), reader })
    }

    /// Its plain bytes.
    pub fn into_reader(self) -> Box<dyn BufRead + Send> {
        self.reader
    }

    pub(super) fn reader(&mut self) -> &mut dyn BufRead {
        &mut *self.reader
    }

    /// The name and the bytes, apart.
    pub(super) fn parts(&mut self) -> (&Path, &mut dyn BufRead) {
        (&self.path, &mut *self.reader)
    }

    /// The first bytes of what is still to be read, as many as there are, without taking them.
    pub(super) fn peek(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut start = vec![0u8; most];
        let got = self.fill(&mut start)?;
        start.truncate(got);
        let rest = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        self.reader = Box::new(io::Cursor::new(start.clone()).chain(rest));
        Ok(start)
    }

    /// Refuses text of two bytes a character.
    pub(super) fn refuse_utf16(&mut self) -> Result<(), ImportError> {
        let start = self.peek(4).map_err(|e| self.error(Place::File, e))?;
        if is_utf16(&start) { Err(self.error(Place::File, Problem::Utf16)) } else { Ok(()) }
    }

    /// Fills `buffer` as far as the file goes; the number of bytes that came.
    pub fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }

    /// An error of this file.
    pub fn error(&self, place: Place, problem: impl Into<Problem>) -> ImportError {
        ImportError::new(&self.path, place, problem)
    }
}

/// Whether text that begins so is of two bytes a character: marked as such, or with a zero byte in its first character.
fn is_utf16(start: &[u8]) -> bool {
    matches!(start, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) || matches!(start, [first, second, ..] if (*first == 0) != (*second == 0))
}

/// Lines of a file, numbered from 1, each of bounded length.
pub(crate) struct Lines {
    pub input: Input,
    number: u64,
}

impl Lines {
    pub(crate) fn new(input: Input) -> Self {
        Self { input, number: 0 }
    }

    /// Number of the line read last.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Appends the next line, its end (`\n`) included, to `buffer`; false at the end of the file. A line that would make `buffer` longer
    /// than [`MAX_LINE`] is passed over and is an error, after which the next line can be read.
    pub(crate) fn append(&mut self, buffer: &mut Vec<u8>) -> Result<bool, ImportError> {
        let room = (MAX_LINE + 1).saturating_sub(buffer.len());
        let before = buffer.len();
        let read = self.input.reader.by_ref().take(room as u64).read_until(b'\n', buffer);
        let read = read.map_err(|e| self.input.error(Place::Line(self.number + 1), e))?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        if self.number == 1 && is_utf16(&buffer[before..]) {
            return Err(self.input.error(Place::File, Problem::Utf16));
        }
        if self.number == 1 && buffer[before..].starts_with(b"\xEF\xBB\xBF") {
            buffer.drain(before..before + 3);
        }
        if buffer.len() > MAX_LINE {
            if buffer.last() != Some(&b'\n') {
                self.skip_line()?;
            }
            return Err(self.input.error(Place::Line(self.number), Problem::TooLong { limit: MAX_LINE }));
        }
        Ok(true)
    }

    fn skip_line(&mut self) -> Result<(), ImportError> {
        loop {
            let piece = self.input.reader.fill_buf().map_err(|e| ImportError::new(&self.input.path, Place::Line(self.number), e))?;
            if piece.is_empty() {
                return Ok(());
            }
            let (used, ended) = piece.iter().position(|&b| b == b'\n').map_or((piece.len(), false), |at| (at + 1, true));
            self.input.reader.consume(used);
            if ended {
                return Ok(());
            }
        }
    }

    /// The next line without its end in `buffer`, which is cleared first; false at the end of the file.
    pub(crate) fn next_into(&mut self, buffer: &mut Vec<u8>) -> Result<bool, ImportError> {
        buffer.clear();
        let more = self.append(buffer)?;
        while matches!(buffer.last(), Some(b'\n' | b'\r')) {
            buffer.pop();
        }
        Ok(more)
    }

    /// Takes bytes of the line read last, or of a record that began at `line`, as text.
    pub(crate) fn text<'b>(&self, line: u64, bytes: &'b [u8]) -> Result<&'b str, ImportError> {
        std::str::from_utf8(bytes).map_err(|e| self.input.error(Place::Line(line), Problem::NotText { at: e.valid_up_to() }))
    }
}

#[cfg(test)]
mod tests;
