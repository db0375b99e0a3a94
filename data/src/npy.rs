//! numpy's `.npy` files: a table of numbers in C order.

use super::elements::Element;
use super::error::{ImportError, Place, Problem};
use super::input::Input;

/// Longest header read; numpy writes 128 bytes for such files.
const MAX_HEADER: usize = 1 << 16;

/// What the header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub element: Element,
    /// Whether the most significant byte of a value comes first.
    pub big_endian: bool,
    pub rows: u64,
    /// Values a row; 1 for a table of one dimension.
    pub width: u64,
}

/// Reads the header, and checks it against the length of the file where that is known.
pub(crate) fn read_header(input: &mut Input) -> Result<Header, ImportError> {
    let (header, header_bytes) = read_checked(input).map_err(|problem| input.error(Place::File, problem))?;
    if let Some(length) = input.plain_length {
        let got = length.saturating_sub(header_bytes);
        let expected = header.rows.saturating_mul(header.width).saturating_mul(header.element.bytes() as u64);
        if got < expected {
            return Err(input.error(Place::File, Problem::CutShort { expected, got }));
        }
        if got > expected {
            return Err(input.error(Place::File, Problem::Surplus { extra: got - expected }));
        }
    }
    Ok(header)
}

fn read_checked(input: &mut Input) -> Result<(Header, u64), Problem> {
    let bad = |what: &str| Problem::NpyHeader { what: what.to_owned() };
    let mut start = [0u8; 10];
    let got = input.fill(&mut start)?;
    if got == 0 {
        return Err(bad("the file is empty"));
    }
    if got < start.len() || !start.starts_with(b"\x93NUMPY") {
        return Err(bad("the file does not begin with \\x93NUMPY, a version and a length"));
    }
    let (length, prefix) = match start[6] {
        1 => (usize::from(u16::from_le_bytes([start[8], start[9]])), 10),
        2 | 3 => {
            let mut rest = [0u8; 2];
            if input.fill(&mut rest)? < rest.len() {
                return Err(bad("the file ends inside it"));
            }
            (u32::from_le_bytes([start[8], start[9], rest[0], rest[1]]) as usize, 12)
        }
        version => return Err(Problem::NpyHeader { what: format!("version {version}; 1, 2 and 3 are known") }),
    };
    if length > MAX_HEADER {
        return Err(Problem::NpyHeader { what: format!("{length} bytes long; at most {MAX_HEADER} are read") });
    }
    let mut text = vec![0u8; length];
    if input.fill(&mut text)? < length {
        return Err(bad("the file ends inside it"));
    }
    let text = std::str::from_utf8(&text).map_err(|_| bad("not text"))?;
    parse(text).map(|header| (header, (prefix + length) as u64))
}

/// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`.
fn parse(text: &str) -> Result<Header, Problem> {
    let bad = |what: String| Problem::NpyHeader { what };
    let value = |key: &str| {
        let (_, rest) = text.split_once(&format!("'{key}':")).ok_or_else(|| bad(format!("it has no {key:?}")))?;
        Ok::<_, Problem>(rest.trim_start())
    };
    let descr = value("descr")?.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).map(|(descr, _)| descr);
    let Some(descr) = descr else { return Err(bad("values of several fields; a plain table is needed".to_owned())) };
    let (order, name) = descr.split_at_checked(1).unwrap_or_default();
    let element = match name {
        "f2" => Some(Element::F16),
        "f4" => Some(Element::F32),
        "f8" => Some(Element::F64),
        "u1" | "b1" => Some(Element::U8),
        "i1" => Some(Element::I8),
        "i2" => Some(Element::I16),
        "u2" => Some(Element::U16),
        "i4" => Some(Element::I32),
        "u4" => Some(Element::U32),
        "i8" => Some(Element::I64),
        "u8" => Some(Element::U64),
        _ => None,
    };
    let element = element.filter(|element| matches!(order, "<" | ">") || (order == "|" && element.bytes() == 1));
    let Some(element) = element else {
        let what = format!("values of type {descr:?}; floats of 16 to 64 bits and integers of 8 to 64 can be read (astype(\"float32\"))");
        return Err(bad(what));
    };
    let big_endian = order == ">";
    if !value("fortran_order")?.starts_with("False") {
        return Err(bad("Fortran order; save it in C order (numpy.ascontiguousarray)".to_owned()));
    }
    let shape = value("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(shape, _)| shape);
    let shape = shape.ok_or_else(|| bad("its shape is no tuple".to_owned()))?;
    let sides: Result<Vec<u64>, _> = shape.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::parse).collect();
    let sides = sides.map_err(|_| bad(format!("its shape is ({shape})")))?;
    match sides[..] {
        [rows] => Ok(Header { element, big_endian, rows, width: 1 }),
        [rows, width] => Ok(Header { element, big_endian, rows, width }),
        _ => Err(bad(format!("its shape is ({shape}); one or two dimensions can be read"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(super) fn file(header: &str, values: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(values);
        bytes
    }

    fn read(bytes: Vec<u8>) -> Result<Header, String> {
        let length = bytes.len() as u64;
        let mut input = Input::over("v.npy".as_ref(), std::io::Cursor::new(bytes), length).unwrap();
        read_header(&mut input).map_err(|e| e.to_string())
    }

    #[test]
    fn headers_as_numpy_writes_them() {
        let two = file("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n", &[0; 24]);
        assert_eq!(read(two), Ok(Header { element: Element::F32, big_endian: false, rows: 3, width: 2 }));
        let one = file("{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }", &[0; 5]);
        assert_eq!(read(one), Ok(Header { element: Element::U8, big_endian: false, rows: 5, width: 1 }));
        let mut second = file("{'descr': '<f2', 'fortran_order': False, 'shape': (0, 7), }", &[]);
        second[6] = 2;
        let length = u16::from_le_bytes([second[8], second[9]]);
        second.splice(8..10, u32::from(length).to_le_bytes());
        assert_eq!(read(second), Ok(Header { element: Element::F16, big_endian: false, rows: 0, width: 7 }));
    }

    #[test]
    fn lies_and_other_tables_are_refused() {
        for (bytes, says) in [
            (b"hello".to_vec(), "NUMPY"),
            (file("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", &[0; 24]), "Fortran"),
            (file("{'descr': '<f16', 'fortran_order': False, 'shape': (3, 2), }", &[0; 96]), "<f16"),
            (file("{'descr': '|f4', 'fortran_order': False, 'shape': (3, 2), }", &[0; 24]), "|f4"),
            (file("{'descr': '<U5', 'fortran_order': False, 'shape': (3,), }", &[0; 60]), "<U5"),
            (file("{'descr': '', 'fortran_order': False, 'shape': (3,), }", &[0; 60]), "of type"),
            (file("{'descr': 'éf', 'fortran_order': False, 'shape': (3,), }", &[0; 60]), "of type"),
            (file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", &[0; 12]), "several fields"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2, 1), }", &[0; 24]), "one or two"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", &[0; 4]), "one or two"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 2), }", &[0; 24]), "shape"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }", &[0; 24]), "expected 32 bytes of values, got 24"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", &[0; 24]), "8 bytes follow"),
            (file("{'descr': '<f8', 'fortran_order': False, 'shape': (9000000000000000000, 9000000000000000000), }", &[]), "cut short"),
            (b"\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{".to_vec(), "4294967295 bytes long"),
            (b"\x93NUMPY\x09\x00\x00\x00".to_vec(), "version 9"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(says), "{error:?} does not say {says:?}");
        }
    }
}
