//! JSON lines: one object a line, its `id` among the fields. Blank lines are passed over.

use super::columns::Columns;
use super::error::{ImportError, Place, Problem};
use super::input::{Input, Lines, Meter};
use super::rows::{ImportRow, Rows};
use super::taken::Taken;
use torre::Row;

pub(super) struct JsonLines {
    lines: Lines,
    columns: Columns,
    buffer: Vec<u8>,
}

impl JsonLines {
    pub(super) fn over(input: Input, columns: Columns) -> Self {
        Self { lines: Lines::new(input), columns, buffer: Vec::new() }
    }
}

/// Reads an object as a row. Python writes NaN where JSON has nothing: as a field's whole value it is a missing one.
pub(super) fn object(text: &str, columns: &mut Columns) -> Result<Row, Problem> {
    let object = match Row::from_json(text) {
        Ok(object) => object,
        Err(_) if text.trim_end().contains("}\r{") => return Err(Problem::CarriageReturns),
        Err(error) => match without_nan(text) {
            Nans::Fields { text, count } => {
                let object = Row::from_json(&text)?;
                columns.taken.nan += count;
                object
            }
            Nans::Within => return Err(Problem::NotARow { problem: "NaN within a list or an object, where a value is needed".to_owned() }),
            Nans::None => return Err(error.into()),
        },
    };
    columns.row(object)
}

/// Where an object has NaN.
enum Nans {
    None,
    /// As values of fields only: the text with null for them.
    Fields {
        text: String,
        count: u64,
    },
    /// Within a list or an inner object.
    Within,
}

fn without_nan(text: &str) -> Nans {
    if !text.contains("NaN") {
        return Nans::None;
    }
    let (mut out, mut count, mut copied) = (String::with_capacity(text.len() + 16), 0, 0);
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            // The second N of a NaN may begin what looks like another one: `NaNaN`.
            _ if at < copied => {}
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            b'N' if !in_string && text.as_bytes()[at..].starts_with(b"NaN") => {
                if depth != 1 {
                    return Nans::Within;
                }
                out.push_str(&text[copied..at]);
                out.push_str("null");
                copied = at + 3;
                count += 1;
            }
            _ => {}
        }
    }
    out.push_str(&text[copied..]);
    if count > 0 { Nans::Fields { text: out, count } } else { Nans::None }
}

impl Rows for JsonLines {
    fn next(&mut self) -> Result<Option<ImportRow>, ImportError> {
        while self.lines.next_into(&mut self.buffer)? {
            let place = Place::Line(self.lines.number());
            let text = self.lines.text(self.lines.number(), &self.buffer)?;
            if text.trim().is_empty() {
                continue;
            }
            let row = object(text, &mut self.columns).and_then(|mut row| Ok((self.columns.id(&mut row, place)?, row)));
            let (id, row) = row.map_err(|problem| self.lines.input.error(place, problem))?;
            return Ok(Some(ImportRow { id, row, place, bytes: text.len() }));
        }
        Ok(None)
    }

    fn meter(&self) -> &Meter {
        &self.lines.input.meter
    }

    fn taken(&self) -> &Taken {
        &self.columns.taken
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::kind::{CellKind, ColumnKind};
    use super::super::options::ReadOptions;
    use super::super::rows::RowReader;
    use super::*;
    use torre::Value;
    use torre::row;

    fn reader(text: &[u8], skip_bad: bool) -> RowReader {
        let input = Input::over("rows.jsonl".as_ref(), std::io::Cursor::new(text.to_vec()), text.len() as u64).unwrap();
        let options = ReadOptions::default().kinds(|field| (field == "n").then_some(ColumnKind::One(CellKind::Int)));
        RowReader::new(Box::new(JsonLines::over(input, Columns::new(&options))), skip_bad)
    }

    #[test]
    fn what_python_writes_is_read() {
        let text = b"{\"id\": 1.0, \"n\": 3.0, \"x\": 2.0}\n{\"id\": 2, \"n\": NaN, \"x\": \"NaN\"}\n{\"id\": 3, \"n\": 3.5}\n";
        let mut rows = reader(text, false);
        let batch = rows.next_batch(10).unwrap().unwrap();
        assert_eq!(batch.rows[0].row, row! { "id" => 1, "n" => 3, "x" => 2.0 });
        assert_eq!(batch.rows[0].id.as_str(), "1");
        assert_eq!(batch.rows[1].row, row! { "id" => 2, "n" => Value::Null, "x" => "NaN" });
        assert_eq!(batch.rows[2].row.get("n"), Some(&Value::Float(3.5)), "for the collection to refuse");
        assert_eq!((rows.taken().whole, rows.taken().nan), (2, 1));
        for text in [&b"{\"id\": 1, \"vector\": [1, NaN]}"[..], b"{\"id\": NaN}", b"{\"id\": 1e17}", b"{\"id\": Infinity}"] {
            assert!(reader(text, false).next_batch(1).is_err(), "{text:?}");
        }
        assert!(reader(b"{\"id\": 1, \"v\": [NaN]}", false).next_batch(1).unwrap_err().to_string().contains("NaN within a list"));
        // Found by fuzzing: what looks like a NaN within one.
        for text in [&b"{\"id\": NaNaN}"[..], b"{\"id\": 1, \"x\": NaNaNaN}", b"{NaNaN"] {
            assert!(reader(text, false).next_batch(1).is_err(), "{text:?}");
        }
        let macs = reader(b"{\"id\": 1}\r{\"id\": 2}\r", false).next_batch(1).unwrap_err();
        assert!(matches!(macs.problem, Problem::CarriageReturns));
    }

    #[test]
    fn rows_with_their_ids_and_lines() {
        let mut rows = reader(b"{\"id\": 7, \"a\": [1, \"x\"]}\n\n{\"a\": null, \"id\": \"seven\"}", false);
        let first = rows.next_batch(1).unwrap().unwrap();
        assert_eq!((first.rows[0].id.as_str(), first.rows[0].place), ("7", Place::Line(1)));
        assert_eq!(first.rows[0].row, Row::from_json("{\"id\": 7, \"a\": [1, \"x\"]}").unwrap());
        let second = rows.next_batch(10).unwrap().unwrap();
        assert_eq!((second.rows.len(), second.rows[0].id.as_str(), second.rows[0].place), (1, "seven", Place::Line(3)));
        assert!(rows.next_batch(10).unwrap().is_none());
        assert_eq!(rows.meter().done(), rows.meter().total);
    }

    #[test]
    fn bad_rows_stop_the_reading_or_are_handed_out_beside_the_good() {
        let text = b"{\"id\": 1}\nnonsense\n{\"id\": 2.5}\n{\"id\": \"\"}\n{}\n[1]\n\xFF\n{\"id\": 2}\n";
        let error = reader(text, false).next_batch(10).unwrap_err();
        assert!(error.place == Place::Line(2) && error.to_string().starts_with("rows.jsonl, line 2: "), "{error}");
        let mut rows = reader(text, true);
        let batch = rows.next_batch(100).unwrap().unwrap();
        assert_eq!(batch.rows.iter().map(|r| r.row.clone()).collect::<Vec<_>>(), [row! { "id" => 1 }, row! { "id" => 2 }]);
        assert_eq!(batch.bad.iter().map(|e| e.place).collect::<Vec<_>>(), (2..8).map(Place::Line).collect::<Vec<_>>());
        assert!(rows.next_batch(100).unwrap().is_none());
        assert_eq!(reader(text, true).next_batch(3).unwrap().unwrap().bad.len(), 2, "good and bad rows together make a batch");
    }
}
