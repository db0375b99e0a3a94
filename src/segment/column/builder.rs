//! Columns are made value by value, from raw rows or from other columns.

use super::bits::Bits;
use super::cells::Cells;
use super::numbers::Numbers;
use super::texts::{CodeMap, Texts};
use super::values::Column;
use crate::error::Error;
use crate::features::{Field, FieldType, Value};

/// More values than one column can hold in one table: bounds of texts and of lists are 32 bits wide.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error("the index of the field {field:?} takes {size} {what}")]
pub(crate) struct TooLarge {
    /// The field.
    pub(crate) field: Box<str>,
    /// How many there are.
    pub(crate) size: u64,
    /// What is counted.
    pub(crate) what: &'static str,
}

impl From<TooLarge> for Error {
    fn from(TooLarge { field, size, what }: TooLarge) -> Self {
        Self::IndexTooLarge { field: field.into(), size, what }
    }
}

/// A column under way.
pub(crate) struct ColumnBuilder {
    field: Box<str>,
    kind: FieldType,
    nulls: Bits,
    lists: Option<Lists>,
    cells: CellsBuilder,
    /// Values that were not of the field's type.
    misfits: u64,
}

/// Bounds of lists.
struct Lists {
    bounds: Vec<u32>,
    cells: u64,
}

enum CellsBuilder {
    Bools(Bits),
    Numbers(Numbers),
    Texts(Texts),
}

impl CellsBuilder {
    fn new(kind: FieldType) -> Self {
        match kind.element().unwrap_or(kind) {
            FieldType::Bool => Self::Bools(Bits::default()),
            FieldType::Float => Self::Numbers(Numbers::float()),
            FieldType::Int | FieldType::Time => Self::Numbers(Numbers::whole()),
            _ => Self::Texts(Texts::default()),
        }
    }

    /// What stands where there is no value.
    fn push_nothing(&mut self) {
        match self {
            Self::Bools(bits) => bits.push(false),
            Self::Numbers(numbers) => numbers.push_zero(),
            Self::Texts(texts) => texts.push_nothing(),
        }
    }

    /// Adds a value; false when it is not of the type, and nothing was added.
    fn push(&mut self, kind: FieldType, value: &Value) -> bool {
        match (self, kind, value) {
            (Self::Bools(bits), _, Value::Bool(flag)) => bits.push(*flag),
            (Self::Numbers(numbers), FieldType::Int, Value::Int(number)) => numbers.push_whole(i128::from(*number)),
            (Self::Numbers(numbers), FieldType::Int, Value::Uint(number)) => numbers.push_whole(i128::from(*number)),
            (Self::Numbers(numbers), FieldType::Float, value) => match value.as_f64() {
                Some(number) if number.is_finite() => numbers.push_float(number),
                _ => return false,
            },
            (Self::Numbers(numbers), FieldType::Time, value) => match value.to_unix_seconds() {
                Some(seconds) => numbers.push_time(seconds),
                None => return false,
            },
            (Self::Texts(texts), _, Value::Text(text)) => texts.push(text),
            // An integer is its decimal text, as in a category or an id.
            (Self::Texts(texts), _, value) => match value.to_id_text() {
                Some(text) => texts.push(&text),
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

impl ColumnBuilder {
    /// Room for a field.
    pub(crate) fn new(field: &Field) -> Self {
        Self::of(&field.name, field.kind)
    }

    /// As [`ColumnBuilder::new`], of a field's name and type.
    pub(super) fn of(field: &str, kind: FieldType) -> Self {
        let lists = kind.element().map(|_| Lists { bounds: vec![0], cells: 0 });
        Self { field: field.into(), kind, nulls: Bits::default(), lists, cells: CellsBuilder::new(kind), misfits: 0 }
    }

    /// Adds the next row's value. One of another type than the field's counts as none, as it does to a filter.
    pub(crate) fn push(&mut self, value: Option<&Value>) {
        let value = value.filter(|value| !value.is_null());
        match (&mut self.lists, self.kind.element(), value) {
            (Some(lists), Some(element), Some(Value::List(values))) => {
                for value in values {
                    if self.cells.push(element, value) { lists.cells += 1 } else { self.misfits += 1 }
                }
                lists.end();
                self.nulls.push(false);
            }
            (None, _, Some(value)) if self.cells.push(self.kind, value) => self.nulls.push(false),
            _ => {
                self.misfits += u64::from(value.is_some());
                self.push_null();
            }
        }
    }

    fn push_null(&mut self) {
        match &mut self.lists {
            Some(lists) => lists.end(),
            None => self.cells.push_nothing(),
        }
        self.nulls.push(true);
    }

    /// Adds the value of another column of the field. `map` is that column's own, and empty at first.
    fn push_from(&mut self, other: &Column, at: usize, map: &mut CodeMap) {
        if other.is_null(at) {
            return self.push_null();
        }
        match (&mut self.lists, &other.lists) {
            (Some(lists), Some(bounds)) => {
                let cells = bounds[at]..bounds[at + 1];
                lists.cells += cells.len() as u64;
                cells.for_each(|cell| self.cells.push_from(self.kind, &other.cells, cell as usize, map));
                lists.end();
            }
            _ => self.cells.push_from(self.kind, &other.cells, at, map),
        }
        self.nulls.push(false);
    }

    /// Values so far that were not of the field's type.
    pub(crate) fn misfits(&self) -> u64 {
        self.misfits
    }

    /// The column of the rows so far.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(crate) fn finish(self) -> Result<Column, TooLarge> {
        self.unordered().map(Column::ordered)
    }

    /// The column without the rows' order.
    ///
    /// # Errors
    /// [`TooLarge`].
    fn unordered(self) -> Result<Column, TooLarge> {
        let Self { field, kind, mut nulls, lists, cells, misfits: _ } = self;
        let lists = match lists {
            Some(lists) if lists.cells > u64::from(u32::MAX) => {
                return Err(TooLarge { field, size: lists.cells, what: "elements of lists" });
            }
            Some(mut lists) => {
                lists.bounds.shrink_to_fit();
                Some(lists.bounds)
            }
            None => None,
        };
        let cells = match cells {
            CellsBuilder::Bools(mut bits) => {
                bits.shrink();
                Cells::Bools(bits)
            }
            CellsBuilder::Numbers(mut numbers) => {
                numbers.shrink();
                Cells::Numbers(numbers)
            }
            CellsBuilder::Texts(texts) => match texts.finish() {
                Ok(cells) => cells,
                Err(size) => return Err(TooLarge { field, size, what: "bytes of distinct texts" }),
            },
        };
        nulls.shrink();
        Ok(Column { field, kind, nulls: nulls.any().then_some(nulls), lists, cells, order: None })
    }
}

impl Column {
    /// The values at these places, as one column: numbers of columns of one field (0 is the first, then the others) and positions in them, in the order of the new positions.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(crate) fn gather(first: &Self, others: &[&Self], order: &[(u32, u32)]) -> Result<Self, TooLarge> {
        Self::gather_unordered(first, others, order).map(Self::ordered)
    }

    /// As [`Column::gather`], without the rows' order.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(super) fn gather_unordered(first: &Self, others: &[&Self], order: &[(u32, u32)]) -> Result<Self, TooLarge> {
        let columns: Vec<&Self> = std::iter::once(first).chain(others.iter().copied()).collect();
        let mut maps: Vec<CodeMap> = vec![CodeMap::new(); columns.len()];
        let mut builder = ColumnBuilder::of(&first.field, first.kind);
        for &(column, at) in order {
            builder.push_from(columns[column as usize], at as usize, &mut maps[column as usize]);
        }
        builder.unordered()
    }
}

impl Lists {
    /// Ends the list of a row. Bounds that do not fit are found out at the end, where the column is refused.
    fn end(&mut self) {
        self.bounds.push(u32::try_from(self.cells).unwrap_or(u32::MAX));
    }
}

impl CellsBuilder {
    fn push_from(&mut self, kind: FieldType, other: &Cells, at: usize, map: &mut CodeMap) {
        match (self, other) {
            (Self::Bools(bits), Cells::Bools(other)) => bits.push(other.get(at)),
            (Self::Numbers(numbers), Cells::Numbers(other)) => match kind.element().unwrap_or(kind) {
                FieldType::Int => numbers.push_whole(other.whole_at(at)),
                FieldType::Float => numbers.push_float(other.float_at(at)),
                _ => numbers.push_time(other.float_at(at)),
            },
            (Self::Texts(texts), Cells::Texts { codes, dictionary }) => {
                let code = codes.get(at);
                texts.push_mapped(code, dictionary, map);
            }
            // Columns are of one field and type, and so are their cells.
            (cells, _) => cells.push_nothing(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn column(field: &str, values: &[Value]) -> Column {
        let mut builder = ColumnBuilder::new(&field.parse().unwrap());
        values.iter().for_each(|value| builder.push(Some(value)));
        assert_eq!(builder.misfits(), 0);
        builder.finish().unwrap()
    }

    fn values(column: &Column) -> Vec<Value> {
        (0..column.len()).map(|at| column.value(at)).collect()
    }

    #[test]
    fn values_come_out_as_the_field_has_them() {
        let list = |values: &[&str]| Value::from(values.to_vec());
        let time = Value::from("1970-01-01T00:01:00Z");
        for (field, pushed, expected) in [
            ("f:int", vec![Value::Null, Value::Int(-5), Value::Uint(u64::MAX)], vec![Value::Null, Value::Int(-5), Value::Uint(u64::MAX)]),
            ("f:float", vec![Value::Int(2), Value::Float(0.1)], vec![Value::Float(2.0), Value::Float(0.1)]),
            ("f:bool", vec![Value::Bool(true), Value::Null], vec![Value::Bool(true), Value::Null]),
            ("f:time", vec![time, Value::Float(0.5)], vec![Value::Float(60.0), Value::Float(0.5)]),
            ("f:text", vec!["b".into(), Value::Null, "a".into(), Value::Int(7)], vec!["b".into(), Value::Null, "a".into(), "7".into()]),
            ("f:text", vec![Value::Null], vec![Value::Null]),
            ("f:list<text>", vec![list(&["b", "a", "b"]), list(&[]), Value::Null], vec![list(&["b", "a", "b"]), list(&[]), Value::Null]),
            ("f:list<int>", vec![Value::from(vec![1i64, 1 << 40])], vec![Value::from(vec![1i64, 1 << 40])]),
        ] {
            assert_eq!(values(&column(field, &pushed)), expected, "{field}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_none_and_counted() {
        for (field, bad) in
            [("f:int", Value::Float(1.5)), ("f:text", Value::Bool(true)), ("f:time", "noon".into()), ("f:list<text>", "a".into())]
        {
            let mut builder = ColumnBuilder::new(&field.parse().unwrap());
            builder.push(Some(&bad));
            builder.push(None);
            assert_eq!(builder.misfits(), 1, "{field}");
            assert_eq!(values(&builder.finish().unwrap()), [Value::Null, Value::Null]);
        }
    }
}
