//! Inputs: lines, limits, what is compressed.
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
fn two_bytes_a_character_are_named() {
    for bytes in [&b"\xFF\xFEi\0d\0"[..], b"\xFE\xFF\0i\0d", b"i\0d\0\n\0", b"\0i\0d"] {
        let error = lines("a", bytes.to_vec()).next_into(&mut Vec::new()).unwrap_err();
        assert!(matches!(error.problem, Problem::Utf16) && !error.is_one_row(), "{error}");
    }
}

#[test]
fn a_look_ahead_takes_nothing() {
    let mut input = Input::over(Path::new("a"), io::Cursor::new(b"one\ntwo".to_vec()), 7).unwrap();
    assert_eq!(input.peek(2).unwrap(), b"on");
    assert_eq!(input.peek(100).unwrap(), b"one\ntwo");
    assert_eq!(all(Lines::new(input)), ["one", "two"]);
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
