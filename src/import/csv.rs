//! CSV with a header: commas, quotes as in RFC 4180, one record a row, an `id` column. What a cell means is said in [`super::cell`].

use super::cell::{CellKind, ColumnKind, read_cell};
use super::csv_record::{Record, read_record};
use super::error::{ImportError, Place, Problem};
use super::input::{Input, Lines, Meter};
use super::rows::{ImportRow, Rows, id_of};
use crate::features::Row;

pub(super) struct Csv {
    lines: Lines,
    columns: Vec<(String, ColumnKind)>,
    buffer: Vec<u8>,
    record: Record,
}

impl Csv {
    pub(super) fn over(input: Input, kind: &dyn Fn(&str) -> ColumnKind) -> Result<Self, ImportError> {
        let mut csv = Self { lines: Lines::new(input), columns: Vec::new(), buffer: Vec::new(), record: Record::default() };
        read_record(&mut csv.lines, &mut csv.buffer, &mut csv.record)?;
        for at in 0..csv.record.len() {
            let name = csv.lines.text(csv.record.line, csv.record.field(at).0)?.trim();
            if csv.columns.iter().any(|(other, _)| other == name) {
                return Err(csv.lines.input.error(Place::Line(csv.record.line), Problem::ColumnTwice { name: name.to_owned() }));
            }
            let kind = if name == "id" { ColumnKind::One(CellKind::Text) } else { kind(name) };
            csv.columns.push((name.to_owned(), kind));
        }
        if !csv.columns.iter().any(|(name, _)| name == "id") {
            let columns = csv.columns.into_iter().map(|(name, _)| name).collect();
            return Err(csv.lines.input.error(Place::Line(1), Problem::NoIdColumn { columns }));
        }
        Ok(csv)
    }

    fn row(&self) -> Result<Row, Problem> {
        if self.record.len() != self.columns.len() {
            return Err(Problem::FieldCount { expected: self.columns.len(), got: self.record.len() });
        }
        let mut row = Row::new();
        for (at, (name, kind)) in self.columns.iter().enumerate() {
            let (bytes, quoted) = self.record.field(at);
            let cell = std::str::from_utf8(bytes).map_err(|e| Problem::NotText { at: e.valid_up_to() })?;
            if let Some(value) = read_cell(name, *kind, cell, quoted)? {
                row.insert(name.as_str(), value);
            }
        }
        Ok(row)
    }
}

impl Rows for Csv {
    fn next(&mut self) -> Result<Option<ImportRow>, ImportError> {
        if !read_record(&mut self.lines, &mut self.buffer, &mut self.record)? {
            return Ok(None);
        }
        let place = Place::Line(self.record.line);
        let row = self.row().and_then(|row| Ok((id_of(&row)?, row)));
        let (id, row) = row.map_err(|problem| self.lines.input.error(place, problem))?;
        Ok(Some(ImportRow { id, row, place, bytes: self.buffer.len() }))
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

    fn open(text: &str) -> Result<Csv, ImportError> {
        let input = Input::over("rows.csv".as_ref(), std::io::Cursor::new(text.as_bytes().to_vec()), text.len() as u64).unwrap();
        Csv::over(input, &|name| match name {
            "price" => ColumnKind::One(CellKind::Number),
            "tags" => ColumnKind::List(CellKind::Text),
            _ => ColumnKind::One(CellKind::Text),
        })
    }

    #[test]
    fn columns_are_typed_and_empty_cells_are_missing() {
        let mut csv = open("price,id,tags,title\n5,1,a;b,\"Shoe, red\"\n,02,[],\n").unwrap();
        let first = csv.next().unwrap().unwrap();
        assert_eq!((first.id.as_str(), first.place), ("1", Place::Line(2)));
        assert_eq!(first.row, row! { "price" => 5, "id" => "1", "tags" => ["a", "b"], "title" => "Shoe, red" });
        let second = csv.next().unwrap().unwrap();
        assert_eq!(second.row, row! { "id" => "02", "tags" => Vec::<i64>::new() });
        assert!(csv.next().unwrap().is_none());
    }

    #[test]
    fn a_broken_line_is_named_and_the_next_one_is_read() {
        let mut csv = open("id,price\n1,2\n2,3,4\n3,abc\n4\n,5\n6,7\n").unwrap();
        assert!(csv.next().unwrap().is_some());
        assert_eq!(csv.next().unwrap_err().to_string(), "rows.csv, line 3: expected 2 fields, as in the header, got 3");
        assert_eq!(csv.next().unwrap_err().to_string(), "rows.csv, line 4: column \"price\": expected a number, got \"abc\"");
        assert!(matches!(csv.next().unwrap_err().problem, Problem::FieldCount { expected: 2, got: 1 }));
        assert!(matches!(csv.next().unwrap_err().problem, Problem::NoId));
        assert_eq!(csv.next().unwrap().unwrap().row, row! { "id" => "6", "price" => 7 });
    }

    #[test]
    fn bad_lines_are_counted_when_asked() {
        let mut rows = RowReader::new(Box::new(open("id,price\n1,x\n2,5\n3,\"").unwrap()), true);
        let batch = rows.next_batch(10).unwrap().unwrap();
        assert_eq!((batch.rows.len(), batch.bad.len()), (1, 2));
        assert!(rows.next_batch(10).unwrap().is_none());
    }

    #[test]
    fn headers_without_id_or_with_a_name_twice_are_refused() {
        assert_eq!(open("a,b\n1,2\n").err().unwrap().to_string(), "rows.csv, line 1: there is no column \"id\"; the columns are a, b");
        assert!(matches!(open("id,a, a\n").err().unwrap().problem, Problem::ColumnTwice { .. }));
        assert!(matches!(open("").err().unwrap().problem, Problem::NoIdColumn { .. }));
    }
}
