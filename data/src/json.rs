//! A JSON file: an array of objects, or objects one after another, each read by itself.

use super::columns::Columns;
use super::error::{ImportError, Place, Problem};
use super::input::{Input, MAX_LINE, Meter};
use super::jsonl::object;
use super::rows::{ImportRow, Rows};
use super::taken::Taken;

pub(super) struct Json {
    input: Input,
    columns: Columns,
    /// Number of the next object, from 0.
    next: u64,
    at: At,
    buffer: Vec<u8>,
}

/// Where the reading is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// Nothing was read yet.
    Start,
    /// Before an object that is no array's.
    Between,
    /// In the array, before its first object.
    First,
    /// In the array, behind an object.
    Behind,
    /// Behind the array, or behind what cannot be read on.
    End,
}

impl Json {
    pub(super) fn over(mut input: Input, columns: Columns) -> Result<Self, ImportError> {
        input.refuse_utf16()?;
        Ok(Self { input, columns, next: 0, at: At::Start, buffer: Vec::new() })
    }

    fn error(&self, problem: impl Into<Problem>) -> ImportError {
        self.input.error(Place::Row(self.next), problem)
    }

    fn broken(&mut self, what: &str) -> ImportError {
        self.at = At::End;
        self.error(Problem::Json { what: what.to_owned() })
    }

    /// The next byte that is no space, without taking it.
    fn peek(&mut self) -> Result<Option<u8>, ImportError> {
        loop {
            let piece = match self.input.reader().fill_buf() {
                Ok(piece) => piece,
                Err(error) => return Err(self.error(error)),
            };
            let spaces = piece.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let (byte, length) = (piece.get(spaces).copied(), piece.len());
            self.input.reader().consume(spaces);
            if byte.is_some() || length == 0 {
                return Ok(byte);
            }
        }
    }

    fn take(&mut self) {
        self.input.reader().consume(1);
    }

    /// Goes to the beginning of the next value; false at the end.
    fn advance(&mut self) -> Result<bool, ImportError> {
        if self.at == At::End {
            return Ok(false);
        }
        if self.at == At::Start {
            let start = self.input.peek(3).map_err(|e| self.input.error(Place::File, e))?;
            if start == b"\xEF\xBB\xBF" {
                self.input.reader().consume(3);
            }
        }
        let byte = self.peek()?;
        match (self.at, byte) {
            (At::Start | At::Between, None) => {
                self.at = At::End;
                return Ok(false);
            }
            (At::Start, Some(b'[')) => {
                self.take();
                self.at = At::First;
                return self.advance();
            }
            (At::Start | At::Between, Some(_)) => self.at = At::Between,
            (At::First | At::Behind, Some(b']')) => {
                self.take();
                if self.peek()?.is_some() {
                    return Err(self.broken("something follows the end of the array"));
                }
                self.at = At::End;
                return Ok(false);
            }
            (At::Behind, Some(b',')) => {
                self.take();
                if matches!(self.peek()?, None | Some(b']')) {
                    return Err(self.broken("an object is missing behind the last comma"));
                }
            }
            (At::First, Some(_)) => self.at = At::Behind,
            (_, None) => return Err(self.broken("cut short: the array has no end")),
            (_, Some(_)) => return Err(self.broken("a comma is missing between two objects")),
        }
        Ok(true)
    }

    /// Takes an object's bytes into the buffer, by its brackets. One that is too long is passed over.
    fn object(&mut self) -> Result<(), ImportError> {
        self.buffer.clear();
        let (mut depth, mut in_string, mut escaped, mut long) = (0usize, false, false, false);
        loop {
            let place = Place::Row(self.next);
            let (path, reader) = self.input.parts();
            let piece = reader.fill_buf().map_err(|e| ImportError::new(path, place, e))?;
            if piece.is_empty() {
                return Err(self.broken("cut short: an object has no end"));
            }
            let mut used = piece.len();
            for (at, &byte) in piece.iter().enumerate() {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if in_string => escaped = true,
                    b'"' => in_string = !in_string,
                    b'{' | b'[' if !in_string => depth += 1,
                    b'}' | b']' if !in_string => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            used = at + 1;
                            break;
                        }
                    }
                    _ => {}
                }
            }
            let whole = depth == 0;
            long |= self.buffer.len() + used > MAX_LINE;
            if !long {
                self.buffer.extend_from_slice(&piece[..used]);
            }
            self.input.reader().consume(used);
            if whole {
                return if long { Err(self.error(Problem::TooLong { limit: MAX_LINE })) } else { Ok(()) };
            }
        }
    }

    fn read(&mut self) -> Result<Option<ImportRow>, ImportError> {
        if !self.advance()? {
            return Ok(None);
        }
        if self.peek()? != Some(b'{') {
            return Err(self.broken("expected an object, or an array of objects"));
        }
        self.object()?;
        let place = Place::Row(self.next);
        let text = std::str::from_utf8(&self.buffer).map_err(|e| self.error(Problem::NotText { at: e.valid_up_to() }))?;
        let row = object(text, &mut self.columns).and_then(|mut row| Ok((self.columns.id(&mut row, place)?, row)));
        let (id, row) = row.map_err(|problem| self.error(problem))?;
        Ok(Some(ImportRow { id, row, place, bytes: self.buffer.len() }))
    }
}

impl Rows for Json {
    fn next(&mut self) -> Result<Option<ImportRow>, ImportError> {
        let read = self.read();
        self.next += 1;
        read
    }

    fn meter(&self) -> &Meter {
        &self.input.meter
    }

    fn taken(&self) -> &Taken {
        &self.columns.taken
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::options::ReadOptions;
    use super::super::rows::RowReader;
    use super::*;

    fn read(text: &[u8], skip_bad: bool) -> (Vec<String>, Vec<String>, Option<String>) {
        let input = Input::over("rows.json".as_ref(), std::io::Cursor::new(text.to_vec()), text.len() as u64).unwrap();
        let columns = Columns::new(&ReadOptions::default());
        let json = match Json::over(input, columns) {
            Ok(json) => json,
            Err(error) => return (vec![], vec![], Some(error.to_string())),
        };
        let mut reader = RowReader::new(Box::new(json), skip_bad);
        let (mut ids, mut bad) = (Vec::new(), Vec::new());
        loop {
            match reader.next_batch(2) {
                Ok(Some(batch)) => {
                    ids.extend(batch.rows.iter().map(|row| row.id.as_str().to_owned()));
                    bad.extend(batch.bad.iter().map(ToString::to_string));
                }
                Ok(None) => return (ids, bad, None),
                Err(error) => return (ids, bad, Some(error.to_string())),
            }
        }
    }

    fn fine(text: &[u8], ids: &[&str]) {
        let (read, bad, fatal) = read(text, false);
        assert_eq!((read.iter().map(String::as_str).collect::<Vec<_>>(), bad.len(), fatal), (ids.to_vec(), 0, None));
    }

    #[test]
    fn arrays_and_rows_of_objects() {
        fine(b"[{\"id\": 1}, {\"id\": \"]}\\\"\"}\n,{\"id\": 3, \"a\": [{\"b\": 1}]}]\n", &["1", "]}\"", "3"]);
        fine(b"\xEF\xBB\xBF [ ] ", &[]);
        fine(b"", &[]);
        fine(b"{\"id\": 1}\n{\n \"id\": 2\n}{\"id\": 3}", &["1", "2", "3"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_row() {
        for (text, says) in [
            (&b"[{\"id\": 1}, {\"id\": 2}"[..], "row 2: not a readable JSON file: cut short: the array has no end"),
            (b"[{\"id\": 1}, {\"id\"", "row 1: not a readable JSON file: cut short: an object has no end"),
            (b"[{\"id\": 1} {\"id\": 2}]", "row 1: not a readable JSON file: a comma is missing"),
            (b"[{\"id\": 1},]", "row 1: not a readable JSON file: an object is missing"),
            (b"[{\"id\": 1}] x", "row 1: not a readable JSON file: something follows"),
            (b"[[1]]", "row 0: not a readable JSON file: expected an object"),
            (b"7", "row 0: not a readable JSON file: expected an object"),
            (b"{\"id\": {\"0\": 1}}", "orient"),
            (b"\xFF\xFE[\0", "UTF-16"),
        ] {
            let (_, _, fatal) = read(text, false);
            assert!(fatal.as_ref().is_some_and(|fatal| fatal.contains(says)), "{says}: {fatal:?}");
        }
    }

    #[test]
    fn bad_objects_are_passed_over_when_asked() {
        let long = format!("{{\"id\": \"{}\"}}", "x".repeat(MAX_LINE));
        let text = format!("[{{\"id\": 1}}, {{\"id\": nonsense}}, {{\"a\": 1}}, {long}, {{\"id\": 2}}]");
        let (ids, bad, fatal) = read(text.as_bytes(), true);
        assert_eq!((ids, bad.len(), fatal), (vec!["1".to_owned(), "2".to_owned()], 3, None));
        assert!(bad[2].contains("row 3: longer than"), "{}", bad[2]);
    }
}
