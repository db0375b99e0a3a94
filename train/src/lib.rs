//! Trains the two towers of a recommender, together, on what people chose.
//!
//! A [`Dataset`] holds items, users and what they chose, encoded by the same code that serving encodes with. Every layer has its
//! backward pass written out; tables of embeddings cost what a batch touches.

mod config;
mod dataset;
mod dense;
mod entities;
mod error;
mod events;
mod layer;
mod layout;
mod loops;
mod loss;
mod optimizer;
mod rng;
mod sampler;
mod table;

pub use config::{Combine, Config, Fold, LogQ, LossOptions, Negatives, Optimizer, PoolKind, Towers, Training};
pub use dataset::{Case, Dataset, History};
pub use entities::{Column, Entities, Lists};
pub use error::TrainError;
pub use events::{Event, Events, Part};
pub use loss::Loss;
pub use optimizer::Rule;
