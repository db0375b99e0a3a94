//! What a file holds: by the ending of its name, or by its first bytes.

use std::path::Path;
use std::str::FromStr;

/// Bytes looked at to tell a format.
pub(super) const SNIFFED: usize = 4096;

/// The format of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// An object a line.
    JsonLines,
    /// An array of objects, or objects one after another.
    Json,
    /// Cells between commas.
    Csv,
    /// Cells between tabs.
    Tsv,
    /// Parquet.
    Parquet,
    /// A numpy table.
    Npy,
    /// f32 rows, each with its width.
    Fvecs,
    /// Byte rows.
    Bvecs,
    /// i32 rows: true neighbours, not for import.
    Ivecs,
}

impl Format {
    const NAMES: [(&str, Self); 10] = [
        ("jsonl", Self::JsonLines),
        ("ndjson", Self::JsonLines),
        ("json", Self::Json),
        ("csv", Self::Csv),
        ("tsv", Self::Tsv),
        ("parquet", Self::Parquet),
        ("npy", Self::Npy),
        ("fvecs", Self::Fvecs),
        ("bvecs", Self::Bvecs),
        ("ivecs", Self::Ivecs),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, format)| *format)
    }

    /// By the ending of a file's name; of `a.csv.gz` it is `csv`.
    pub fn of_name(path: &Path) -> Option<Self> {
        let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zst") || e.eq_ignore_ascii_case("gz"));
        let plain = if packed { path.with_extension("") } else { path.to_owned() };
        Self::named(&plain.extension()?.to_string_lossy())
    }

    /// By the first bytes of a file, unpacked. `.fvecs` and its kin begin with a number that could be anything.
    pub(super) fn of_bytes(start: &[u8]) -> Option<Self> {
        if start.starts_with(b"PAR1") {
            return Some(Self::Parquet);
        }
        if start.starts_with(b"\x93NUMPY") {
            return Some(Self::Npy);
        }
        let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
        match text.first() {
            // Nothing at all: no rows.
            None => Some(Self::JsonLines),
            Some(b'[') => Some(Self::Json),
            // An object that does not end with its line is a JSON file's, not a JSON line.
            Some(b'{') => {
                let line = text.split(|&b| b == b'\n').next().unwrap_or_default().trim_ascii_end();
                Some(if line.len() < text.len() && !line.ends_with(b"}") { Self::Json } else { Self::JsonLines })
            }
            Some(_) => {
                let line = text.split(|&b| b == b'\n').next().unwrap_or_default();
                let has = |byte| line.contains(&byte);
                match (std::str::from_utf8(line).is_ok(), has(b','), has(b'\t')) {
                    (true, true, _) => Some(Self::Csv),
                    (true, false, true) => Some(Self::Tsv),
                    _ => None,
                }
            }
        }
    }
}

/// What stands between the cells of the first line: the one of the usual delimiters that comes most often, tabs first among equals; a space
/// where there is no other.
pub(super) fn delimiter_of(start: &[u8]) -> Option<u8> {
    let line = start.split(|&b| b == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&b| b == delimiter).count();
    let usual = [b'\t', b'|', b';', b','];
    let most = usual.into_iter().rev().max_by_key(|&delimiter| count(delimiter)).filter(|&delimiter| count(delimiter) > 0);
    most.or_else(|| line.trim_ascii_end().contains(&b' ').then_some(b' '))
}

impl FromStr for Format {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::named(text).filter(|format| *format != Self::Ivecs);
        known.ok_or_else(|| "expected jsonl, json, csv, tsv, parquet, npy, fvecs or bvecs".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_format_below_what_they_are_packed_in() {
        for (name, format) in [
            ("a.jsonl", Some(Format::JsonLines)),
            ("a.CSV.GZ", Some(Format::Csv)),
            ("a.tsv.zst", Some(Format::Tsv)),
            ("a.json", Some(Format::Json)),
            ("a.txt", None),
            ("a.gz", None),
            ("csv", None),
        ] {
            assert_eq!(Format::of_name(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn the_first_line_tells_the_delimiter() {
        for (start, delimiter) in [
            (&b"196\t242\t3\n1,2,3,4,5\n"[..], Some(b'\t')),
            (b"1|Story, Toy (1995)|01-Jan\n", Some(b'|')),
            (b"1;2,5;3\n", Some(b';')),
            (b"a,b\tc\n", Some(b'\t')),
            (b"0 1 2\n", Some(b' ')),
            (b"one\n1,2", None),
            (b"", None),
        ] {
            assert_eq!(delimiter_of(start), delimiter, "{start:?}");
        }
    }

    #[test]
    fn first_bytes_tell_the_format() {
        for (start, format) in [
            (&b"{\"id\": 1}\n"[..], Some(Format::JsonLines)),
            (b"\xEF\xBB\xBF{\"id\": 1}\r\n{}", Some(Format::JsonLines)),
            (b"{\"id\": 1, \"long", Some(Format::JsonLines)),
            (b"{\n  \"id\": 1}\n", Some(Format::Json)),
            (b" \n[{", Some(Format::Json)),
            (b"id,title\n", Some(Format::Csv)),
            (b"id\ttitle\n1\ta,b", Some(Format::Tsv)),
            (b"PAR1\x15", Some(Format::Parquet)),
            (b"\x93NUMPY\x01\x00", Some(Format::Npy)),
            (b"", Some(Format::JsonLines)),
            (b"\x04\0\0\0\0\xff,", None),
            (b"hello\n", None),
        ] {
            assert_eq!(Format::of_bytes(start), format, "{start:?}");
        }
    }
}
