//! Records and vectors of rows side by side, as they come out of storage.

use std::iter::Peekable;
use std::ops::Range;

use torre_storage::{CollectionId, Result, Rows, SpaceId, Storage};

/// What storage has of one row: one of the two at least. Of a live row both are there; of a dead one either may be gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stored {
    pub(crate) row: u64,
    pub(crate) record: Option<Vec<u8>>,
    pub(crate) vector: Option<Vec<u8>>,
}

/// Iterator over what storage has of rows, ascending. Damage is an item, and the iterator goes on behind it.
pub(crate) struct StoredRows<'s> {
    records: Peekable<Rows<'s>>,
    vectors: Peekable<Rows<'s>>,
}

impl<'s> StoredRows<'s> {
    pub(crate) fn new(storage: &'s Storage, c: CollectionId, space: SpaceId, rows: Range<u64>) -> Self {
        Self { records: storage.records(c, rows.clone()).peekable(), vectors: storage.vectors(c, space, rows).peekable() }
    }
}

impl Iterator for StoredRows<'_> {
    type Item = Result<Stored>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = |next: Option<&Result<(u64, Vec<u8>)>>| match next {
            Some(Ok((row, _))) => Ok(Some(*row)),
            Some(Err(_)) => Err(()),
            None => Ok(None),
        };
        let (record, vector) = match (row(self.records.peek()), row(self.vectors.peek())) {
            (Err(()), _) => return self.records.next().map(|error| error.map(|(row, _)| Stored { row, record: None, vector: None })),
            (_, Err(())) => return self.vectors.next().map(|error| error.map(|(row, _)| Stored { row, record: None, vector: None })),
            (Ok(record), Ok(vector)) => (record, vector),
        };
        let row = record.into_iter().chain(vector).min()?;
        let take = |rows: &mut Peekable<Rows<'_>>, found: Option<u64>| {
            if found == Some(row) { rows.next().transpose().map(|next| next.map(|(_, bytes)| bytes)) } else { Ok(None) }
        };
        Some(take(&mut self.records, record).and_then(|record| Ok(Stored { row, record, vector: take(&mut self.vectors, vector)? })))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use torre_storage::Batch;

    use super::*;

    #[test]
    fn rows_come_with_what_there_is_of_them() {
        let (storage, c, space) = (Storage::in_memory(), CollectionId(1), SpaceId(1));
        let mut batch = Batch::new();
        batch.put_collection(c, b"");
        [1, 2, 5].into_iter().for_each(|row| batch.put_record(c, row, [row as u8]));
        [0, 2, 5, 6].into_iter().for_each(|row| batch.put_vector(c, space, row, [10 + row as u8]));
        batch.put_vector(c, SpaceId(2), 1, b"of another space");
        storage.commit(batch).unwrap();
        let found = |rows| StoredRows::new(&storage, c, space, rows).map(Result::unwrap).collect::<Vec<Stored>>();
        let stored = |row, record: Option<u8>, vector: Option<u8>| {
            let bytes = |byte: Option<u8>| byte.map(|byte| vec![byte]);
            Stored { row, record: bytes(record), vector: bytes(vector) }
        };
        let all = [
            stored(0, None, Some(10)),
            stored(1, Some(1), None),
            stored(2, Some(2), Some(12)),
            stored(5, Some(5), Some(15)),
            stored(6, None, Some(16)),
        ];
        assert_eq!(found(0..u64::MAX), all);
        assert_eq!(found(1..3), all[1..3]);
    }
}
