//! The binary and the shell, as a user meets them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod binary;
mod bundles;
mod going_on;
mod golden;
mod readme;
mod second_stage;
mod training;
mod transcript;
