//! Rows of a file in batches, with or without the bad ones in between.

use super::error::{ImportError, Place, Problem};
use super::input::Meter;
use super::taken::{EXACT, Taken, whole_number};
use torre::ItemId;
use torre::{Row, Value};

/// A batch is handed out when its rows took this many bytes of text, whatever their number.
const BATCH_BYTES: usize = 8 << 20;

/// A row, its id, and where it stood.
#[derive(Clone, PartialEq, Debug)]
pub struct ImportRow {
    /// The id, as text.
    pub id: ItemId,
    /// The features, the `id` among them: a tower may read it.
    pub row: Row,
    /// Where in the file.
    pub place: Place,
    /// What it took in the file, as far as that is known.
    pub bytes: usize,
}

/// A format that gives rows one after another.
pub(super) trait Rows: Send {
    /// The next row; `None` at the end. After an error of one row the next call goes on behind it.
    fn next(&mut self) -> Result<Option<ImportRow>, ImportError>;
    fn meter(&self) -> &Meter;
    /// What was taken otherwise than it stands there, up to the row read last.
    fn taken(&self) -> &Taken;
}

/// Up to the asked number of rows, and what was wrong with those between them that could not be used.
#[derive(Debug, Default)]
pub struct RowBatch {
    pub rows: Vec<ImportRow>,
    pub bad: Vec<ImportError>,
}

/// Rows of one file.
pub struct RowReader {
    rows: Box<dyn Rows>,
    skip_bad: bool,
}

impl RowReader {
    pub(super) fn new(rows: Box<dyn Rows>, skip_bad: bool) -> Self {
        Self { rows, skip_bad }
    }

    /// The next rows, at most `most` good and bad together; `None` at the end of the file. Without `skip_bad` the first bad row is an error.
    pub fn next_batch(&mut self, most: usize) -> Result<Option<RowBatch>, ImportError> {
        let (mut batch, mut bytes) = (RowBatch::default(), 0);
        while batch.rows.len() + batch.bad.len() < most && bytes < BATCH_BYTES {
            match self.rows.next() {
                Ok(Some(row)) => {
                    bytes += row.bytes;
                    batch.rows.push(row);
                }
                Ok(None) => break,
                Err(error) if self.skip_bad && error.is_one_row() => batch.bad.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok((!batch.rows.is_empty() || !batch.bad.is_empty()).then_some(batch))
    }

    /// How far the file has been read.
    pub fn meter(&self) -> &Meter {
        self.rows.meter()
    }

    /// What was taken otherwise than it stands in the file.
    pub fn taken(&self) -> &Taken {
        self.rows.taken()
    }
}

/// The id that a row carries: text, or an integer, which is its decimal text. A float without a fraction becomes an integer in the row too.
pub(super) fn id_of(row: &mut Row, taken: &mut Taken) -> Result<ItemId, Problem> {
    if let Some(Value::Float(number)) = row.get("id")
        && let Some(whole) = whole_number(*number)
    {
        if number.abs() > EXACT {
            return Err(Problem::IdKind { got: "a float beyond 2^53, where floats do not tell integers apart" });
        }
        taken.whole += 1;
        row.insert("id", whole);
    }
    match row.get("id") {
        None | Some(Value::Null) => Err(Problem::NoId { near: Vec::new() }),
        Some(Value::Text(text)) => Ok(ItemId::new(&**text)?),
        Some(Value::Int(number)) => Ok(ItemId::from(*number)),
        Some(Value::Uint(number)) => Ok(ItemId::from(*number)),
        Some(Value::Bool(_)) => Err(Problem::IdKind { got: "a bool" }),
        Some(Value::Float(_)) => Err(Problem::IdKind { got: "a number with a fraction" }),
        Some(Value::List(_)) => Err(Problem::IdKind { got: "a list" }),
        Some(Value::Object(_)) => Err(Problem::IdKind { got: "an object (pandas writes rows with to_json(orient=\"records\"))" }),
    }
}
