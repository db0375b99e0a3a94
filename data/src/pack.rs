//! What files are packed in: zstd and gzip, told by the name or by the first bytes.

use std::io::{self, Cursor, Read};
use std::path::Path;

/// Largest zstd window accepted, as a power of two: 128 MB, what the `zstd` command accepts by default.
const ZSTD_WINDOW_LOG: u32 = 27;

/// A packing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packing {
    Zstd,
    Gzip,
}

impl Packing {
    fn of_name(path: &Path) -> Option<Self> {
        let ending = path.extension()?;
        match ending {
            _ if ending.eq_ignore_ascii_case("zst") => Some(Self::Zstd),
            _ if ending.eq_ignore_ascii_case("gz") => Some(Self::Gzip),
            _ => None,
        }
    }

    /// No text and no table of vectors begins with these bytes.
    fn of_bytes(start: &[u8]) -> Option<Self> {
        match start {
            [0x1F, 0x8B, 0x08, ..] => Some(Self::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// The plain bytes of `source`, and whether it was packed. What the first bytes say counts more than the name.
pub(super) fn unpack(path: &Path, mut source: impl Read + Send + 'static) -> io::Result<(Box<dyn Read + Send>, bool)> {
    let mut start = Vec::new();
    source.by_ref().take(4).read_to_end(&mut start)?;
    let packing = Packing::of_bytes(&start).or_else(|| Packing::of_name(path));
    let whole = Cursor::new(start).chain(source);
    let plain: Box<dyn Read + Send> = match packing {
        None => return Ok((Box::new(whole), false)),
        Some(Packing::Gzip) => Box::new(Unpacked { inner: flate2::read::MultiGzDecoder::new(whole), packing: Packing::Gzip }),
        Some(Packing::Zstd) => {
            let mut decoder = zstd::stream::read::Decoder::new(whole)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(Unpacked { inner: decoder, packing: Packing::Zstd })
        }
    };
    Ok((plain, true))
}

/// A decoder whose errors say what was unpacked.
struct Unpacked<R> {
    inner: R,
    packing: Packing,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            io::ErrorKind::UnexpectedEof => io::Error::other(format!("cut short: the {} data ends too early", self.packing.name())),
            _ => io::Error::other(format!("damaged {} data: {error}", self.packing.name())),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(name: &str, bytes: Vec<u8>) -> Result<String, String> {
        let (mut plain, _) = unpack(Path::new(name), Cursor::new(bytes)).map_err(|e| e.to_string())?;
        let mut text = String::new();
        plain.read_to_string(&mut text).map_err(|e| e.to_string())?;
        Ok(text)
    }

    #[test]
    fn packings_are_told_by_name_and_by_bytes() {
        let members = [gzip(b"one\n"), gzip(b"two\n")].concat();
        for name in ["a.jsonl.gz", "a.jsonl", "a.zst", "-"] {
            assert_eq!(read(name, members.clone()), Ok("one\ntwo\n".to_owned()), "{name}");
        }
        let packed = zstd::encode_all(&b"one\n"[..], 1).unwrap();
        assert_eq!(read("a.jsonl", packed), Ok("one\n".to_owned()));
        assert_eq!(read("a.jsonl", b"on".to_vec()), Ok("on".to_owned()));
    }

    #[test]
    fn damage_is_named() {
        let whole = gzip("words and more words\n".repeat(100).as_bytes());
        for length in 1..whole.len() {
            let error = read("a.gz", whole[..length].to_vec()).unwrap_err();
            assert!(error.contains("gzip"), "{length}: {error}");
        }
        assert!(read("a.gz", whole[..30].to_vec()).unwrap_err().contains("cut short"));
        assert!(read("a.gz", b"plain text".to_vec()).unwrap_err().contains("damaged gzip data"));
        let mut flipped = whole.clone();
        let last = flipped.len() - 5;
        flipped[last] ^= 1;
        assert!(read("a.gz", flipped).unwrap_err().contains("gzip"));
    }
}
