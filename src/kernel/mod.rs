//! kernel

pub(crate) mod train;
