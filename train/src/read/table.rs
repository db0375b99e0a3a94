//! Files of rows of items or users.

use std::collections::HashMap;
use std::path::Path;

use torre::{Progress, Stage};
use torre_data::Source;
use torre_features::Row;

use super::log::ReadReport;
use super::options::FileOptions;
use crate::error::TrainError;

/// Rows read at a time.
const BATCH: usize = 4096;

/// Rows by id, as they stand in the file: the cells of a CSV file are text. They are kept in memory.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// Ids, in the order of the file. One may come several times.
    pub ids: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// What was read.
    pub report: ReadReport,
}

impl Table {
    /// Where each id stands last: what a file says later replaces what it said before.
    #[must_use]
    pub fn last(&self) -> HashMap<&str, usize> {
        self.ids.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect()
    }
}

/// Reads the rows of a file. The column of the ids is `id`, or the one that the options name, or the only one that is called like an id.
///
/// # Errors
/// [`TrainError::Read`] for a file that cannot be read, [`TrainError::Data`] where it has no rows, [`TrainError::Interrupted`].
pub fn read_table(path: &Path, options: &FileOptions, progress: &dyn Progress) -> Result<Table, TrainError> {
    let id = options.column("id").or(if options.header { None } else { Some("1") });
    let mut reading = options.reading().takes_ids(true).id(id);
    for (field, column) in options.columns.iter().filter(|(field, _)| field != "id") {
        reading = reading.column(field, column);
    }
    let Source::Rows(mut reader) = Source::open(path, &reading)? else {
        return Err(TrainError::Data(format!("{}: a file of vectors has no rows of features", path.display())));
    };
    let (meter, mut table) = (reader.meter().clone(), Table::default());
    while let Some(batch) = reader.next_batch(BATCH)? {
        batch.bad.iter().for_each(|error| table.report.reject(|| error.to_string()));
        for row in batch.rows {
            table.ids.push(row.id.as_str().to_owned());
            table.rows.push(row.row);
            table.report.rows += 1;
        }
        progress.update(Stage::Import, meter.done(), Some(meter.total).filter(|total| *total > 0));
        if progress.cancelled() {
            return Err(TrainError::Interrupted { step: 0 });
        }
    }
    if table.rows.is_empty() {
        let first = table.report.first_broken.as_ref().map_or_else(String::new, |first| format!(": {first}"));
        return Err(TrainError::Data(format!("{}: no rows{first}", path.display())));
    }
    let twice = table.ids.len() - table.last().len();
    if twice > 0 {
        table.report.notes.push(format!("{twice} rows have an id that comes again later"));
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use torre::NoProgress;
    use torre_data::Encoding;
    use torre_features::row;

    fn read(name: &str, bytes: &[u8], options: &FileOptions) -> Result<Table, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_table(&path, options, &NoProgress).map_err(|error| error.to_string())
    }

    #[test]
    fn the_raw_file_of_movielens_is_read_as_it_is() {
        let columns = [("id", "1"), ("title", "2"), ("released", "3")].map(|(f, c)| (f.to_owned(), c.to_owned())).to_vec();
        let options = FileOptions { header: false, encoding: Encoding::Latin1, columns, ..FileOptions::default() };
        let table = read("u.item", b"1|Am\xE9lie (2001)|01-Jan-2001||0\n2|B, a film||x|1\n", &options).unwrap();
        assert_eq!(table.ids, ["1", "2"]);
        assert_eq!(
            table.rows,
            [row! { "id" => "1", "title" => "Amélie (2001)", "released" => "01-Jan-2001" }, row! { "id" => "2", "title" => "B, a film" }]
        );
    }

    #[test]
    fn the_first_column_is_the_id_where_nothing_is_said_and_there_is_no_header() {
        let table = read("u.user", b"1|24|M\n2|53|F\n2|54|F\n", &FileOptions { header: false, ..FileOptions::default() }).unwrap();
        assert_eq!(table.rows[0], row! { "id" => "1", "2" => "24", "3" => "M" });
        assert_eq!(table.last()["2"], 2);
        assert!(table.report.notes[0].starts_with("1 rows have an id"));
        assert!(read("i.csv", b"id,a\n", &FileOptions::default()).unwrap_err().contains("no rows"));
    }
}
