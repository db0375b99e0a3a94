//! How files of events and rows are read.

use std::collections::BTreeMap;

use torre::filter::Filter;
use torre_data::{Encoding, Format, ReadOptions};

/// How a file of rows is read.
#[derive(Clone, PartialEq, Debug)]
pub struct FileOptions {
    /// What it holds, whatever its name ends with.
    pub format: Option<Format>,
    /// Whether the first line of a CSV file names its columns; without, they are `1`, `2` and so on.
    pub header: bool,
    /// What stands between the cells of a CSV file; without, a comma, a tab, or what the first line of a file without a header says.
    pub delimiter: Option<u8>,
    /// How a CSV file writes its characters.
    pub encoding: Encoding,
    /// Fields and the columns that they are read from. For rows of items and users, columns that are not named are left out once one is.
    pub columns: Vec<(String, String)>,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { format: None, header: true, delimiter: None, encoding: Encoding::Utf8, columns: Vec::new() }
    }
}

impl FileOptions {
    /// The same for another file, whose columns have other names.
    #[must_use]
    pub fn with_columns(&self, columns: Vec<(String, String)>) -> Self {
        Self { columns, ..self.clone() }
    }

    /// The column that a field is read from, where one is named.
    pub(crate) fn column(&self, field: &str) -> Option<&str> {
        self.columns.iter().find(|(known, _)| known == field).map(|(_, column)| column.as_str())
    }

    /// For the readers: rows with all their columns, bad ones counted.
    pub(crate) fn reading(&self) -> ReadOptions {
        ReadOptions::default()
            .takes_ids(false)
            .skip_bad(true)
            .format(self.format)
            .header(self.header)
            .delimiter(self.delimiter)
            .encoding(self.encoding)
    }
}

/// What the rows of a file of events mean.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct InteractionOptions {
    /// How the file is read; its `columns` name where `user`, `item`, `time`, `weight`, `label` and `event` stand.
    pub file: FileOptions,
    /// Events of which this is true were chosen; the others were seen and not chosen. Without it the label says so, and without a label
    /// every event was chosen.
    pub positive: Option<Filter>,
    /// What events of a type count; others count 1.
    pub event_weights: BTreeMap<String, f32>,
}
