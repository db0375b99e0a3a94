//! Records of a CSV file (RFC 4180), one at a time, in bounded memory.
//!
//! A parser of our own because a quote that is never closed must be an error: the usual ones then take the rest of the file for one field.

use super::error::{ImportError, Place, Problem};
use super::input::Lines;

/// One record: its fields' bytes, unquoted.
#[derive(Default)]
pub(crate) struct Record {
    text: Vec<u8>,
    /// Where each field ends in `text`, and whether it stood in quotes.
    ends: Vec<(usize, bool)>,
    /// The line on which it begins, from 1.
    pub line: u64,
}

impl Record {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field's bytes, and whether it stood in quotes.
    pub(crate) fn field(&self, at: usize) -> (&[u8], bool) {
        let (end, quoted) = self.ends[at];
        let start = if at == 0 { 0 } else { self.ends[at - 1].0 };
        (&self.text[start..end], quoted)
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn end_field(&mut self, quoted: bool) {
        self.ends.push((self.text.len(), quoted));
    }
}

/// Where in a field the reading is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// After a quote inside a quoted field: its end, or the first half of an escaped quote.
    Quote,
}

/// Reads the next record into `record`; false at the end of the file. Blank lines are passed over. After an error of one row the next
/// call goes on with the next line.
pub(crate) fn read_record(lines: &mut Lines, delimiter: u8, buffer: &mut Vec<u8>, record: &mut Record) -> Result<bool, ImportError> {
    record.clear();
    buffer.clear();
    let mut state = State::Start;
    let mut parsed = 0;
    loop {
        if !lines.append(buffer)? {
            return match state {
                State::Quoted => Err(lines.input.error(Place::Line(record.line), Problem::OpenQuote)),
                _ => Ok(false),
            };
        }
        if parsed == 0 {
            record.line = lines.number();
            if matches!(buffer.as_slice(), b"\n" | b"\r\n") {
                buffer.clear();
                continue;
            }
        }
        let ended = buffer.last() == Some(&b'\n');
        let end = match buffer[parsed..].strip_suffix(b"\n") {
            Some(rest) => parsed + rest.strip_suffix(b"\r").unwrap_or(rest).len(),
            None => buffer.len(),
        };
        state = split(&buffer[parsed..end], delimiter, state, record)
            .ok_or_else(|| lines.input.error(Place::Line(record.line), Problem::AfterQuote { field: record.len() + 1 }))?;
        if state != State::Quoted {
            record.end_field(state == State::Quote);
            return Ok(true);
        }
        if ended {
            record.text.extend_from_slice(&buffer[end..]);
        }
        parsed = buffer.len();
    }
}

/// Takes the bytes of one line, its end excluded, into `record`; the last field stays open. `None` when text follows a closing quote.
fn split(line: &[u8], delimiter: u8, mut state: State, record: &mut Record) -> Option<State> {
    for &byte in line {
        state = match (state, byte) {
            (State::Start, b'"') => State::Quoted,
            (State::Start | State::Plain, byte) if byte == delimiter => {
                record.end_field(false);
                State::Start
            }
            (State::Start | State::Plain, _) => {
                record.text.push(byte);
                State::Plain
            }
            (State::Quoted, b'"') => State::Quote,
            (State::Quoted, _) => {
                record.text.push(byte);
                State::Quoted
            }
            (State::Quote, b'"') => {
                record.text.push(b'"');
                State::Quoted
            }
            (State::Quote, byte) if byte == delimiter => {
                record.end_field(true);
                State::Start
            }
            (State::Quote, _) => return None,
        };
    }
    Some(state)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::input::Input;
    use super::*;

    fn records(text: &str) -> Vec<Result<(u64, Vec<String>), String>> {
        let source = std::io::Cursor::new(text.as_bytes().to_vec());
        let mut lines = Lines::new(Input::over("t".as_ref(), source, text.len() as u64).unwrap());
        let (mut buffer, mut record, mut out) = (Vec::new(), Record::default(), Vec::new());
        loop {
            match read_record(&mut lines, b',', &mut buffer, &mut record) {
                Ok(false) => return out,
                Ok(true) => {
                    let fields = (0..record.len()).map(|i| {
                        let (bytes, quoted) = record.field(i);
                        format!("{}{}", String::from_utf8_lossy(bytes), if quoted { "'" } else { "" })
                    });
                    out.push(Ok((record.line, fields.collect())));
                }
                Err(e) => out.push(Err(e.to_string())),
            }
        }
    }

    fn ok(line: u64, fields: &[&str]) -> Result<(u64, Vec<String>), String> {
        Ok((line, fields.iter().map(|&f| f.to_owned()).collect()))
    }

    #[test]
    fn fields_quotes_and_lines() {
        assert_eq!(records("a,b\r\n1,\n\n\"x,\"\"y\",\"\"\n"), [ok(1, &["a", "b"]), ok(2, &["1", ""]), ok(4, &["x,\"y'", "'"])]);
        assert_eq!(records("a,\"two\r\nlines\nthree\"\nz"), [ok(1, &["a", "two\r\nlines\nthree'"]), ok(4, &["z"])]);
        assert_eq!(records("5\" disk,a\"b\n"), [ok(1, &["5\" disk", "a\"b"])]);
        assert!(records("").is_empty() && records("\n\r\n\n").is_empty());
        assert_eq!(records(","), [ok(1, &["", ""])]);
    }

    #[test]
    fn broken_quotes_are_errors_at_the_line_where_the_record_begins() {
        assert_eq!(records("a\n\"b,c\nd\n"), [ok(1, &["a"]), Err("t, line 2: a quote is opened and never closed".to_owned())]);
        let after = records("\"a\"b,c\nd\n");
        assert!(after[0].as_ref().unwrap_err().starts_with("t, line 1: field 1: text follows"));
        assert_eq!(after[1], ok(2, &["d"]));
    }

    #[test]
    fn a_quoted_field_is_bounded() {
        let long = format!("\"{}", format!("{}\n", "x".repeat(999)).repeat(super::super::input::MAX_LINE / 1000 + 10));
        let all = records(&long);
        assert!(all[0].as_ref().unwrap_err().contains("longer than"), "{:?}", all[0]);
    }
}
