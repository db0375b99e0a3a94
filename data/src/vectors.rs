//! Vectors with their ids, chunk by chunk.

use super::error::{ImportError, Place, Problem};
use super::format::Format;
use super::input::{Input, Lines, Meter};
use super::table::Table;
use torre::ItemId;
use torre::Matrix;

/// Vectors of one file, and an id for each: its row number, or its line in a file of ids.
pub struct VectorReader {
    table: Table,
    ids: Option<Lines>,
    buffer: Vec<u8>,
    done: bool,
}

/// Consecutive vectors.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorChunk {
    /// Row of the first vector in the file, from 0.
    pub first_row: u64,
    /// Their ids.
    pub ids: Vec<ItemId>,
    /// As many rows as ids.
    pub vectors: Matrix,
}

impl VectorReader {
    pub(super) fn over(format: Format, input: Input, ids: Option<Input>) -> Result<Self, ImportError> {
        Ok(Self { table: Table::of(Some(format), input)?, ids: ids.map(Lines::new), buffer: Vec::new(), done: false })
    }

    /// Values a vector; 0 for an empty `.fvecs` file, which does not say.
    pub fn dim(&self) -> usize {
        self.table.width()
    }

    /// Vectors in all, where the file says so before it is read.
    #[cfg(test)]
    pub(crate) fn rows(&self) -> Option<u64> {
        self.table.rows()
    }

    /// How far the file has been read.
    pub fn meter(&self) -> &Meter {
        self.table.meter()
    }

    /// The next vectors, at most `most`; `None` at the end. Values are as they stand in the file: finite or not is for the collection to say.
    pub fn next_chunk(&mut self, most: usize) -> Result<Option<VectorChunk>, ImportError> {
        if self.done {
            return Ok(None);
        }
        let dim = self.table.width();
        let Some(block) = self.table.next_block(most)? else {
            self.done = true;
            self.no_more_ids()?;
            return Ok(None);
        };
        let (first_row, rows) = (block.first_row, block.rows);
        let mut values = Vec::with_capacity(rows * dim);
        block.element.append_f32(block.values, &mut values);
        let vectors = Matrix::from_vec(dim, values).unwrap_or_default();
        let ids = (first_row..).take(rows).map(|row| self.id(row)).collect::<Result<_, _>>()?;
        Ok(Some(VectorChunk { first_row, ids, vectors }))
    }

    fn id(&mut self, row: u64) -> Result<ItemId, ImportError> {
        let Some(lines) = &mut self.ids else { return Ok(ItemId::from(row)) };
        if !lines.next_into(&mut self.buffer)? {
            return Err(lines.input.error(Place::File, Problem::FewerIds { ids: lines.number() }));
        }
        let text = lines.text(lines.number(), &self.buffer)?;
        ItemId::new(text).map_err(|e| lines.input.error(Place::Line(lines.number()), e))
    }

    fn no_more_ids(&mut self) -> Result<(), ImportError> {
        let Some(lines) = &mut self.ids else { return Ok(()) };
        let vectors = lines.number();
        while lines.next_into(&mut self.buffer)? {
            if !self.buffer.is_empty() {
                return Err(lines.input.error(Place::Line(lines.number()), Problem::MoreIds { vectors }));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{ReadOptions, Source};
    use super::*;

    fn read(ids: Option<&str>) -> Result<Vec<VectorChunk>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.bvecs");
        std::fs::write(&path, [[2u8, 0, 0, 0, 1, 2], [2, 0, 0, 0, 3, 4], [2, 0, 0, 0, 5, 6]].concat()).unwrap();
        let ids_path = folder.path().join("ids.txt");
        let ids = ids.map(|text| {
            std::fs::write(&ids_path, text).unwrap();
            ids_path.as_path()
        });
        let source = Source::open(&path, &ReadOptions::default().ids(ids));
        let Ok(Source::Vectors(mut reader)) = source else { return Err("no vectors".to_owned()) };
        assert_eq!((reader.dim(), reader.rows()), (2, Some(3)));
        let mut chunks = Vec::new();
        while let Some(chunk) = reader.next_chunk(2).map_err(|e| e.to_string())? {
            chunks.push(chunk);
        }
        assert_eq!(reader.next_chunk(2).map_err(|e| e.to_string())?, None);
        assert_eq!(reader.meter().done(), reader.meter().total);
        Ok(chunks)
    }

    fn ids(chunks: &[VectorChunk]) -> Vec<&str> {
        chunks.iter().flat_map(|c| &c.ids).map(ItemId::as_str).collect()
    }

    #[test]
    fn chunks_number_their_rows() {
        let chunks = read(None).unwrap();
        assert_eq!(ids(&chunks), ["0", "1", "2"]);
        assert_eq!(chunks.iter().map(|c| c.first_row).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(chunks[0].vectors.as_slice(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(chunks[1].vectors.as_slice(), [5.0, 6.0]);
    }

    #[test]
    fn ids_come_from_a_file_with_a_line_each() {
        assert_eq!(ids(&read(Some("a\nb c\r\n7\n\n")).unwrap()), ["a", "b c", "7"]);
        assert!(read(Some("a\nb\n")).unwrap_err().contains("fewer ids than vectors: 2"));
        assert!(read(Some("a\nb\nc\nd\n")).unwrap_err().contains("line 4: there are more ids than vectors; the file of vectors has 3"));
        assert!(read(Some("a\n\nc\n")).unwrap_err().contains("line 2: invalid item id: 0 bytes"));
    }
}
