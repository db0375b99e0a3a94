//! What there is of the rows of a segment, a run or a chunk of a build, by position: ids, row numbers, columns.

use std::sync::Arc;

use crate::error::Error;
use crate::features::Row;
use crate::segment::column::TooLarge;
use crate::segment::{Columns, Ids, Patch, Rows, TooManyRows};

/// Rows that cannot be together in one table.
#[derive(thiserror::Error, Clone, PartialEq, Debug)]
pub(crate) enum TableError {
    #[error(transparent)]
    Rows(#[from] TooManyRows),
    #[error(transparent)]
    Column(#[from] TooLarge),
}

impl From<TableError> for Error {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Rows(error) => error.into(),
            TableError::Column(error) => error.into(),
        }
    }
}

/// Rows by position, and the way from an id to its position. Immutable; another order or a part of several makes another one
/// ([`RowTable::gather`]). Copies share what they have.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct RowTable {
    ids: Arc<Ids>,
    numbers: Arc<Rows>,
    /// Of the fields that are indexed.
    columns: Columns,
}

impl RowTable {
    /// Collects ids and row numbers in the order of their positions; no field is indexed.
    ///
    /// # Errors
    /// [`TooManyRows`].
    pub(crate) fn from_iter<'a>(rows: impl Iterator<Item = (&'a str, u64)>) -> Result<Self, TooManyRows> {
        let mut numbers = Vec::new();
        let ids = Ids::from_iter(rows.map(|(id, number)| {
            numbers.push(number);
            id
        }))?;
        Ok(Self { ids: ids.into(), numbers: Rows::new(&numbers).into(), columns: Columns::default() })
    }

    /// The same rows with these columns, whose values are in the order of the positions.
    pub(crate) fn with_columns(&self, columns: Columns) -> Self {
        debug_assert!(columns.iter().all(|column| column.len() == self.len()));
        Self { columns, ..self.clone() }
    }

    /// The same rows with the values that patches, by row, give their indexed fields; `None` where that changes nothing.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn patched(&self, patches: &[Patch]) -> Result<Option<Self>, TableError> {
        if patches.is_empty() || self.columns.is_empty() {
            return Ok(None);
        }
        let patch = |row: u64| patches.get(patches.binary_search_by_key(&row, |patch| patch.row).ok()?);
        let fields: Vec<(u32, Row)> = (0u32..).zip(self.numbers()).filter_map(|(at, row)| Some((at, patch(row)?.fields()))).collect();
        let fields: Vec<(u32, &Row)> = fields.iter().map(|(at, fields)| (*at, fields)).collect();
        if fields.is_empty() { Ok(None) } else { Ok(Some(self.with_columns(self.columns.patched(&fields)?))) }
    }

    /// Values of the fields that are indexed.
    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The rows at these places: numbers of tables and positions in them, in the order of the new positions. A field is indexed where it is
    /// in all of the tables.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn gather(tables: &[&Self], order: &[(u32, u32)]) -> Result<Self, TableError> {
        let rows = order.iter().map(|&(table, at)| (tables[table as usize], at as usize));
        let table = Self::from_iter(rows.map(|(table, at)| (table.id(at), table.row(at))))?;
        let columns: Vec<&Columns> = tables.iter().map(|table| &table.columns).collect();
        Ok(table.with_columns(Columns::gather(&columns, order)?))
    }

    /// Reads what [`RowTable::ids_bytes`] and [`RowTable::numbers_bytes`] wrote of `rows` rows from the number `base` on.
    ///
    /// # Errors
    /// In words: the bytes are not those of so many rows with distinct ids.
    pub(crate) fn from_bytes(ids: &[u8], numbers: &[u8], base: u64, rows: usize) -> Result<Self, &'static str> {
        let ids = Ids::from_bytes(ids, rows).ok_or("the ids do not decode, or one is there twice")?;
        let numbers = Rows::from_bytes(numbers, base, rows).ok_or("the row numbers do not decode")?;
        Ok(Self { ids: ids.into(), numbers: numbers.into(), columns: Columns::default() })
    }

    /// The ids, to be stored.
    pub(crate) fn ids_bytes(&self) -> Vec<u8> {
        self.ids.to_bytes()
    }

    /// The row numbers as distances from [`RowTable::base`], to be stored.
    pub(crate) fn numbers_bytes(&self) -> Vec<u8> {
        self.numbers.to_bytes()
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// All ids: the same ones are at the same address as long as anybody has them.
    pub(crate) fn ids(&self) -> &Arc<Ids> {
        &self.ids
    }

    /// The id at a position, which must be below [`RowTable::len`].
    pub(crate) fn id(&self, at: usize) -> &str {
        self.ids.get(at)
    }

    /// The row number at a position, which must be below [`RowTable::len`].
    pub(crate) fn row(&self, at: usize) -> u64 {
        self.numbers.get(at)
    }

    /// Row numbers in the order of the positions.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.numbers.iter()
    }

    /// The smallest row number; 0 where there is none.
    pub(crate) fn base(&self) -> u64 {
        self.numbers.base()
    }

    /// The position of an id.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        self.ids.find(id)
    }

    /// Looks the ids up; those whose position `found` takes are taken out.
    pub(crate) fn find_all(&self, ids: &mut Vec<&str>, found: impl FnMut(u32) -> bool) {
        self.ids.find_all(ids, found);
    }

    /// The position of a row, of which the id is known too.
    pub(crate) fn position(&self, id: &str, row: u64) -> Option<usize> {
        self.find(id).filter(|&at| self.row(at) == row)
    }

    /// An id that several rows have: such rows cannot be stored as a segment.
    pub(crate) fn id_twice(&self) -> Option<&str> {
        self.ids.twice().map(|at| self.id(at))
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.ids.memory() + self.numbers.memory() + self.columns.memory()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Rows as a plain list, beside a table of them.
    fn table(rows: &[(String, u64)]) -> RowTable {
        RowTable::from_iter(rows.iter().map(|(id, row)| (id.as_str(), *row))).unwrap()
    }

    fn listed(table: &RowTable) -> Vec<(String, u64)> {
        (0..table.len()).map(|at| (table.id(at).to_owned(), table.row(at))).collect()
    }

    fn rows(count: u64, first: u64) -> Vec<(String, u64)> {
        (first..first + count).map(|row| (format!("é{row}"), row * 3)).collect()
    }

    #[test]
    fn rows_are_found_by_id_and_by_position_also_when_read_back() {
        for count in [0, 1, 63, 64, 65, 1000] {
            let rows = rows(count, 1 << 33);
            let kept = table(&rows);
            let back = RowTable::from_bytes(&kept.ids_bytes(), &kept.numbers_bytes(), kept.base(), rows.len()).unwrap();
            assert_eq!(back, kept);
            assert_eq!((listed(&back), back.id_twice()), (rows.clone(), None));
            for (at, (id, row)) in rows.iter().enumerate() {
                assert_eq!((back.find(id), back.position(id, *row), back.position(id, row + 1)), (Some(at), Some(at), None));
            }
            assert!(back.find("x").is_none() && back.numbers().eq(rows.iter().map(|(_, row)| *row)));
        }
    }

    #[test]
    fn a_gathered_table_has_the_rows_in_the_new_order() {
        let parts = [rows(70, 0), vec![], rows(5, 1 << 40), rows(1, 500)];
        let tables: Vec<RowTable> = parts.iter().map(|part| table(part)).collect();
        let tables: Vec<&RowTable> = tables.iter().collect();
        let everything: Vec<(u32, u32)> =
            parts.iter().enumerate().flat_map(|(part, rows)| (0..rows.len()).rev().map(move |at| (part as u32, at as u32))).collect();
        let some: Vec<(u32, u32)> = everything.iter().rev().step_by(3).copied().collect();
        for order in [vec![], everything, some] {
            let expected: Vec<(String, u64)> = order.iter().map(|&(part, at)| parts[part as usize][at as usize].clone()).collect();
            let gathered = RowTable::gather(&tables, &order).unwrap();
            assert_eq!(listed(&gathered), expected);
            assert_eq!(gathered, table(&expected));
        }
    }

    #[test]
    fn an_id_that_comes_twice_is_named() {
        let twice = table(&[("a".to_owned(), 1), ("b".to_owned(), 2), ("a".to_owned(), 3)]);
        assert_eq!(twice.id_twice(), Some("a"));
        let back = RowTable::from_bytes(&twice.ids_bytes(), &twice.numbers_bytes(), 1, 3);
        assert_eq!(back, Err("the ids do not decode, or one is there twice"));
    }
}
