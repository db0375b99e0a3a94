//! Trains the two towers of a recommender, together, on what people chose.
//!
//! A [`Dataset`] holds items, users and what they chose, encoded by the same code that serving encodes with. Every layer has its
//! backward pass written out; tables of embeddings cost what a batch touches.

mod batch;
mod cache;
#[cfg(test)]
mod cache_tests;
mod cases;
mod checkpoint;
mod comparison;
mod config;
mod config_check;
mod dataset;
mod dense;
mod entities;
mod error;
mod events;
mod examples;
mod fold;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod hard;
#[cfg(test)]
mod hard_tests;
mod infer;
mod joined;
mod layer;
mod layout;
mod loops;
mod loss;
#[cfg(test)]
mod matryoshka_tests;
mod model;
mod onnx;
mod optimizer;
mod pool;
mod prefix;
mod progress;
#[cfg(test)]
mod pytorch_tests;
mod ranking;
mod read;
mod rng;
mod sampler;
mod second;
mod split;
mod spread;
mod state;
mod table;
#[cfg(test)]
mod table_tests;
mod tower;
mod trained;
mod trainer;
#[cfg(test)]
mod trainer_tests;
mod trees;
mod warm;

pub use cases::Case;
pub use config::{Combine, Config, Fold, LogQ, LossOptions, Negatives, Optimizer, PoolKind, Towers, Training};
pub use dataset::{Dataset, History};
pub use entities::{Column, Entities, Lists};
pub use error::TrainError;
pub use events::{Event, Events, Part};
pub use infer::{FieldChoice, Inferred, Kind, Kinds, SpecOptions, infer_item, infer_user};
pub use joined::{Joined, Sources, asking_row};
pub use loss::Loss;
pub use onnx::{Files, GoldenRow, RankerFile};
pub use optimizer::Rule;
pub use progress::{EpochReport, Progress};
pub use ranking::Quality;
pub use read::{
    Date, FileOptions, InteractionOptions, Log, Names, RawEvent, ReadReport, Table, read_events, read_sets, read_table, to_seconds,
};
pub use second::{Asked, Candidates, FittedRanker, RankCase, RankerFeatures, RankerOptions, fit_ranker, suggest};
pub use split::{PartReport, Split, SplitReport, SplitRule};
pub use trained::Trained;
pub use trainer::{Run, train};
pub use trees::{Boosted, Branch, Forest, Next, RankingTable, Tree, TreeOptions, boost, ndcg};
pub use warm::{Grown, Previous};
