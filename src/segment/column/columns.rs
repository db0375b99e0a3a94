//! The columns of a table: one a field that is indexed.

use std::sync::Arc;

use super::builder::{ColumnBuilder, TooLarge};
use super::values::Column;
use crate::features::{Field, Row, Value};

/// Columns of the same rows, each of another field, in the order of the fields' names; copies share them.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Columns(Vec<Arc<Column>>);

impl Columns {
    /// The column of a field; `None` when it is not indexed here.
    pub(crate) fn get(&self, field: &str) -> Option<&Arc<Column>> {
        self.0.iter().find(|column| *column.field == *field)
    }

    /// The value of a field at a position; `None` when the field is not indexed here. See [`Column::value`].
    pub(crate) fn value(&self, field: &str, at: usize) -> Option<Value> {
        self.get(field).map(|column| column.value(at))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Column>> {
        self.0.iter()
    }

    /// With one more, in the place of any of its field.
    pub(crate) fn with(&self, column: Arc<Column>) -> Self {
        let mut all = self.without(&column.field);
        all.0.insert(all.0.partition_point(|before| before.field < column.field), column);
        all
    }

    /// Without that of a field.
    pub(crate) fn without(&self, field: &str) -> Self {
        Self(self.0.iter().filter(|column| *column.field != *field).cloned().collect())
    }

    /// The values at these places, as columns: numbers of tables and positions in them. A field has a column where all tables have one.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(crate) fn gather(tables: &[&Self], order: &[(u32, u32)]) -> Result<Self, TooLarge> {
        let Some((first, others)) = tables.split_first() else { return Ok(Self::default()) };
        let mut all = Vec::new();
        for column in first.iter() {
            let same = others.iter().map(|other| other.get(&column.field).map(|found| &**found).filter(|found| found.kind == column.kind));
            if let Some(of_others) = same.collect::<Option<Vec<&Column>>>() {
                all.push(Arc::new(Column::gather(column, &of_others, order)?));
            }
        }
        Ok(Self(all))
    }

    /// With the values that these rows, by ascending positions, have in some fields.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(crate) fn patched(&self, rows: &[(u32, &Row)]) -> Result<Self, TooLarge> {
        let patched = |column: &Arc<Column>| {
            let value = |(at, fields): &(u32, &Row)| fields.contains(&column.field).then_some(*at);
            if rows.iter().all(|row| value(row).is_none()) {
                return Ok(Arc::clone(column));
            }
            let changes: Vec<(u32, Option<&Value>)> = rows.iter().filter_map(|row| Some((value(row)?, row.1.get(&column.field)))).collect();
            column.patched(&changes).map(Arc::new)
        };
        self.0.iter().map(patched).collect::<Result<_, _>>().map(Self)
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.0.iter().map(|column| column.memory()).sum()
    }
}

impl FromIterator<Column> for Columns {
    fn from_iter<I: IntoIterator<Item = Column>>(columns: I) -> Self {
        let mut all: Vec<Arc<Column>> = columns.into_iter().map(Arc::new).collect();
        all.sort_by(|a, b| a.field.cmp(&b.field));
        Self(all)
    }
}

/// Columns of several fields under way.
pub(crate) struct ColumnsBuilder<'f> {
    columns: Vec<(&'f str, ColumnBuilder)>,
}

impl<'f> ColumnsBuilder<'f> {
    /// Room for these fields.
    pub(crate) fn new(fields: impl IntoIterator<Item = &'f Field>) -> Self {
        Self { columns: fields.into_iter().map(|field| (field.name.as_str(), ColumnBuilder::new(field))).collect() }
    }

    /// True when there is no field to make a column of: rows need not be decoded.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Adds the next row.
    pub(crate) fn push(&mut self, row: &Row) {
        for (name, column) in &mut self.columns {
            column.push(row.get(name));
        }
    }

    /// The columns of the rows so far.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(crate) fn finish(self) -> Result<Columns, TooLarge> {
        self.columns.into_iter().map(|(_, column)| column.finish()).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::segment::column::testing::{KINDS, column_of, random_values};

    #[test]
    fn gathered_columns_are_those_made_of_the_values_in_the_new_order() {
        for (seed, kind) in KINDS.iter().enumerate() {
            let parts: Vec<Vec<Value>> = [70, 0, 5, 1, 300]
                .iter()
                .enumerate()
                .map(|(at, &rows)| random_values(kind, rows, at % 2 == 0, (seed * 10 + at) as u64))
                .collect();
            let tables: Vec<Columns> = parts.iter().map(|values| [column_of(kind, values)].into_iter().collect()).collect();
            let tables: Vec<&Columns> = tables.iter().collect();
            let everything: Vec<(u32, u32)> =
                parts.iter().enumerate().flat_map(|(part, rows)| (0..rows.len()).rev().map(move |at| (part as u32, at as u32))).collect();
            let some: Vec<(u32, u32)> = everything.iter().rev().step_by(3).copied().collect();
            for order in [vec![], everything, some] {
                let values: Vec<Value> = order.iter().map(|&(part, at)| parts[part as usize][at as usize].clone()).collect();
                let gathered = Columns::gather(&tables, &order).unwrap();
                // As narrow as if they had never been elsewhere.
                assert_eq!(**gathered.get("f").unwrap(), column_of(kind, &values), "{kind}");
            }
        }
    }

    #[test]
    fn a_field_that_some_table_has_no_column_of_has_none() {
        let fields: Vec<Field> = ["a:int", "b:int"].iter().map(|field| field.parse().unwrap()).collect();
        let table = |fields: &[Field]| {
            let mut builder = ColumnsBuilder::new(fields);
            builder.push(&crate::row! { "b" => 2, "a" => 1 });
            builder.finish().unwrap()
        };
        let (both, one) = (table(&fields), table(&fields[1..]));
        let gathered = Columns::gather(&[&both, &one], &[(1, 0), (0, 0)]).unwrap();
        assert_eq!((gathered.value("a", 0), gathered.value("b", 1)), (None, Some(Value::Int(2))));
        assert!(both.without("a") == one && one.with(Arc::clone(both.get("a").unwrap())).value("a", 0) == Some(Value::Int(1)));
    }
}
