//! The vector space's quantizers: the coarse one says which list a vector belongs to, the product quantizer codes what is left.
//!
//! Everything here gives the same result on any CPU and number of threads: training is seeded, sums have a fixed order.

pub(crate) mod bands;
mod bytes;
pub(crate) mod calibrate;
pub(crate) mod calibration;
mod choose;
mod codebook;
pub(crate) mod density;
mod encode;
mod groups;
mod interpolate;
pub(crate) mod kmeans;
mod measure_bands;
pub(crate) mod nearest;
mod picked;
mod pq;
mod rng;
mod sample;
pub(crate) mod scale;
#[cfg(test)]
pub(crate) mod testing;
mod train;
mod trained;
pub(crate) mod truth;

pub(crate) use codebook::{CENTROIDS, GROUPS, ProductQuantizer};
pub(crate) use train::{TrainParams, group_weight};
pub(crate) use trained::Quantizer;
