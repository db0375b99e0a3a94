//! CSV with a header: commas or another delimiter, quotes as in RFC 4180, one record a row, an `id` column. What a cell means is said in
//! [`super::cell`].

use super::cell::{Cell, read_cell, whole_id};
use super::columns::{Columns, Targets};
use super::csv_record::{Record, read_record};
use super::error::{ImportError, Place, Problem};
use super::input::{Input, Lines, Meter};
use super::kind::{CellKind, ColumnKind};
use super::rows::{ImportRow, Rows};
use super::taken::Taken;
use torre::Row;

pub(super) struct Csv {
    lines: Lines,
    delimiter: u8,
    header: Vec<(String, Targets)>,
    columns: Columns,
    buffer: Vec<u8>,
    record: Record,
    /// The record read last is a row that has not been handed out: the first one of a file without a header.
    waiting: bool,
}

impl Csv {
    pub(super) fn over(input: Input, delimiter: u8, columns: Columns) -> Result<Self, ImportError> {
        let (buffer, record) = (Vec::new(), Record::default());
        let mut csv = Self { lines: Lines::new(input), delimiter, header: Vec::new(), columns, buffer, record, waiting: false };
        let read = read_record(&mut csv.lines, delimiter, &mut csv.buffer, &mut csv.record);
        if only_carriage_returns(&csv.buffer) {
            return Err(csv.lines.input.error(Place::File, Problem::CarriageReturns));
        }
        if !read? {
            return Err(csv.lines.input.error(Place::File, Problem::Empty));
        }
        let place = Place::Line(csv.record.line);
        csv.waiting = !csv.columns.has_header();
        let name = |at: usize| {
            if csv.waiting {
                return Ok((at + 1).to_string());
            }
            let name = csv.columns.encoding().read(csv.record.field(at).0);
            name.map(|name| name.trim().to_owned()).map_err(|problem| csv.lines.input.error(place, problem))
        };
        let names: Vec<String> = (0..csv.record.len()).map(name).collect::<Result<_, ImportError>>()?;
        let targets = csv.columns.header(&names).map_err(|problem| csv.lines.input.error(place, other_delimiter(problem, &names)))?;
        csv.header = names.into_iter().zip(targets).collect();
        Ok(csv)
    }

    fn row(&mut self) -> Result<Row, Problem> {
        if self.record.len() != self.header.len() {
            let (expected, got, header) = (self.header.len(), self.record.len(), self.columns.has_header());
            return Err(Problem::FieldCount { expected, got, header });
        }
        let encoding = self.columns.encoding();
        let taken = &mut self.columns.taken;
        let mut row = Row::new();
        for (at, (column, targets)) in self.header.iter().enumerate() {
            let (bytes, quoted) = self.record.field(at);
            if targets.is_empty() {
                continue;
            }
            let text = &*encoding.read(bytes)?;
            for target in targets.iter() {
                if target.field == "id"
                    && !quoted
                    && let Some(id) = whole_id(text, taken)
                {
                    row.insert("id", id);
                    continue;
                }
                let kind = target.kind.unwrap_or(ColumnKind::One(CellKind::Text));
                if let Some(value) = read_cell(Cell { column, text, quoted }, kind, taken)? {
                    row.insert(target.field.as_str(), value);
                }
            }
        }
        Ok(row)
    }
}

/// Whether the first record has a carriage return without a line feed, outside quotes: then that is where its lines end.
fn only_carriage_returns(record: &[u8]) -> bool {
    let mut in_quotes = false;
    record.iter().enumerate().any(|(at, &byte)| {
        in_quotes ^= byte == b'"';
        byte == b'\r' && !in_quotes && record.get(at + 1).is_some_and(|&next| next != b'\n')
    })
}

/// A header of one column that holds what other files put between cells is told as that.
fn other_delimiter(problem: Problem, names: &[String]) -> Problem {
    let between = names.first().and_then(|name| [';', '\t', '|', ','].into_iter().find(|&between| name.contains(between)));
    match (problem, names, between) {
        (Problem::NoIdColumn { .. } | Problem::NoColumn { .. }, [header], Some(between)) => {
            Problem::OtherDelimiter { header: header.clone(), between }
        }
        (problem, ..) => problem,
    }
}

impl Rows for Csv {
    fn next(&mut self) -> Result<Option<ImportRow>, ImportError> {
        if !std::mem::take(&mut self.waiting) && !read_record(&mut self.lines, self.delimiter, &mut self.buffer, &mut self.record)? {
            return Ok(None);
        }
        let place = Place::Line(self.record.line);
        let row = self.row().and_then(|mut row| Ok((self.columns.id(&mut row, place)?, row)));
        let (id, row) = row.map_err(|problem| self.lines.input.error(place, problem))?;
        Ok(Some(ImportRow { id, row, place, bytes: self.buffer.len() }))
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
    use super::super::options::ReadOptions;
    use super::super::rows::RowReader;
    use super::*;
    use torre::row;

    fn open(text: &str) -> Result<Csv, ImportError> {
        between(b',', text, ReadOptions::default())
    }

    fn between(delimiter: u8, text: &str, options: ReadOptions) -> Result<Csv, ImportError> {
        let input = Input::over("rows.csv".as_ref(), std::io::Cursor::new(text.as_bytes().to_vec()), text.len() as u64).unwrap();
        let options = options.kinds(|name| match name {
            "price" => Some(ColumnKind::One(CellKind::Number)),
            "n" => Some(ColumnKind::One(CellKind::Int)),
            "tags" => Some(ColumnKind::List(CellKind::Text)),
            _ => None,
        });
        Csv::over(input, delimiter, Columns::new(&options))
    }

    #[test]
    fn pandas_files_are_read() {
        let mut csv = open("\u{feff},id,n,price,title\n0,1.0,3.0,NaN,NaN\n1,\"2.0\",1e3,,\n").unwrap();
        let first = csv.next().unwrap().unwrap();
        assert_eq!((first.id.as_str(), first.row), ("1", row! { "id" => 1, "n" => 3, "title" => "NaN" }));
        assert_eq!(csv.next().unwrap().unwrap().row, row! { "id" => "2.0", "n" => 1000 });
        assert_eq!((csv.taken().whole, csv.taken().nan, csv.taken().ignored.len()), (3, 1, 1));
    }

    #[test]
    fn other_delimiters_are_read_or_named() {
        let mut csv = between(b'\t', "id\ttitle\n1\ta, \"b\"\n", ReadOptions::default()).unwrap();
        assert_eq!(csv.next().unwrap().unwrap().row, row! { "id" => "1", "title" => "a, \"b\"" });
        let mut csv = between(b';', "id;title\n1;\"a;b\"\n", ReadOptions::default()).unwrap();
        assert_eq!(csv.next().unwrap().unwrap().row, row! { "id" => "1", "title" => "a;b" });
        assert!(open("id;title\n1;x\n").err().unwrap().to_string().contains("stand between `;`"));
        assert!(open("id\ttitle\n1\tx\n").err().unwrap().to_string().contains("between tabs"));
    }

    #[test]
    fn files_without_a_header_have_numbered_columns() {
        let options = || ReadOptions::default().header(false);
        let mut csv = between(b'|', "1|Toy Story|5\n2|x\n3|y|\n", options().id(Some("1")).column("n", "3")).unwrap();
        assert_eq!(csv.next().unwrap().unwrap().row, row! { "id" => "1", "n" => 5 });
        assert_eq!(csv.next().unwrap_err().to_string(), "rows.csv, line 2: expected 3 fields, as in the first line, got 2");
        assert_eq!(csv.next().unwrap().unwrap().row, row! { "id" => "3" });
        assert!(csv.next().unwrap().is_none());
        let events = || options().takes_ids(false);
        let mut csv = between(b'\t', "196\t242\t3\n", events()).unwrap();
        let first = csv.next().unwrap().unwrap();
        assert_eq!((first.id.as_str(), first.row), ("1", row! { "1" => "196", "2" => "242", "3" => "3" }));
        let missing = between(b'\t', "1\t2\n", events().column("user", "3")).err().unwrap().to_string();
        assert_eq!(missing, "rows.csv, line 1: there is no column \"3\"; the columns are 1, 2");
    }

    #[test]
    fn latin_1_is_read_where_it_is_said() {
        let bytes = b"id,title\n1,Am\xE9lie\n".to_vec();
        let read = |options: ReadOptions| {
            let input = Input::over("rows.csv".as_ref(), std::io::Cursor::new(bytes.clone()), bytes.len() as u64).unwrap();
            Csv::over(input, b',', Columns::new(&options)).unwrap().next()
        };
        let row = read(ReadOptions::default().encoding(crate::Encoding::Latin1)).unwrap().unwrap().row;
        assert_eq!(row, row! { "id" => "1", "title" => "Amélie" });
        assert!(matches!(read(ReadOptions::default()).unwrap_err().problem, Problem::NotText { at: 2 }));
    }

    #[test]
    fn carriage_returns_alone_are_named() {
        for text in ["id,price\r1,2\r", "id,price\r\"a\",2\r", "id,t\r1,\"x\ny\"\r"] {
            assert!(matches!(open(text).err().unwrap().problem, Problem::CarriageReturns), "{text:?}");
        }
        assert!(open("id,\"a\rb\"\r\n1,x\r\n").is_ok());
        assert!(matches!(open("").err().unwrap().problem, Problem::Empty));
        assert!(matches!(open("\n\n").err().unwrap().problem, Problem::Empty));
        assert!(open("id,price\n").unwrap().next().unwrap().is_none());
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
        assert!(matches!(csv.next().unwrap_err().problem, Problem::FieldCount { expected: 2, got: 1, .. }));
        assert!(matches!(csv.next().unwrap_err().problem, Problem::NoId { .. }));
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
    }
}
