//! The database and its collections: the one place where the way in and the way out meet.

mod collection;
mod core;
mod database;
mod options;
mod stats;
mod worker;

pub use collection::{BuildOptions, Built, Collection, Import, ImportReport};
pub use database::Database;
pub use options::{CollectionOptions, DatabaseBuilder, Durability};
pub use stats::Stats;
