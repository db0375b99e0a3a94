//! JSON lines: one object a line, its `id` among the fields. Blank lines are passed over.

use super::error::{ImportError, Place};
use super::input::{Input, Lines, Meter};
use super::rows::{ImportRow, Rows, id_of};
use crate::features::Row;

pub(super) struct JsonLines {
    lines: Lines,
    buffer: Vec<u8>,
}

impl JsonLines {
    pub(super) fn over(input: Input) -> Self {
        Self { lines: Lines::new(input), buffer: Vec::new() }
    }
}

impl Rows for JsonLines {
    fn next(&mut self) -> Result<Option<ImportRow>, ImportError> {
        while self.lines.next_into(&mut self.buffer)? {
            let place = Place::Line(self.lines.number());
            let text = self.lines.text(self.lines.number(), &self.buffer)?;
            if text.trim().is_empty() {
                continue;
            }
            let row = Row::from_json(text).map_err(|e| self.lines.input.error(place, e))?;
            let id = id_of(&row).map_err(|problem| self.lines.input.error(place, problem))?;
            return Ok(Some(ImportRow { id, row, place, bytes: text.len() }));
        }
        Ok(None)
    }

    fn meter(&self) -> &Meter {
        &self.lines.input.meter
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::rows::RowReader;
    use super::*;
    use crate::row;

    fn reader(text: &[u8], skip_bad: bool) -> RowReader {
        let input = Input::over("rows.jsonl".as_ref(), std::io::Cursor::new(text.to_vec()), text.len() as u64).unwrap();
        RowReader::new(Box::new(JsonLines::over(input)), skip_bad)
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
