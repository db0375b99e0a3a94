//! How a file is to be read: its format, and which of its columns become which fields.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::encoding::Encoding;
use super::format::Format;
use super::kind::ColumnKind;

/// What a field holds, by its name; `None` for a field that nobody declared.
type Kinds = Arc<dyn Fn(&str) -> Option<ColumnKind> + Send + Sync>;

/// How to read a file.
#[derive(Clone)]
pub struct ReadOptions {
    pub(super) kinds: Kinds,
    pub(super) ids: Option<PathBuf>,
    pub(super) skip_bad: bool,
    pub(super) format: Option<Format>,
    pub(super) delimiter: Option<u8>,
    /// Chosen columns: the field, and the column that it is read from.
    pub(super) columns: Vec<(String, String)>,
    pub(super) id: Option<String>,
    pub(super) vector: Option<String>,
    pub(super) takes_vectors: bool,
    pub(super) ignore_unknown: bool,
    pub(super) header: bool,
    pub(super) encoding: Encoding,
    pub(super) takes_ids: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            kinds: Arc::new(|_| None),
            ids: None,
            skip_bad: false,
            format: None,
            delimiter: None,
            columns: Vec::new(),
            id: None,
            vector: None,
            takes_vectors: false,
            ignore_unknown: false,
            header: true,
            encoding: Encoding::Utf8,
            takes_ids: true,
        }
    }
}

impl ReadOptions {
    /// What the fields hold; `None` for one that is not declared, whose CSV cells are text.
    pub fn kinds(mut self, kinds: impl Fn(&str) -> Option<ColumnKind> + Send + Sync + 'static) -> Self {
        self.kinds = Arc::new(kinds);
        self
    }

    /// A file with an id a line for the vectors of `.npy` and `.fvecs`; without it an id is the row number.
    pub fn ids(mut self, ids: Option<&Path>) -> Self {
        self.ids = ids.map(Path::to_owned);
        self
    }

    /// Go on after a row that cannot be used, and hand out its error beside the good rows.
    pub fn skip_bad(mut self, skip_bad: bool) -> Self {
        self.skip_bad = skip_bad;
        self
    }

    /// What the file holds, whatever its name ends with.
    pub fn format(mut self, format: Option<Format>) -> Self {
        self.format = format;
        self
    }

    /// What stands between the cells of a CSV file [default: a comma, a tab in `.tsv`].
    pub fn delimiter(mut self, delimiter: Option<u8>) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Whether the first record of a CSV file names its columns. Without a header they are named `1`, `2` and so on, and a delimiter that
    /// is not given is told by the first line.
    pub fn header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// How a CSV file writes its characters.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Each row has to bring an id. Without, a row is known by its place alone, and a column `id` is one like others.
    pub fn takes_ids(mut self, takes_ids: bool) -> Self {
        self.takes_ids = takes_ids;
        self
    }

    /// Whether something said of the file is true of CSV alone.
    pub(super) fn is_csv(&self) -> bool {
        !self.header || self.delimiter.is_some()
    }

    /// Reads `field` from `column`. Once one column is chosen the others are left out, all but `id` and `vector`.
    pub fn column(mut self, field: impl Into<String>, column: impl Into<String>) -> Self {
        self.columns.push((field.into(), column.into()));
        self
    }

    /// The column that holds the ids, instead of `id`.
    pub fn id(mut self, column: Option<&str>) -> Self {
        self.id = column.map(str::to_owned);
        self
    }

    /// The column that holds the vectors, instead of `vector`.
    pub fn vector(mut self, column: Option<&str>) -> Self {
        self.vector = column.map(str::to_owned);
        self
    }

    /// Each row has to bring a vector.
    pub fn takes_vectors(mut self, takes_vectors: bool) -> Self {
        self.takes_vectors = takes_vectors;
        self
    }

    /// Leave out the columns that nobody declared.
    pub fn ignore_unknown(mut self, ignore_unknown: bool) -> Self {
        self.ignore_unknown = ignore_unknown;
        self
    }
}
