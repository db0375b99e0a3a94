//! The database and its collections: the one place where the way in and the way out meet.

mod backup;
mod build;
mod collection;
#[cfg(test)]
mod column_tests;
mod core;
#[cfg(test)]
mod damage_tests;
mod database;
mod dump;
mod dump_files;
mod embed;
#[cfg(all(test, feature = "onnx"))]
mod embed_tests;
mod facets;
#[cfg(test)]
mod fault_tests;
#[cfg(all(test, not(feature = "schedules")))]
mod group_tests;
mod import;
mod items;
mod list_log;
mod load;
#[cfg(test)]
mod magnitude_tests;
mod matching;
mod options;
mod patch;
#[cfg(all(test, not(feature = "schedules")))]
mod patch_place_tests;
#[cfg(all(test, feature = "onnx"))]
mod patch_tests;
mod pinned;
mod policies;
mod policy;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod query_sample_tests;
#[cfg(test)]
mod ranker_tests;
mod rankers;
mod ranking;
mod rename;
#[cfg(test)]
mod rename_tests;
#[cfg(test)]
mod run_tests;
mod salvage;
#[cfg(all(test, feature = "schedules"))]
mod schedule_tests;
mod score;
#[cfg(test)]
mod snapshot_tests;
mod staging;
mod stats;
mod stored_list;
#[cfg(test)]
mod stored_list_tests;
mod tail;
mod verify;
mod verify_codes;
mod verify_kept;
mod verify_report;
mod verify_rows;
#[cfg(test)]
mod version_tests;
mod worker;

pub use backup::BackupReport;
pub use build::{BuildOptions, Built};
pub use collection::Collection;
pub use database::Database;
#[cfg(feature = "fuzzing")]
pub(crate) use database::Running;
pub use dump::DumpReport;
pub use embed::EmbedReport;
pub use facets::{Facet, FacetValue, Facets};
pub use import::{Import, ImportReport};
pub use items::Items;
pub use load::LoadReport;
pub use options::{CollectionOptions, DatabaseBuilder, Durability};
pub use salvage::SalvageReport;
pub use stats::{ListRows, Stats};
pub use stored_list::{ListInfo, MAX_LIST_NAME_BYTES, StoredList};
pub use verify_report::{Damage, VerifyReport};
pub use worker::Importing;
