//! The values of a parquet column.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, TimeUnit};

use torre::Value;

/// Whether a field can hold the values of a column of this type, and whether they are bytes that have to be text for that.
pub(super) enum Holds {
    Values,
    Bytes,
    Nothing,
}

impl Holds {
    pub(super) fn of(kind: &DataType) -> Self {
        match kind {
            DataType::Null | DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Values,
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Self::Values,
            DataType::Decimal128(..) | DataType::Decimal256(..) => Self::Values,
            kind if kind.is_integer() || kind.is_floating() => Self::Values,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Self::Bytes,
            DataType::Dictionary(_, value) => Self::of(value),
            DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => {
                if inner.data_type().is_nested() {
                    Self::Nothing
                } else {
                    Self::of(inner.data_type())
                }
            }
            _ => Self::Nothing,
        }
    }
}

/// Why a column gives no values.
pub(super) enum Unusable {
    Kind(String),
    Arrow(ArrowError),
}

impl From<ArrowError> for Unusable {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

/// The column's values, nulls as [`Value::Null`]. Dates and times become unix seconds.
pub(super) fn values_of(array: &ArrayRef) -> Result<Vec<Value>, Unusable> {
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
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => values_of(&text_of(array)?)?,
        DataType::FixedSizeBinary(_) => values_of(&text_of(&as_type(&DataType::Binary)?)?)?,
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

/// Bytes as the text that they are.
fn text_of(array: &ArrayRef) -> Result<ArrayRef, Unusable> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let kind = || Unusable::Kind(format!("{}, with bytes that are no UTF-8 text", array.data_type()));
    cast_with_options(array, &DataType::LargeUtf8, &strict).map_err(|_| kind())
}
