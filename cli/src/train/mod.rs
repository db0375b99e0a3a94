//! `train` and `make`: from files of events and rows to towers, and to a database that recommends.

mod args;
mod files;
mod fit;
mod load;
mod make;
mod rivals;
mod show;
mod train;

pub(crate) use args::{DataArgs, TowerArgs};
pub(crate) use make::{Shop, make};
pub(crate) use train::{Train, run as train};
