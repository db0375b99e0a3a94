//! A collection in memory: sealed segments and the runs of the tail, gathered in immutable snapshots.

mod column;
pub(crate) mod delta;
mod ids;
mod lists;
mod live;
mod lookup;
mod parts;
mod patches;
mod policies;
mod query_sample;
mod rankers;
mod record;
mod row_table;
mod rows;
mod run;
mod run_lists;
mod sealed;
mod select;
mod settings;
mod shared;
mod snapshot;
mod space;
mod stored;
mod training;
mod values;

#[cfg(test)]
pub(crate) use column::testing as column_testing;
pub(crate) use column::{Bits, Cells, Column, ColumnBuilder, Columns, ColumnsBuilder};
#[cfg(test)]
pub(crate) use ids::MOST_BYTES_HERE;
pub(crate) use ids::{Ids, TooManyRows};
pub(crate) use lists::{Changed, ListChange, ListEntry, ListState, Lists, Log as ListLog, MOST_KEEP as MOST_LIST_KEEP, Parts, unix_second};
pub(crate) use live::LiveRows;
pub(crate) use lookup::SnapshotLookup;
pub(crate) use parts::segment::MOST_COLUMNS;
pub(crate) use patches::{Patch, Patches, lay_over};
pub(crate) use policies::{KeptPolicy, Policies};
pub(crate) use query_sample::QuerySample;
pub(crate) use rankers::Rankers;
pub(crate) use record::Record;
pub(crate) use row_table::{RowTable, TableError};
pub(crate) use rows::Rows;
pub(crate) use run::Run;
pub(crate) use run_lists::{RunLists, UNKNOWN, lists_of};
pub(crate) use sealed::{Origin, Sealed, column_parts, free_column};
pub(crate) use select::{Prepared, check_indexed};
pub(crate) use settings::{IndexSettings, Settings};
pub(crate) use shared::Shared;
pub(crate) use snapshot::{Place, Snapshot, View};
pub(crate) use space::{FIRST_SPACE, Space};
pub(crate) use stored::{Stored, StoredRows};
#[cfg(feature = "fuzzing")]
pub(crate) use training::TrainingHead;
pub(crate) use training::{Trained, Training};
pub(crate) use values::Values;
