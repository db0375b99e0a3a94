//! Parquet: a column a feature, an `id` column among them. Types say themselves what the values are; nested lists of plain values are lists.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, UInt64Type};
use arrow::error::ArrowError;

use super::error::{ImportError, Place, Problem};
use super::input::Meter;
use super::rows::{ImportRow, Rows, id_of};
use crate::features::{Row, Value};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1024;

pub(super) struct Parquet {
    path: PathBuf,
    meter: Meter,
    rows: u64,
    reader: ParquetRecordBatchReader,
    /// The values of the batch at hand, by column, each to be taken row by row from its front.
    columns: Vec<(String, std::vec::IntoIter<Value>)>,
    next_row: u64,
    /// Rows of the batch at hand that are still to come.
    left: usize,
}

impl Parquet {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let whole = |problem: Problem| ImportError::new(path, Place::File, problem);
        let file = File::open(path).map_err(|e| whole(e.into()))?;
        let length = file.metadata().map_err(|e| whole(e.into()))?.len();
        let opened = guarded(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| unreadable(&e))?;
            let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
            Ok((rows, builder.with_batch_size(BATCH_ROWS).build().map_err(|e| unreadable(&e))?))
        });
        let (rows, reader) = opened.map_err(whole)?;
        let schema = arrow::record_batch::RecordBatchReader::schema(&reader);
        let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        if let Some(twice) = names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
            return Err(whole(Problem::ColumnTwice { name: twice.clone() }));
        }
        if !names.iter().any(|name| name == "id") {
            return Err(whole(Problem::NoIdColumn { columns: names }));
        }
        Ok(Self { path: path.to_owned(), meter: Meter::new(length), rows, reader, columns: Vec::new(), next_row: 0, left: 0 })
    }

    /// Decodes the next batch; false at the end.
    fn fetch(&mut self) -> Result<bool, Problem> {
        let reader = &mut self.reader;
        let Some(columns) = guarded(|| {
            let Some(batch) = reader.next().transpose().map_err(|e| unreadable(&e))? else { return Ok(None) };
            let schema = batch.schema();
            let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
                let values = values_of(array).map_err(|kind| match kind {
                    Unusable::Kind(kind) => Problem::ColumnKind { column: field.name().clone(), kind },
                    Unusable::Arrow(e) => unreadable(&e),
                })?;
                Ok((field.name().clone(), values.into_iter()))
            });
            let columns = columns.collect::<Result<Vec<_>, Problem>>()?;
            Ok(Some((batch.num_rows(), columns)))
        })?
        else {
            return Ok(false);
        };
        (self.left, self.columns) = columns;
        Ok(true)
    }
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
        for (name, values) in &mut self.columns {
            match values.next() {
                None | Some(Value::Null) => {}
                Some(value) => {
                    row.insert(name.as_str(), value);
                }
            }
        }
        let id = id_of(&row).map_err(|problem| ImportError::new(&self.path, place, problem))?;
        Ok(Some(ImportRow { id, row, place, bytes: 0 }))
    }

    fn meter(&self) -> &Meter {
        &self.meter
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

/// Why a column gives no values.
enum Unusable {
    Kind(String),
    Arrow(ArrowError),
}

impl From<ArrowError> for Unusable {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

/// The column's values, nulls as [`Value::Null`]. Dates and times become unix seconds.
fn values_of(array: &ArrayRef) -> Result<Vec<Value>, Unusable> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let as_type = |to: &DataType| cast_with_options(array, to, &strict);
    Ok(match array.data_type() {
        DataType::Null => vec![Value::Null; array.len()],
        DataType::Boolean => array.as_boolean().iter().map(Value::from).collect(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().iter().map(Value::from).collect(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => {
            as_type(&DataType::Int64)?.as_primitive::<Int64Type>().iter().map(Value::from).collect()
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            as_type(&DataType::Float64)?.as_primitive::<Float64Type>().iter().map(Value::from).collect()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            as_type(&DataType::LargeUtf8)?.as_string::<i64>().iter().map(Value::from).collect()
        }
        DataType::Dictionary(_, value) => values_of(&as_type(value)?)?,
        DataType::Date32 => {
            seconds(&as_type(&DataType::Int32).and_then(|days| cast_with_options(&days, &DataType::Int64, &strict))?, Unit::Days)
        }
        DataType::Date64 => seconds(&as_type(&DataType::Int64)?, Unit::Parts(1_000)),
        DataType::Timestamp(unit, _) => {
            let parts = match unit {
                TimeUnit::Second => 1,
                TimeUnit::Millisecond => 1_000,
                TimeUnit::Microsecond => 1_000_000,
                TimeUnit::Nanosecond => 1_000_000_000,
            };
            seconds(&as_type(&DataType::Int64)?, Unit::Parts(parts))
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            slices(lists.values(), array, |row| (lists.value_offsets()[row] as usize, lists.value_offsets()[row + 1] as usize))?
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            slices(lists.values(), array, |row| (lists.value_offsets()[row] as usize, lists.value_offsets()[row + 1] as usize))?
        }
        DataType::FixedSizeList(..) => {
            let lists = array.as_fixed_size_list();
            let width = lists.value_length() as usize;
            slices(lists.values(), array, |row| (row * width, (row + 1) * width))?
        }
        other => return Err(Unusable::Kind(other.to_string())),
    })
}

/// The rows' pieces of a list column's inner values.
fn slices(inner: &ArrayRef, rows: &ArrayRef, range: impl Fn(usize) -> (usize, usize)) -> Result<Vec<Value>, Unusable> {
    if matches!(inner.data_type(), DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)) {
        return Err(Unusable::Kind("list of lists".to_owned()));
    }
    let values = values_of(inner)?;
    let slice = |row: usize| {
        let (start, end) = range(row);
        values.get(start..end).map(|piece| Value::List(piece.to_vec()))
    };
    Ok((0..rows.len()).map(|row| if rows.is_null(row) { Value::Null } else { slice(row).unwrap_or_default() }).collect())
}

/// What a stored integer counts.
#[derive(Clone, Copy)]
enum Unit {
    Days,
    /// So many to a second.
    Parts(i64),
}

/// Unix seconds: an integer where they are whole.
fn seconds(counts: &ArrayRef, unit: Unit) -> Vec<Value> {
    let second = |count: i64| match unit {
        Unit::Days => Value::from(count.saturating_mul(86_400)),
        Unit::Parts(parts) if count % parts == 0 => Value::from(count / parts),
        Unit::Parts(parts) => Value::from(count as f64 / parts as f64),
    };
    counts.as_primitive::<Int64Type>().iter().map(|count| count.map_or(Value::Null, second)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use ::parquet::arrow::ArrowWriter;
    use arrow::array::{
        BooleanArray, Date32Array, DictionaryArray, FixedSizeListArray, Float32Array, Int32Array, Int64Array, ListArray, StringArray,
        StructArray, TimestampMillisecondArray, UInt64Array,
    };
    use arrow::datatypes::{Field, Float32Type, Int32Type, Schema};
    use arrow::record_batch::RecordBatch;

    use super::super::rows::RowReader;
    use super::*;
    use crate::row;

    fn write(columns: Vec<(&str, ArrayRef)>) -> tempfile::NamedTempFile {
        let fields: Vec<Field> = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect()).unwrap();
        let file = tempfile::Builder::new().suffix(".parquet").tempfile().unwrap();
        let mut writer = ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        file
    }

    fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<Vec<ImportRow>, String> {
        let file = write(columns);
        let mut reader = RowReader::new(Box::new(Parquet::open(file.path()).map_err(|e| e.to_string())?), false);
        let mut rows = Vec::new();
        while let Some(batch) = reader.next_batch(700).map_err(|e| e.to_string())? {
            rows.extend(batch.rows);
        }
        assert_eq!(reader.meter().done(), reader.meter().total);
        Ok(rows)
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
        assert!(rows(vec![("id", id.clone()), ("parts", Arc::new(parts))]).unwrap_err().contains("column \"parts\" is of type Struct"));
        assert!(rows(vec![("key", id)]).unwrap_err().contains("no column \"id\""));
        assert!(rows(vec![("id", Arc::new(Int32Array::from(vec![Some(1), None])))]).unwrap_err().contains("row 1: the row has no id"));
    }

    #[test]
    fn damaged_files_are_errors_or_intact() {
        let ids: Vec<i64> = (0..300).collect();
        let file = write(vec![("id", Arc::new(Int64Array::from(ids))), ("t", Arc::new(StringArray::from(vec!["word"; 300])))]);
        let whole = std::fs::read(file.path()).unwrap();
        for at in (0..whole.len()).step_by(7) {
            for damaged in [whole[..at].to_vec(), [&whole[..at], &[whole[at] ^ 0x55], &whole[at + 1..]].concat()] {
                std::fs::write(file.path(), damaged).unwrap();
                let Ok(reader) = Parquet::open(file.path()) else { continue };
                let mut reader = RowReader::new(Box::new(reader), false);
                let mut rows = 0;
                while let Ok(Some(batch)) = reader.next_batch(1000) {
                    rows += batch.rows.len();
                }
                assert!(rows <= 300);
            }
        }
    }
}
