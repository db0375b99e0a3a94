//! Trains the two towers of a recommender, together, on what people chose.
//!
//! A [`Dataset`] holds items, users and what they chose, encoded by the same code that serving encodes with. Every layer has its
//! backward pass written out; tables of embeddings cost what a batch touches.

mod dataset;
mod entities;
mod error;
mod events;
mod infer;
mod joined;
mod layout;
mod read;
mod split;

pub use dataset::{Case, Dataset, History};
pub use entities::{Column, Entities, Lists};
pub use error::TrainError;
pub use events::{Event, Events, Part};
pub use read::{Date, FileOptions, InteractionOptions, Log, Names, RawEvent, ReadReport, Table, read_events, read_sets, read_table, to_seconds};
pub use split::{PartReport, Split, SplitReport, SplitRule};
pub use infer::{FieldChoice, Inferred, Kind, Kinds, SpecOptions, infer_item, infer_user};
pub use joined::{Joined, Sources, asking_row};
