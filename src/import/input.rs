//! A file being read: plain or zstd, counted as it is consumed, by lines of bounded length or by bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{ImportError, Place, Problem};

/// Longest line, and longest CSV record, in bytes: what is longer is a broken file, not a row.
pub(crate) const MAX_LINE: usize = 16 << 20;
/// Largest zstd window accepted, as a power of two: 128 MB, what the `zstd` command accepts by default.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Bytes of the file read so far, and its size.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    done: Arc<AtomicU64>,
    pub(crate) total: u64,
}

impl Meter {
    pub(super) fn new(total: u64) -> Self {
        Self { done: Arc::default(), total }
    }

    /// Bytes of the file as it lies on disk.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

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
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) meter: Meter,
    /// Length of the plain bytes, where it is known before reading.
    pub(crate) plain_length: Option<u64>,
    reader: Box<dyn BufRead + Send>,
}

impl Input {
    pub(crate) fn open(path: &Path) -> Result<Self, ImportError> {
        let open = || -> io::Result<Self> {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Self::over(path, file, length)
        };
        open().map_err(|e| ImportError::new(path, Place::File, e))
    }

    /// Reads from `source`, named `path`; a `.zst` at the end of the name means zstd.
    pub(crate) fn over(path: &Path, source: impl Read + Send + 'static, length: u64) -> io::Result<Self> {
        let meter = Meter::new(length);
        let counted = Metered { inner: source, meter: meter.clone() };
        let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zst"));
        let reader: Box<dyn BufRead + Send> = if packed {
            let mut decoder = zstd::stream::read::Decoder::new(counted)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(BufReader::with_capacity(1 << 16, decoder))
        } else {
            Box::new(BufReader::with_capacity(1 << 16, counted))
        };
        Ok(Self { path: path.to_owned(), meter, plain_length: (!packed).then_some(length), reader })
    }

    /// Fills `buffer` as far as the file goes; the number of bytes that came.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
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
    pub(crate) fn error(&self, place: Place, problem: impl Into<Problem>) -> ImportError {
        ImportError::new(&self.path, place, problem)
    }
}

/// Lines of a file, numbered from 1, each of bounded length.
pub(crate) struct Lines {
    pub(crate) input: Input,
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(name: &str, bytes: Vec<u8>) -> Lines {
        let length = bytes.len() as u64;
        Lines::new(Input::over(Path::new(name), io::Cursor::new(bytes), length).unwrap())
    }

    fn all(mut lines: Lines) -> Vec<String> {
        let (mut buffer, mut out) = (Vec::new(), Vec::new());
        while lines.next_into(&mut buffer).unwrap() {
            out.push(lines.text(lines.number(), &buffer).unwrap().to_owned());
        }
        out
    }

    #[test]
    fn lines_lose_their_ends_and_the_byte_order_mark() {
        assert_eq!(all(lines("a", b"\xEF\xBB\xBFone\r\ntwo\n\nlast".to_vec())), ["one", "two", "", "last"]);
        assert!(all(lines("a", Vec::new())).is_empty());
    }

    #[test]
    fn zstd_is_unpacked_and_the_packed_bytes_are_metered() {
        let packed = zstd::encode_all(&b"one\ntwo\n"[..], 1).unwrap();
        let length = packed.len() as u64;
        let source = lines("a.jsonl.zst", packed);
        let meter = source.input.meter.clone();
        assert_eq!(all(source), ["one", "two"]);
        assert_eq!((meter.done(), meter.total), (length, length));
    }

    #[test]
    fn a_line_without_end_is_an_error_and_the_next_one_is_read() {
        let mut bytes = vec![b'x'; MAX_LINE + 10];
        bytes.extend_from_slice(b"\nnext\n");
        let mut source = lines("a", bytes);
        let mut buffer = Vec::new();
        let error = source.next_into(&mut buffer).unwrap_err();
        assert!(matches!(error.problem, Problem::TooLong { .. }) && error.place == Place::Line(1) && error.is_one_row());
        assert!(source.next_into(&mut buffer).unwrap());
        assert_eq!((buffer.as_slice(), source.number()), (&b"next"[..], 2));
    }

    #[test]
    fn bytes_that_are_not_text_are_named() {
        let mut source = lines("a", b"ok\xFFno\n".to_vec());
        let mut buffer = Vec::new();
        source.next_into(&mut buffer).unwrap();
        assert_eq!(source.text(1, &buffer).unwrap_err().to_string(), "a, line 1: not UTF-8 (byte 2)");
    }

    #[test]
    fn damaged_zstd_is_an_error() {
        let mut packed = zstd::encode_all(&vec![7u8; 10_000][..], 1).unwrap();
        packed.truncate(packed.len() - 3);
        let mut source = lines("a.zst", packed);
        let mut buffer = Vec::new();
        let mut failed = false;
        while !failed {
            match source.next_into(&mut buffer) {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) => {
                    assert!(!e.is_one_row());
                    failed = true;
                }
            }
        }
        assert!(failed);
    }
}
