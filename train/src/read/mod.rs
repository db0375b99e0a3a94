//! Files into events and rows.

mod interactions;
mod log;
mod moment;
mod options;
mod positive;
mod roles;
mod sets;
mod table;

pub use interactions::read_events;
pub use log::{Log, Names, RawEvent, ReadReport};
pub use moment::{Date, to_seconds};
pub use options::{FileOptions, InteractionOptions};
pub use sets::read_sets;
pub use table::{Table, read_table};
