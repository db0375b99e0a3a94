//! `train`, `make`, `retrain` and `report`: from files of events and rows to towers, and to a database that recommends.

mod args;
mod command;
mod files;
mod fit;
mod load;
mod make;
mod retrain;
mod rivals;
mod saved;
mod show;
mod specs;
mod tradeoff;

pub(crate) use command::{Train, run as train};
pub(crate) use make::{Shop, make};
pub(crate) use retrain::{Retrain, retrain};
pub(crate) use tradeoff::{Report, report};
