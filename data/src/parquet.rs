//! Parquet: a column a feature, an `id` column among them. Types say themselves what the values are; nested lists of plain values are lists.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::columns::{Columns, Targets};
use super::error::{ImportError, Place, Problem};
use super::input::{Input, Meter};
use super::parquet_values::{Holds, Unusable, values_of};
use super::rows::{ImportRow, Rows};
use super::taken::{Taken, Why};
use torre::{Row, Value};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1024;

pub(super) struct Parquet {
    path: PathBuf,
    meter: Meter,
    rows: u64,
    reader: ParquetRecordBatchReader,
    columns: Columns,
    /// The columns that are read, in the order of the file.
    read: Vec<Targets>,
    /// The values of the batch at hand, by column, each to be taken row by row from its front.
    values: Vec<std::vec::IntoIter<Value>>,
    next_row: u64,
    /// Rows of the batch at hand that are still to come.
    left: usize,
}

impl Parquet {
    pub(super) fn open(path: &Path, columns: Columns) -> Result<Self, ImportError> {
        let open = || {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            io::Result::Ok((file, length))
        };
        let (mut file, length) = open().map_err(|e| ImportError::new(path, Place::File, e))?;
        let mut start = [0u8; 4];
        let is_plain = io::Read::read_exact(&mut file, &mut start).is_err() || start == *b"PAR1";
        if is_plain { Self::over(path, file, length, columns) } else { Self::spooled(Input::open(path)?, columns) }
    }

    /// Parquet is read from its end: what comes from a pipe or is packed goes to a temporary file before.
    pub(super) fn spooled(mut input: Input, columns: Columns) -> Result<Self, ImportError> {
        let mut spool = || {
            let mut file = tempfile::tempfile()?;
            let length = io::copy(input.reader(), &mut file)?;
            file.seek(SeekFrom::Start(0))?;
            io::Result::Ok((file, length))
        };
        let (file, length) = spool().map_err(|e| input.error(Place::File, e))?;
        Self::over(&input.path, file, length, columns)
    }

    fn over(path: &Path, file: File, length: u64, mut columns: Columns) -> Result<Self, ImportError> {
        let opened = guarded(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| unreadable(&e))?;
            let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
            let read = choose(builder.schema(), &mut columns)?;
            let mask = ProjectionMask::roots(builder.parquet_schema(), read.iter().map(|(at, _)| *at));
            let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(|e| unreadable(&e))?;
            Ok((rows, reader, read.into_iter().map(|(_, targets)| targets).collect()))
        });
        let (rows, reader, read) = opened.map_err(|problem| ImportError::new(path, Place::File, problem))?;
        let (path, meter) = (path.to_owned(), Meter::new(length));
        Ok(Self { path, meter, rows, reader, columns, read, values: Vec::new(), next_row: 0, left: 0 })
    }

    /// Decodes the next batch; false at the end.
    fn fetch(&mut self) -> Result<bool, Problem> {
        let (reader, read, taken) = (&mut self.reader, &self.read, &mut self.columns.taken);
        let Some((rows, values)) = guarded(|| {
            let Some(batch) = reader.next().transpose().map_err(|e| unreadable(&e))? else { return Ok(None) };
            let schema = batch.schema();
            let mut all = Vec::new();
            for ((field, array), targets) in schema.fields().iter().zip(batch.columns()).zip(read) {
                let values = values_of(array).map_err(|kind| match kind {
                    Unusable::Kind(kind) => Problem::ColumnKind { column: field.name().clone(), kind },
                    Unusable::Arrow(e) => unreadable(&e),
                })?;
                let Some((last, others)) = targets.split_last() else { continue };
                for target in others {
                    let fitted: Vec<Value> = values.iter().map(|value| taken.fit(target.kind, value.clone())).collect();
                    all.push(fitted.into_iter());
                }
                let fitted: Vec<Value> = values.into_iter().map(|value| taken.fit(last.kind, value)).collect();
                all.push(fitted.into_iter());
            }
            Ok(Some((batch.num_rows(), all)))
        })?
        else {
            return Ok(false);
        };
        (self.left, self.values) = (rows, values);
        Ok(true)
    }
}

/// The columns to read, by their places, and their fields. A column that no field can hold is left out unless somebody asks for it.
fn choose(schema: &arrow_schema::Schema, columns: &mut Columns) -> Result<Vec<(usize, Targets)>, Problem> {
    let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let mut read = Vec::new();
    for (at, targets) in columns.header(&names)?.into_iter().enumerate() {
        let (name, kind) = (&names[at], schema.field(at).data_type());
        let asked = targets.iter().any(|target| target.asked);
        match Holds::of(kind) {
            _ if targets.is_empty() => {}
            Holds::Values => read.push((at, targets)),
            Holds::Bytes if asked => read.push((at, targets)),
            Holds::Nothing if asked => return Err(Problem::ColumnKind { column: name.clone(), kind: kind.to_string() }),
            Holds::Bytes | Holds::Nothing => columns.taken.ignore(name, Why::Kind(kind.to_string())),
        }
    }
    Ok(read)
}

impl Rows for Parquet {
    fn next(&mut self) -> Result<Option<ImportRow>, ImportError> {
        let place = Place::Row(self.next_row);
        while self.left == 0 {
            if !self.fetch().map_err(|problem| ImportError::new(&self.path, place, problem))? {
                self.meter.set(self.meter.total);
                return Ok(None);
            }
        }
        self.left -= 1;
        self.next_row += 1;
        let share = (self.meter.total as f64 * self.next_row as f64 / self.rows.max(1) as f64) as u64;
        self.meter.set(share.min(self.meter.total));
        let mut row = Row::new();
        for (target, values) in self.read.iter().flat_map(|targets| targets.iter()).zip(&mut self.values) {
            match values.next() {
                None | Some(Value::Null) => {}
                Some(value) => {
                    row.insert(target.field.as_str(), value);
                }
            }
        }
        let id = self.columns.id(&mut row, place).map_err(|problem| ImportError::new(&self.path, place, problem))?;
        Ok(Some(ImportRow { id, row, place, bytes: 0 }))
    }

    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn taken(&self) -> &Taken {
        &self.columns.taken
    }
}

fn unreadable(error: &dyn std::error::Error) -> Problem {
    Problem::Parquet { what: error.to_string() }
}

/// The decoder panics on some damaged files; here that is an error like any other.
fn guarded<T>(work: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Problem::Parquet { what: "the decoder gave up on damaged bytes".to_owned() }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use ::parquet::arrow::ArrowWriter;
    use arrow_array::RecordBatch;
    use arrow_array::types::{Float32Type, Int32Type};
    use arrow_array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, DictionaryArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array,
        Int64Array, ListArray, StringArray, StructArray, TimestampMillisecondArray, UInt64Array,
    };
    use arrow_schema::{DataType, Field, Schema};

    use super::super::kind::{CellKind, ColumnKind};
    use super::super::options::ReadOptions;
    use super::super::rows::RowReader;
    use super::*;
    use torre::row;

    fn write(columns: Vec<(&str, ArrayRef)>) -> tempfile::NamedTempFile {
        let fields: Vec<Field> = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect()).unwrap();
        let file = tempfile::Builder::new().suffix(".parquet").tempfile().unwrap();
        let mut writer = ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        file
    }

    fn options() -> ReadOptions {
        ReadOptions::default().kinds(|field| (field == "n").then_some(ColumnKind::One(CellKind::Int)))
    }

    fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<Vec<ImportRow>, String> {
        rows_by(&options(), columns).map(|(rows, _)| rows)
    }

    fn rows_by(options: &ReadOptions, columns: Vec<(&str, ArrayRef)>) -> Result<(Vec<ImportRow>, Taken), String> {
        let file = write(columns);
        let parquet = Parquet::open(file.path(), Columns::new(options)).map_err(|e| e.to_string())?;
        let mut reader = RowReader::new(Box::new(parquet), false);
        let mut rows = Vec::new();
        while let Some(batch) = reader.next_batch(700).map_err(|e| e.to_string())? {
            rows.extend(batch.rows);
        }
        assert_eq!(reader.meter().done(), reader.meter().total);
        Ok((rows, reader.taken().clone()))
    }

    #[test]
    fn pandas_files_are_read() {
        let (read, taken) = rows_by(
            &options(),
            vec![
                ("id", Arc::new(Float64Array::from(vec![1.0, 2.0]))),
                ("n", Arc::new(Float64Array::from(vec![Some(3.0), None]))),
                ("price", Arc::new(Float64Array::from(vec![f64::NAN, 2.0]))),
                ("__index_level_0__", Arc::new(Int64Array::from(vec![0, 1]))),
            ],
        )
        .unwrap();
        assert_eq!(read[0].row, row! { "id" => 1, "n" => 3 });
        assert_eq!((read[1].id.as_str(), &read[1].row), ("2", &row! { "id" => 2, "price" => 2.0 }));
        assert_eq!((taken.whole, taken.nan, taken.ignored.len()), (3, 1, 1));
        assert!(rows(vec![("id", Arc::new(Float64Array::from(vec![1e17])))]).unwrap_err().contains("2^53"));
        assert!(rows(vec![("id", Arc::new(Float64Array::from(vec![1.5])))]).unwrap_err().contains("fraction"));
    }

    #[test]
    fn bytes_serve_as_text_where_they_are_asked_for() {
        let id: ArrayRef = Arc::new(BinaryArray::from(vec![&b"a"[..], b"b"]));
        let image: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\xFF\xD8"[..], b"ok"]));
        let (read, taken) = rows_by(&options(), vec![("id", id.clone()), ("image", image.clone())]).unwrap();
        assert_eq!((read[0].id.as_str(), read[0].row.len(), taken.ignored.len()), ("a", 1, 1));
        let asked = options().column("image", "image");
        let error = rows_by(&asked, vec![("id", id), ("image", image)]).unwrap_err();
        assert!(error.contains("column \"image\" is of type Binary, with bytes that are no UTF-8"), "{error}");
    }

    #[test]
    fn packed_files_are_read() {
        let file = write(vec![("id", Arc::new(StringArray::from(vec!["a"])))]);
        let packed = zstd::encode_all(&std::fs::read(file.path()).unwrap()[..], 1).unwrap();
        std::fs::write(file.path(), packed).unwrap();
        let mut rows = Parquet::open(file.path(), Columns::new(&options())).unwrap();
        assert_eq!(rows.next().unwrap().unwrap().id.as_str(), "a");
    }

    #[test]
    fn every_kind_of_column() {
        let tags = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(Vec::new())]);
        let pair = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
            [Some(vec![Some(0.5), Some(1.0)]), None, Some(vec![None, None])],
            2,
        );
        let brand: DictionaryArray<Int32Type> = vec![Some("x"), None, Some("x")].into_iter().collect();
        let read = rows(vec![
            ("id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
            ("name", Arc::new(StringArray::from(vec![Some("a"), None, Some("")]))),
            ("price", Arc::new(Float32Array::from(vec![Some(1.5), None, Some(2.0)]))),
            ("sold", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
            ("big", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(1)]))),
            ("brand", Arc::new(brand)),
            ("at", Arc::new(TimestampMillisecondArray::from(vec![Some(1_500), None, Some(-2_000)]))),
            ("day", Arc::new(Date32Array::from(vec![Some(1), None, Some(0)]))),
            ("tags", Arc::new(tags)),
            ("pair", Arc::new(pair)),
        ])
        .unwrap();
        assert_eq!(read.iter().map(|r| r.place).collect::<Vec<_>>(), [Place::Row(0), Place::Row(1), Place::Row(2)]);
        let first = row! { "id" => 1, "name" => "a", "price" => 1.5, "sold" => true, "big" => u64::MAX, "brand" => "x", "at" => 1.5,
        "day" => 86_400, "tags" => [Some(1), None], "pair" => [0.5, 1.0] };
        assert_eq!(read[0].row, first);
        assert_eq!(read[1].row, row! { "id" => 2 });
        assert_eq!((read[2].row.get("at"), read[2].row.get("tags")), (Some(&Value::Int(-2)), Some(&Value::List(Vec::new()))));
        assert_eq!(read[2].id.as_str(), "3");
    }

    #[test]
    fn more_rows_than_a_batch() {
        let ids: Vec<String> = (0..2500).map(|n| format!("item {n}")).collect();
        let read = rows(vec![("id", Arc::new(StringArray::from(ids.clone())))]).unwrap();
        assert_eq!(read.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn columns_that_rows_cannot_hold_are_named() {
        let inner: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let parts = StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int32, true)), inner)]);
        let id: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let (read, taken) = rows_by(&options(), vec![("id", id.clone()), ("parts", Arc::new(parts.clone()))]).unwrap();
        assert!(read.len() == 1 && matches!(&taken.ignored[..], [ignored] if ignored.column == "parts"), "nobody asked for it");
        let asked = options().column("n", "parts");
        let error = rows_by(&asked, vec![("id", id.clone()), ("parts", Arc::new(parts))]).unwrap_err();
        assert!(error.contains("column \"parts\" is of type Struct"), "{error}");
        assert!(rows(vec![("key", id)]).unwrap_err().contains("no column \"id\""));
        assert!(rows(vec![("id", Arc::new(Int32Array::from(vec![Some(1), None])))]).unwrap_err().contains("row 1: the row has no id"));
    }

    #[test]
    fn a_file_cut_short_is_refused_and_a_damaged_one_gives_an_error_or_its_rows() {
        let ids: Vec<i64> = (0..300).collect();
        let file = write(vec![("id", Arc::new(Int64Array::from(ids))), ("t", Arc::new(StringArray::from(vec!["word"; 300])))]);
        let whole = std::fs::read(file.path()).unwrap();
        for at in (0..whole.len()).step_by(7) {
            std::fs::write(file.path(), &whole[..at]).unwrap();
            assert!(Parquet::open(file.path(), Columns::new(&options())).is_err(), "{at} bytes");
            std::fs::write(file.path(), [&whole[..at], &[whole[at] ^ 0x55], &whole[at + 1..]].concat()).unwrap();
            let Ok(reader) = Parquet::open(file.path(), Columns::new(&options())) else { continue };
            let mut reader = RowReader::new(Box::new(reader), false);
            let mut rows = 0;
            let end = loop {
                match reader.next_batch(1000) {
                    Ok(Some(batch)) => rows += batch.rows.len(),
                    end => break end.map(drop),
                }
            };
            assert!(end.is_err() || rows == 300, "byte {at}: {rows} rows");
        }
    }
}
