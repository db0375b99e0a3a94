//! Tables written as parquet: for programs that read a whole column at a time.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray};

/// The cells of a column, top to bottom.
#[derive(Clone, PartialEq, Debug)]
pub enum TableColumn {
    /// Texts.
    Texts(Vec<String>),
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Numbers; NaN is written as a null.
    Floats(Vec<f32>),
}

/// Writes named columns of one length: the file is whole, or what was there before.
///
/// # Errors
/// What the system says of the file; `InvalidInput` for columns of different lengths or one name.
pub fn write_table(path: &Path, columns: Vec<(String, TableColumn)>) -> io::Result<()> {
    if let Some((_, (twice, _))) = columns.iter().enumerate().find(|(at, (name, _))| columns[..*at].iter().any(|(known, _)| known == name))
    {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("two columns are called {twice:?}")));
    }
    let arrays = columns.into_iter().map(|(name, column)| (name, array(column), true));
    let batch = RecordBatch::try_from_iter_with_nullable(arrays).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let mut writer = ArrowWriter::try_new(File::create(&beside)?, batch.schema(), None).map_err(io::Error::other)?;
    writer.write(&batch).map_err(io::Error::other)?;
    writer.close().map_err(io::Error::other)?;
    std::fs::rename(&beside, path)
}

fn array(column: TableColumn) -> ArrayRef {
    match column {
        TableColumn::Texts(texts) => Arc::new(StringArray::from_iter_values(texts)),
        TableColumn::Integers(numbers) => Arc::new(Int64Array::from(numbers)),
        TableColumn::Floats(numbers) => Arc::new(Float32Array::from_iter(numbers.into_iter().map(|x| (!x.is_nan()).then_some(x)))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{ReadOptions, Source};
    use torre::row;

    #[test]
    fn what_is_written_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("table.parquet");
        let columns = |ids: &[&str]| {
            vec![
                ("id".to_owned(), TableColumn::Texts(ids.iter().map(|id| (*id).to_owned()).collect())),
                ("label".to_owned(), TableColumn::Integers(vec![1, 0])),
                ("of the user, \"x\"".to_owned(), TableColumn::Floats(vec![f32::NAN, 0.1])),
            ]
        };
        write_table(&path, columns(&["a", "b"])).unwrap();
        let Source::Rows(mut reader) = Source::open(&path, &ReadOptions::default()).unwrap() else { panic!() };
        let rows = reader.next_batch(10).unwrap().unwrap().rows;
        assert_eq!(rows[1].row, row! { "id" => "b", "label" => 0, "of the user, \"x\"" => f64::from(0.1f32) });
        assert!(rows[0].row.get("of the user, \"x\"").is_none_or(torre::Value::is_null));
        assert_eq!(write_table(&path, columns(&["a"])).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let twice = [columns(&["a", "b"]), columns(&["a", "b"])].concat();
        assert!(write_table(&path, twice).unwrap_err().to_string().contains("\"id\""));
        assert!(write_table(&directory.path().join("no/table"), columns(&["a", "b"])).is_err());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
