//! `train`, `make`, `retrain`, `report` and `train-ranker`: from files of events and rows to towers, to a database that recommends, and to its
//! second stage.

mod args;
mod command;
mod files;
mod fit;
mod load;
mod make;
mod ranker;
mod ranker_args;
mod ranker_cases;
#[cfg(feature = "parquet")]
mod ranker_table;
#[cfg(not(feature = "parquet"))]
#[path = "ranker_table_absent.rs"]
mod ranker_table;
mod retrain;
mod rivals;
mod saved;
mod show;
mod specs;
mod stock;
mod tradeoff;

pub(crate) use command::{Train, run as train};
pub(crate) use make::{Shop, make};
pub(crate) use ranker::run as train_ranker;
pub(crate) use ranker_args::RankerArgs;
pub(crate) use retrain::{Retrain, retrain};
pub(crate) use stock::making;
pub(crate) use tradeoff::{Report, report};
