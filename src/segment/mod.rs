//! A collection in memory: sealed segments and the runs of the tail, gathered in immutable snapshots.

mod asked;
mod generation;
mod ids;
mod live;
mod lookup;
mod record;
mod rows;
mod run;
mod sealed;
mod settings;
mod shared;
mod snapshot;
mod stored;
mod values;

pub(crate) use asked::Asked;
#[cfg(feature = "fuzzing")]
pub(crate) use generation::Head;
pub(crate) use generation::{Generation, Trained};
pub(crate) use ids::Ids;
pub(crate) use live::LiveRows;
pub(crate) use lookup::SnapshotLookup;
pub(crate) use record::Record;
pub(crate) use rows::Rows;
pub(crate) use run::Run;
pub(crate) use sealed::Sealed;
pub(crate) use settings::{IndexSettings, SPACE, Settings};
pub(crate) use shared::Shared;
pub(crate) use snapshot::{Place, Snapshot, View};
pub(crate) use stored::{Stored, StoredRows};
pub(crate) use values::Values;
