//! `train`, `make` and `report`: from files of events and rows to towers, and to a database that recommends.

mod args;
mod files;
mod fit;
mod load;
mod make;
mod rivals;
mod show;
mod tradeoff;
mod train;

pub(crate) use make::{Shop, make};
pub(crate) use tradeoff::{Report, report};
pub(crate) use train::{Train, run as train};
