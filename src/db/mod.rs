//! The database and its collections: the one place where the way in and the way out meet.

mod build;
mod collection;
mod core;
mod database;
mod import;
mod options;
mod stats;
mod worker;

pub use build::{BuildOptions, Built};
pub use collection::Collection;
pub use database::Database;
pub use import::{Import, ImportReport};
pub use options::{CollectionOptions, DatabaseBuilder, Durability};
pub use stats::Stats;
