//! What the fuzz targets reach of the inside. No API: it changes without notice.

use std::io::Cursor;
use std::path::Path;

use crate::{CellKind, ColumnKind, ImportError, ImportRow, Input, Place, ReadOptions, Source};

/// What came of a file: rows or vectors as text with their places, bad rows that were passed over, and what ended the reading too early.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Rows or vectors.
    pub rows: Vec<String>,
    /// Errors of single rows.
    pub bad: Vec<String>,
    /// The error behind which nothing can be read.
    pub fatal: Option<String>,
}

/// Reads a file as `import` does, in batches.
pub fn import(name: &str, bytes: &[u8], ids: Option<&[u8]>, batch: usize, skip_bad: bool) -> Imported {
    let mut imported = Imported::default();
    imported.fatal = read(name, bytes, ids, batch, skip_bad, &mut imported).err().map(|error| error.to_string());
    imported
}

fn read(
    name: &str,
    bytes: &[u8],
    ids: Option<&[u8]>,
    batch: usize,
    skip_bad: bool,
    out: &mut Imported,
) -> std::result::Result<(), ImportError> {
    let input = |name: &str, bytes: &[u8]| {
        let (path, bytes) = (Path::new(name), bytes.to_vec());
        let length = bytes.len() as u64;
        Input::over(path, Cursor::new(bytes), length).map_err(|error| ImportError::new(path, Place::File, error))
    };
    let kinds = |column: &str| match column.as_bytes().first() {
        Some(b'i') => Some(ColumnKind::One(CellKind::Int)),
        Some(b'n') => Some(ColumnKind::One(CellKind::Number)),
        Some(b'b') => Some(ColumnKind::One(CellKind::Bool)),
        Some(b'z') => Some(ColumnKind::One(CellKind::Time)),
        Some(b'l') => Some(ColumnKind::List(CellKind::Number)),
        Some(b'w') => Some(ColumnKind::List(CellKind::Text)),
        _ => None,
    };
    let options = ReadOptions::default().kinds(kinds).skip_bad(skip_bad);
    match Source::over(input(name, bytes)?, ids.map(|ids| input("ids.txt", ids)).transpose()?, &options)? {
        Source::Rows(mut reader) => {
            while let Some(batch) = reader.next_batch(batch)? {
                let told = |row: &ImportRow| format!("{}{}: {:?}", row.id.as_str(), row.place, row.row);
                out.rows.extend(batch.rows.iter().map(told));
                out.bad.extend(batch.bad.iter().map(ToString::to_string));
            }
        }
        Source::Vectors(mut reader) => {
            while let Some(chunk) = reader.next_chunk(batch)? {
                let rows = chunk.ids.iter().zip(chunk.first_row..).zip(chunk.vectors.iter());
                let bits = |vector: &[f32]| vector.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                out.rows.extend(rows.map(|((id, row), vector)| format!("{}, row {row}: {:?}", id.as_str(), bits(vector))));
            }
        }
    }
    Ok(())
}
